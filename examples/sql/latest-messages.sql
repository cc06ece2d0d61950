-- The latest messages of a mailbox, with the folder they lie in.
select m.received_at, f.display_name as folder, m.from_address, m.subject, m.is_read, m.has_attachments
from email_messages m
left join mail_folders f on f.mailbox_id = m.mailbox_id and f.external_id = m.folder_external_id
where m.mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
order by m.received_at desc
limit 20;
