//! Items and pages, from Graph's text to our words.

use graph_mirror::graph::wire::{AttachmentObject, Page, SubscriptionObject};
use graph_mirror::mirror::convert::event::EventItem;
use graph_mirror::mirror::convert::folder::FolderItem;
use graph_mirror::mirror::convert::message::MessageItem;
use graph_mirror::mirror::convert::{self, raw::without_content};
use graph_mirror::model::ids::GraphId;
use proptest::prelude::*;
use serde_json::json;

use super::cases;
use super::damage::{calendar, damaged, event, folder, message, wrecks};

/// Whether the text that was kept is what came: itself, or as a JSON string where no database takes it as JSON.
fn is_kept(raw: &str, came: &str) -> bool {
    raw == came || serde_json::from_str::<String>(raw).is_ok_and(|held| held == came)
}

proptest! {
    #![proptest_config(cases(150))]

    // M14, S68
    #[test]
    fn a_damaged_message_is_a_row_or_a_suspicion(wrecks in wrecks()) {
        let text = damaged(&message("A"), &wrecks);

        let shown = convert::message::read(&text);

        match shown {
            Ok(MessageItem::Whole(message)) => {
                prop_assert!(is_kept(&message.raw, &without_content(&text)));
                prop_assert!(GraphId::is_possible(message.external_id.as_str()));
                prop_assert!(GraphId::is_possible(message.folder_external_id.as_str()));
            }
            Ok(MessageItem::Partial { suffices, .. }) => prop_assert!(!suffices, "it was whole once"),
            Ok(MessageItem::Removed(_)) | Err(_) => {}
        }
    }

    #[test]
    fn a_damaged_part_of_a_message_never_suffices_where_it_cannot_be_read(wrecks in wrecks()) {
        let part = json!({
            "@odata.etag": "W/\"K\"", "id": "A", "isRead": true, "flag": { "flagStatus": "flagged" },
            "lastModifiedDateTime": "2026-01-09T08:00:00Z",
        });
        let text = damaged(&part, &wrecks);

        if let Ok(MessageItem::Partial { message, suffices, .. }) = convert::message::read(&text)
            && suffices
        {
            // What suffices was read strictly: nothing of it was taken for null.
            let strict = serde_json::from_str::<graph_mirror::graph::wire::MessageObject<'_>>(&text);
            prop_assert!(strict.is_ok());
            prop_assert!(message.change_key.is_some() && message.modified_at.is_some());
        }
    }

    #[test]
    fn a_damaged_event_is_a_row_or_a_suspicion(wrecks in wrecks()) {
        let text = damaged(&event("A"), &wrecks);

        match convert::event::read(&text, &GraphId::from("calendar")) {
            Ok(EventItem::Whole(event)) => {
                prop_assert!(is_kept(&event.raw, &without_content(&text)));
                let other = convert::event::dressed_again(&event, &event);
                prop_assert_eq!(other.start_at, event.start_at);
            }
            Ok(EventItem::Occurrence(_) | EventItem::Removed(_)) | Err(_) => {}
        }
    }

    #[test]
    fn a_damaged_occurrence_is_dressed_or_a_suspicion(wrecks in wrecks()) {
        let calendar = GraphId::from("calendar");
        let Ok(EventItem::Whole(master)) = convert::event::read(&event("M").to_string(), &calendar) else {
            panic!("a master");
        };
        let bare = json!({
            "@odata.type": "#microsoft.graph.event", "@odata.etag": "W/\"K\"", "id": "O", "seriesMasterId": "M",
            "type": "occurrence", "start": { "dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC" },
            "end": { "dateTime": "2026-03-02T10:00:00.0000000", "timeZone": "UTC" },
        });
        let text = damaged(&bare, &wrecks);

        if let Ok(EventItem::Occurrence(occurrence)) = convert::event::read(&text, &calendar) {
            let event = occurrence.dressed_as(&master);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&event.raw).is_ok());
        }
    }

    #[test]
    fn a_damaged_folder_or_calendar_is_a_row_or_a_suspicion(wrecks in wrecks()) {
        let text = damaged(&folder("A"), &wrecks);
        if let Ok(FolderItem::Whole { folder }) = convert::folder::read(&text) {
            prop_assert!(is_kept(&folder.raw, &text));
        }
        let text = damaged(&calendar("A"), &wrecks);
        if let Ok(calendar) = convert::calendar::read(&text) {
            prop_assert!(is_kept(&calendar.raw, &text));
        }
    }

    #[test]
    fn a_damaged_attachment_or_subscription_makes_nothing_panic(wrecks in wrecks()) {
        let attachment = json!({
            "@odata.type": "#microsoft.graph.fileAttachment", "id": "A", "name": "a.pdf", "contentType": "x/y", "size": 1,
            "isInline": false, "contentId": null, "lastModifiedDateTime": "2026-01-09T08:00:00Z",
        });
        let text = damaged(&attachment, &wrecks);
        let read = convert::message::read_attachment(&text);
        prop_assert!(serde_json::from_str::<AttachmentObject<'_>>(&text).is_err() || read.is_ok() || !text.contains("\"id\":\"A\""));
        let subscription = json!({
            "id": "S", "resource": "users/a/messages", "notificationUrl": "https://a.example/x", "clientState": null,
            "expirationDateTime": "2026-01-09T08:00:00Z",
        });
        let _ = serde_json::from_str::<SubscriptionObject<'_>>(&damaged(&subscription, &wrecks));
    }

    #[test]
    fn a_damaged_item_takes_none_of_its_page_with_it(wrecks in wrecks()) {
        let odd = damaged(&message("odd"), &wrecks);
        let (one, other) = (message("one").to_string(), message("other").to_string());
        let text = format!(
            r#"{{"@odata.context":"c","value":[{one},{odd},{other}],"@odata.deltaLink":"https://g.example/v1.0/d?$deltatoken=t"}}"#
        );

        let page: Page<'_> = serde_json::from_str(&text).expect("the page is none the worse");

        prop_assert_eq!(page.value.len(), 3);
        prop_assert!(page.delta().is_some());
        prop_assert_eq!(page.value[1].get(), odd.as_str(), "as it came");
        for (place, alone) in [(0, &one), (2, &other)] {
            prop_assert_eq!(convert::message::read(page.value[place].get()), convert::message::read(alone));
        }
        if convert::message::read(page.value[1].get()).is_err()
            && let Some(id) = convert::id_of(page.value[1])
        {
            prop_assert!(GraphId::is_possible(id.as_str()), "it is looked at by itself");
        }
    }

    #[test]
    fn a_damaged_page_is_a_page_or_none(wrecks in wrecks()) {
        let page = json!({
            "@odata.context": "c", "value": [message("A")], "@odata.nextLink": "https://g.example/v1.0/d?$skiptoken=t",
        });
        let text = damaged(&page, &wrecks);
        if let Ok(page) = serde_json::from_str::<Page<'_>>(&text) {
            let _ = (page.next(), page.delta());
        }
    }
}
