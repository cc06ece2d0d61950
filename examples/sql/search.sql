-- Messages whose subject or body holds a word. On a large mirror make an index of your own for this, in a schema of your own.
select received_at, from_address, subject
from email_messages
where mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
  and (lower(subject) like '%invoice%' or lower(body) like '%invoice%')
order by received_at desc
limit 50;
