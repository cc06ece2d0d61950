-- One line for each mailbox: its state, how complete it is, whether notifications arrive, what waits, how the last audit ended.
select m.owner, m.address, m.state, m.state_reason, m.backfilled_at, m.synced_at, m.push_healthy, m.push_reason,
       (select count(*) from notices n where n.mailbox_id = m.id) as waiting,
       (select count(*) from notices n where n.mailbox_id = m.id and n.attempts >= 5) as quarantined,
       (select max(c.failures) from cursors c where c.mailbox_id = m.id) as worst_cursor_failures,
       (select a.equal from audits a where a.mailbox_id = m.id order by a.as_of desc limit 1) as last_audit_equal
from mailboxes m
order by m.owner, m.address;
