-- Deletes every row of the mailboxes of an owner that were disconnected before. In one transaction; nothing happens to connected ones.
-- Attachments and originals at which no row points any more are deleted by the service a day later.
begin;
delete from email_attachments where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from email_messages where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from email_threads where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from mail_folders where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from calendar_events where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from calendars where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from changes where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from audits where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from tombstones where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from notices where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from cursors where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from origins where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from commands where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from subscriptions where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from uploads where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from oauth_tokens where mailbox_id in (select id from mailboxes where owner = 'me' and state = 'disconnected');
delete from mailboxes where owner = 'me' and state = 'disconnected';
commit;
