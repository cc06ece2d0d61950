-- Messages and unread messages by folder, as rows of the mirror and as Microsoft counts them.
select f.display_name, count(m.external_id) as messages, count(case when not m.is_read then 1 end) as unread,
       f.total_item_count as messages_at_microsoft, f.unread_item_count as unread_at_microsoft
from mail_folders f
left join email_messages m on m.mailbox_id = f.mailbox_id and m.folder_external_id = f.external_id
where f.mailbox_id = (select id from mailboxes where owner = 'me' order by address limit 1)
group by f.external_id, f.display_name, f.total_item_count, f.unread_item_count
order by messages desc;
