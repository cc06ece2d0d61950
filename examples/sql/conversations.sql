-- The conversations of a mailbox that moved last, and who takes part.
select t.last_message_at, t.subject, t.message_count, t.unread_count, t.participants
from email_threads t
where t.mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
order by t.last_message_at desc
limit 20;
