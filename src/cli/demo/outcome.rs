//! What the demo found, as `--json` prints it.

use serde::Serialize;

use super::delays::Summary;

/// One JSON object on standard output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Mailboxes connected.
    pub mailboxes: usize,
    /// Messages in the database at the end.
    pub messages: i64,
    /// Events in the database at the end, occurrences included.
    pub events: i64,
    /// Edits that became rows. All of them, unless the audit found a difference.
    pub changes: usize,
    /// From the edit in the mailbox to the committed row; for an edit that was undone before the mirror looked, to the end of
    /// the audit that found nothing missing.
    pub edit_to_row_ms: Summary,
    /// Requests the built-in Graph answered, batch parts counted singly.
    pub graph_requests: u64,
    /// How many of them it refused because a limit was reached.
    pub throttled: u64,
    /// Whether the audit at the end found every mailbox equal to its copy.
    pub verified: bool,
}
