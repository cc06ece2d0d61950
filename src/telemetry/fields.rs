//! The names of fields in log lines, so that a line can be found by what it is about.
//!
//! The list is closed: a test reads every log call and refuses a field that does not stand here. What could hold what
//! people wrote or who they are does not belong in it, and neither does anything that opens a door.

/// The names, and what they hold.
pub const ALL: [(&str, &str); 29] = [
    ("mailbox.id", "our id of the mailbox"),
    ("error", "what went wrong, without its causes' secrets"),
    ("lane", "the lane of a home"),
    ("schedule", "the name of a schedule"),
    ("items", "how many items a step touched"),
    ("is_new", "whether a mailbox was never connected before"),
    ("method", "the method of a request to Graph"),
    ("status", "the status of an answer"),
    (
        "client_request_id",
        "our id of a request to Graph, to quote to Microsoft",
    ),
    (
        "request_id",
        "Graph's id of a request, to quote to Microsoft",
    ),
    ("code", "the code of an error of Microsoft's"),
    ("reason", "why a mailbox is not mirrored"),
    ("failures", "failures in a row"),
    ("parts", "parts of a batch"),
    ("notices", "notices in one transaction"),
    ("recorded", "notices that became work"),
    ("parked", "notices whose subscription is not known yet"),
    ("dropped", "notices that nobody waits for"),
    ("malformed", "items of a post that cannot be read"),
    ("forged", "items of a post with a wrong clientState"),
    ("unknown", "items of a post of an unknown kind"),
    (
        "http.request_id",
        "the id of a request to us, answered as x-request-id",
    ),
    (
        "trace_id",
        "what a notification is followed by on its way, over processes",
    ),
    ("kind", "what a request to Graph asks for, or a command"),
    ("deleted", "contents that nobody pointed at any more"),
    ("expired", "uploads that nobody used"),
    ("command.id", "our id of a command"),
    ("failure", "the code of a command's failure"),
    ("public_url", "the address under which Graph reaches us"),
];
