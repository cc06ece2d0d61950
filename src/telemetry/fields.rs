//! The names of fields in log lines, so that a line can be found by what it is about.
//!
//! Use them as `info!({ fields::MAILBOX } = %id, …)`. What is not listed here and could hold what people
//! wrote or who they are, does not belong in a line.

/// Our id of a mailbox.
pub const MAILBOX: &str = "mailbox.id";
/// Our key of a subscription.
pub const SUBSCRIPTION: &str = "subscription.key";
/// Our id of a command.
pub const COMMAND: &str = "command.id";
/// The name of the process that holds a lease.
pub const HOLDER: &str = "home.holder";
/// Graph's `request-id`, to quote to Microsoft.
pub const GRAPH_REQUEST: &str = "graph.request_id";
/// Graph's or the identity platform's status.
pub const STATUS: &str = "http.status";
/// Graph's or the identity platform's error code.
pub const CODE: &str = "error.code";
/// How many items a step touched.
pub const ITEMS: &str = "items";
/// How long a step took, in milliseconds.
pub const ELAPSED_MS: &str = "elapsed_ms";
/// The route of a request to us, as a pattern: never the path with its values, never the query.
pub const ROUTE: &str = "http.route";

/// All of them, for the reference.
pub const ALL: [(&str, &str); 10] = [
    (MAILBOX, "our id of the mailbox"),
    (SUBSCRIPTION, "our key of the subscription"),
    (COMMAND, "our id of the command"),
    (HOLDER, "the process that holds the lease"),
    (GRAPH_REQUEST, "Graph's `request-id`, to quote to Microsoft"),
    (STATUS, "the status of an HTTP answer"),
    (CODE, "the code of an error"),
    (ITEMS, "how many items a step touched"),
    (ELAPSED_MS, "how long a step took, in milliseconds"),
    (ROUTE, "the route of a request to us, as a pattern"),
];
