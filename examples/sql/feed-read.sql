-- The next changes of a mailbox after the position that was read last (here 0). Keep the last position you get, with your own work, in one transaction.
select position, kind, external_id, change, at
from changes
where mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
  and position > 0
order by position
limit 500;
