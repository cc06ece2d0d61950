-- Deletes what is older than the last 100,000 changes of each mailbox. A reader who has not read that far must read all rows anew.
delete from changes
where position <= (select feed_position from mailboxes where id = changes.mailbox_id) - 100000;

-- And all audits but the last of each mailbox.
delete from audits
where as_of < (select max(other.as_of) from audits other where other.mailbox_id = audits.mailbox_id);
