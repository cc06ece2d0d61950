//! What requests found out, on its way to being made true by [`apply`](super::apply).

use super::Window;
use crate::model::calendar::Event;
use crate::model::ids::GraphId;
use crate::model::mail::{Attachment, Message, PartialMessage};
use crate::model::time::Timestamp;
use crate::model::work::{Cursor, CursorScope, NoticeKind};
use crate::store::{MailboxMark, SeenNotice};

/// A message that a request brought.
#[derive(Debug)]
pub(crate) struct FoundMessage {
    pub message: Message,
    /// When the request was sent; for a page of a round, when the round began (M37).
    pub fetched_at: Timestamp,
}

/// A part of a message that a page of a round brought (F6.5).
#[derive(Debug)]
pub(crate) struct FoundPart {
    pub external_id: GraphId,
    pub part: PartialMessage,
    pub suffices: bool,
    pub fetched_at: Timestamp,
}

/// An event that a request brought.
#[derive(Debug)]
pub(crate) struct FoundEvent {
    pub event: Event,
    pub fetched_at: Timestamp,
    /// Whether the round has seen it: rows that are only dressed anew were not seen.
    pub seen: bool,
}

/// The whole of a series in a window: what is not in it is not there (M50).
#[derive(Debug)]
pub(crate) struct FoundSeries {
    pub master: Event,
    pub window: Window,
    pub instances: Vec<Event>,
    pub fetched_at: Timestamp,
}

/// What requests found out, to be made true together.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The round that saw it all; rows are stamped with it.
    pub round: Option<i64>,
    /// Whether this is a folder's first copy: hardly any of its messages has a row.
    pub is_first: bool,
    pub messages: Vec<FoundMessage>,
    pub parts: Vec<FoundPart>,
    /// A GET by id answered 404: the only thing that deletes (F6.40).
    pub gone_messages: Vec<(GraphId, Timestamp)>,
    pub attachments: Vec<(GraphId, Vec<Attachment>, Timestamp)>,
    pub events: Vec<FoundEvent>,
    pub series: Vec<FoundSeries>,
    /// A GET by id answered 404; masters take their series with them (F6.38).
    pub gone_events: Vec<(GraphId, Timestamp)>,
    /// Alive, but out of the view: slots that a series has no more, and what a window left behind.
    pub dropped_events: Vec<GraphId>,
    /// What must be asked for by id before anything is believed of it.
    pub suspicions: Vec<(NoticeKind, GraphId)>,
    pub settled: Vec<SeenNotice>,
    /// Notices that must be looked at again, and when.
    pub postponed: Vec<(SeenNotice, Timestamp)>,
    /// Cursors that go.
    pub dropped_cursors: Vec<CursorScope>,
    /// Cursors to be polled then.
    pub dirty: Vec<(CursorScope, Timestamp)>,
    /// Folders whose messages change here are to be polled then (M47).
    pub poll_at: Option<Timestamp>,
    pub marks: Vec<MailboxMark>,
    pub cursor: Option<Cursor>,
}

impl Findings {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.parts.is_empty()
            && self.gone_messages.is_empty()
            && self.attachments.is_empty()
            && self.events.is_empty()
            && self.series.is_empty()
            && self.gone_events.is_empty()
            && self.dropped_events.is_empty()
            && self.suspicions.is_empty()
            && self.settled.is_empty()
            && self.postponed.is_empty()
            && self.dropped_cursors.is_empty()
            && self.dirty.is_empty()
            && self.marks.is_empty()
            && self.cursor.is_none()
    }

    /// Cuts off at most `size` rows where there are more; what ends the work stays in the rest.
    pub(crate) fn cut(&mut self, size: usize) -> Option<Self> {
        let part = Self {
            round: self.round,
            is_first: self.is_first,
            poll_at: self.poll_at,
            ..Self::default()
        };
        if self.messages.len() > size {
            let rest = self.messages.split_off(size);
            let messages = std::mem::replace(&mut self.messages, rest);
            return Some(Self { messages, ..part });
        }
        if self.events.len() > size {
            let rest = self.events.split_off(size);
            let events = std::mem::replace(&mut self.events, rest);
            return Some(Self { events, ..part });
        }
        if self.messages.len() + self.events.len() > size {
            let messages = std::mem::take(&mut self.messages);
            return Some(Self { messages, ..part });
        }
        if self.series.len() > 1 {
            let series = vec![self.series.remove(0)];
            return Some(Self { series, ..part });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::convert::message::MessageItem;

    #[test]
    fn what_ends_the_work_stands_in_the_last_part() {
        // M5
        let ids: Vec<GraphId> = (0..9).map(|id| GraphId::from(format!("{id}"))).collect();
        let mut findings = Findings {
            round: Some(7),
            is_first: true,
            gone_messages: vec![(ids[0].clone(), Timestamp::UNIX_EPOCH)],
            suspicions: vec![(NoticeKind::Message, ids[1].clone())],
            messages: ids.iter().map(found).collect(),
            ..Findings::default()
        };

        let mut parts = Vec::new();
        while let Some(part) = findings.cut(4) {
            parts.push(part);
        }
        parts.push(findings);

        let counts: Vec<usize> = parts.iter().map(|part| part.messages.len()).collect();
        assert_eq!(counts, [4, 4, 1]);
        assert!(
            parts
                .iter()
                .all(|part| part.round == Some(7) && part.is_first)
        );
        assert!(parts[..2].iter().all(|part| part.gone_messages.is_empty()));
        assert_eq!(parts[2].gone_messages.len(), 1);
        assert_eq!(parts[2].suspicions.len(), 1);
        let seen: Vec<&GraphId> = parts
            .iter()
            .flat_map(|part| &part.messages)
            .map(|found| &found.message.external_id)
            .collect();
        assert_eq!(seen, ids.iter().collect::<Vec<_>>());
    }

    fn found(id: &GraphId) -> FoundMessage {
        let text = serde_json::json!({
            "id": id, "parentFolderId": "f", "isRead": true, "subject": null, "body": null, "receivedDateTime": null,
        });
        let read = crate::mirror::convert::message::read(&text.to_string());
        let Ok(MessageItem::Whole(message)) = read else {
            panic!("it is a whole message");
        };
        FoundMessage {
            message: *message,
            fetched_at: Timestamp::UNIX_EPOCH,
        }
    }
}
