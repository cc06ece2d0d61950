-- What stands in the calendars between two instants: single events, occurrences and exceptions, but not the masters of series.
select e.start_at, e.end_at, c.name as calendar, e.subject, e.location, e.show_as
from calendar_events e
join calendars c on c.mailbox_id = e.mailbox_id and c.external_id = e.calendar_external_id
where e.mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
  and e.kind <> 'series_master'
  and not e.is_cancelled
  and e.start_at < '2027-01-01T00:00:00.000000Z'
  and e.end_at > '2026-01-01T00:00:00.000000Z'
order by e.start_at;
