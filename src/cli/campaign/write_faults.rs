//! The faults that strike what an application writes: refused before anything is done, or done and the answer lost.

use serde_json::{Value, json};

use super::faults::{Fault, struck_in, turned};
use super::script::{Scene, Step, pick};
use crate::sandbox::faults::FaultRule;

/// Paths of what we write, each a regular expression.
pub(super) const WRITES: &[&str] = &[
    "/messages$",
    "/send$",
    "/send$",
    "/createReply|/createForward",
    "/messages/[^/?]+$",
    "/attachments$",
    "/createUploadSession",
    "AttachmentSessions",
    "/move$|/copy$",
    "/events$",
    "/events/[^/?]+$",
];

/// How a write is refused, as JSON.
const REFUSALS: &[&str] = &[
    r#"{"reset":true}"#,
    r#"{"status":503,"body":""}"#,
    r#"{"status":500}"#,
    r#"{"status":504}"#,
    r#"{"status":429,"headers":{"Retry-After":"3"}}"#,
];

/// A rule that strikes one call or a few of what we write: refused before anything is done, or done and the answer lost.
pub(super) fn refused_write(rng: &mut fastrand::Rng) -> FaultRule {
    let mut fields: Value = if rng.bool() {
        json!({ "lose": true })
    } else {
        pick(rng, REFUSALS).parse().unwrap_or_default()
    };
    fields["path"] = pick(rng, WRITES).into();
    fields["times"] = rng.u64(1..=3).into();
    serde_json::from_value(fields).expect("the rules are well formed")
}

impl Fault {
    /// What a fault of writes does, and when.
    pub(super) fn steps_of_writes(self, scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
        match self {
            Self::LostAnswers => struck_in(scene, rng, WRITES, |_| json!({ "lose": true })),
            Self::RefusedWrites => struck_in(scene, rng, WRITES, |rng| {
                pick(rng, REFUSALS).parse().unwrap_or_default()
            }),
            Self::ChangedIds => turned(scene, json!({ "send_changes_id": true })),
            Self::LateSends => turned(scene, json!({ "send_delay_seconds": rng.u64(2..90) })),
            Self::EndedUploads => turned(scene, json!({ "upload_session_seconds": 1 })),
            _ => Vec::new(),
        }
    }
}
