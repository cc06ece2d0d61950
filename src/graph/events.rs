//! Events.

use super::answer::Answer;
use super::batch::BatchPart;
use super::error::GraphError;
use super::links::{Target, instant, segment};
use super::mailbox::MailboxGraph;
use super::prefer::Prefer;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

impl MailboxGraph {
    /// One event, in whichever calendar it is; times in UTC.
    pub async fn event(&self, lane: Lane, id: &GraphId) -> Result<Answer, GraphError> {
        self.get_json(lane, &self.event_path(id), Prefer::EVENTS)
            .await
    }

    /// The same question as a part of a batch.
    pub fn event_part(&self, id: &GraphId) -> BatchPart {
        self.part(self.event_path(id), Prefer::EVENTS)
    }

    /// The id of the calendar an event is in.
    pub fn event_calendar_part(&self, id: &GraphId) -> BatchPart {
        self.part(
            self.path(&format!("/events/{}/calendar?$select=id", segment(id))),
            Prefer::IDS,
        )
    }

    /// Full occurrences and exceptions of a series in a window (F7.14).
    pub fn instances(&self, master: &GraphId, start: Timestamp, end: Timestamp) -> Target {
        Target::Path(self.instances_path(master, start, end))
    }

    /// The same question as a part of a batch.
    pub fn instances_part(&self, master: &GraphId, start: Timestamp, end: Timestamp) -> BatchPart {
        self.part(self.instances_path(master, start, end), Prefer::EVENTS)
    }

    fn event_path(&self, id: &GraphId) -> String {
        self.path(&format!("/events/{}", segment(id)))
    }

    fn instances_path(&self, master: &GraphId, start: Timestamp, end: Timestamp) -> String {
        self.path(&format!(
            "/events/{}/instances?startDateTime={}&endDateTime={}&$top=500",
            segment(master),
            instant(start),
            instant(end)
        ))
    }
}
