//! The catalogue of variables: the one place that knows a name, its default and what it is for.
//!
//! `docs/reference/configuration.md` and `.env.example` are compared with this list by tests, so a variable
//! cannot be added without being documented. What only `docker-compose.yml` reads stands in a list of its own, [`STACK`]:
//! it comes from the same `.env`, and the program never looks at it. So does what OpenTelemetry's own library reads from the
//! environment of the process, [`OPEN_TELEMETRY`].

/// One variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Where it stands in the reference.
    pub section: Section,
    /// What it is when it is not set; `None` where [`Variable::is_required`] says so, or where being unset has a
    /// meaning of its own.
    pub default: Option<&'static str>,
    /// Whether the service does not start without it.
    pub is_required: bool,
    /// Whether its value must not be shown.
    pub is_secret: bool,
    /// What it means, for the reference.
    pub meaning: &'static str,
    /// How to repair a missing or malformed one, for the report.
    pub remedy: &'static str,
    /// A value that passes, for the reference and `.env.example`.
    pub example: &'static str,
}

/// A group of variables in the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The app registration.
    Microsoft,
    /// Keys.
    Encryption,
    /// Addresses.
    Server,
    /// The database.
    Database,
    /// The mirror.
    Mirror,
    /// Attachments and originals.
    Contents,
    /// Other clouds, and the sandbox.
    Clouds,
    /// Logs.
    Log,
    /// Traces to a collector.
    Traces,
    /// What only `docker-compose.yml` reads.
    Stack,
}

impl Section {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 10] = [
        Self::Microsoft,
        Self::Encryption,
        Self::Server,
        Self::Database,
        Self::Mirror,
        Self::Contents,
        Self::Clouds,
        Self::Log,
        Self::Traces,
        Self::Stack,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Microsoft => "App registration",
            Self::Encryption => "Encryption",
            Self::Server => "Addresses",
            Self::Database => "Database",
            Self::Mirror => "Mirror",
            Self::Contents => "Contents",
            Self::Clouds => "Other clouds",
            Self::Log => "Log",
            Self::Traces => "Traces",
            Self::Stack => "Docker Compose",
        }
    }
}

const BLANK: Variable = Variable {
    name: "",
    section: Section::Log,
    default: None,
    is_required: false,
    is_secret: false,
    meaning: "",
    remedy: "",
    example: "",
};

/// The app registration's id.
pub const MICROSOFT_CLIENT_ID: Variable = Variable {
    name: "MICROSOFT_CLIENT_ID",
    section: Section::Microsoft,
    is_required: true,
    meaning: "Application (client) id of the app registration.",
    remedy: "copy the Application (client) ID from the app's overview page (docs/guides/entra-app.md)",
    example: "11111111-2222-3333-4444-555555555555",
    ..BLANK
};
/// A secret of it.
pub const MICROSOFT_CLIENT_SECRET: Variable = Variable {
    name: "MICROSOFT_CLIENT_SECRET",
    section: Section::Microsoft,
    is_required: true,
    is_secret: true,
    meaning: "Value (not the id) of a client secret of the app registration.",
    remedy: "create a secret under Certificates & secrets and copy its Value (docs/guides/entra-app.md)",
    example: "abc8Q~the-value-not-the-id",
    ..BLANK
};
/// Who may sign in.
pub const MICROSOFT_TENANT_ID: Variable = Variable {
    name: "MICROSOFT_TENANT_ID",
    section: Section::Microsoft,
    default: Some("common"),
    meaning: "Who may sign in: a tenant's id or domain, `organizations` (any work account), `consumers` or `common` (any).",
    remedy: "set it to a tenant's id or domain, or to common, organizations or consumers",
    example: "common",
    ..BLANK
};
/// Where the browser comes back to.
pub const MICROSOFT_REDIRECT_URI: Variable = Variable {
    name: "MICROSOFT_REDIRECT_URI",
    section: Section::Microsoft,
    meaning: "Where the browser comes back to after signing in, letter for letter as registered with the app. Unset: \
              `/api/v1/integrations/microsoft/callback` below `PUBLIC_URL`, or on `http://localhost` with the port of `LISTEN` \
              where `PUBLIC_URL` is not set or is `ngrok`: the address of a tunnel changes, a registered one must not.",
    remedy: "set it to the Redirect URI registered with the app: https, or http on localhost",
    example: "http://localhost:8080/api/v1/integrations/microsoft/callback",
    ..BLANK
};
/// What may be written.
pub const MICROSOFT_WRITE_SCOPES: Variable = Variable {
    name: "MICROSOFT_WRITE_SCOPES",
    section: Section::Microsoft,
    meaning: "Permissions to write that sign-ins ask for beside those to read, separated by commas: `Mail.ReadWrite` (drafts, moves, \
              flags, deleting), `Mail.Send` (sending, which needs `Mail.ReadWrite` too), `Calendars.ReadWrite` (events). Unset: the \
              service only reads.",
    remedy: "name Mail.ReadWrite, Mail.Send and Calendars.ReadWrite as needed; Mail.Send goes with Mail.ReadWrite \
             (docs/guides/sending.md)",
    example: "Mail.ReadWrite,Mail.Send,Calendars.ReadWrite",
    ..BLANK
};
/// The keys that seal grants.
pub const OAUTH_ENCRYPTION_KEY: Variable = Variable {
    name: "OAUTH_ENCRYPTION_KEY",
    section: Section::Encryption,
    is_required: true,
    is_secret: true,
    meaning: "Fernet keys that seal the stored tokens, separated by commas: the first seals, all open. Keep them apart \
              from the database; without them every mailbox must be connected again.",
    remedy: "put the output of `graph-mirror keys generate` here; for a rotation, the new key first, a comma, the old one",
    example: "the output of `graph-mirror keys generate`",
    ..BLANK
};
/// The socket.
pub const LISTEN: Variable = Variable {
    name: "LISTEN",
    section: Section::Server,
    default: Some("127.0.0.1:8080"),
    meaning: "Address and port the service listens on.",
    remedy: "set it to an address and a port, like 127.0.0.1:8080 or 0.0.0.0:8080",
    example: "127.0.0.1:8080",
    ..BLANK
};
/// Where Graph reaches us.
pub const PUBLIC_URL: Variable = Variable {
    name: "PUBLIC_URL",
    section: Section::Server,
    meaning: "The https address under which Microsoft reaches this service, for notifications. `ngrok`: the one of the ngrok \
              agent's tunnel to the port of `LISTEN`, followed when it changes. Unset: no notifications, the mirror polls.",
    remedy: "set it to an https address without query, or to `ngrok`, or leave it empty to poll",
    example: "https://mirror.example.org",
    ..BLANK
};
/// The agent of the tunnel.
pub const NGROK_API_URL: Variable = Variable {
    name: "NGROK_API_URL",
    section: Section::Server,
    default: Some("http://127.0.0.1:4040"),
    meaning: "Where the ngrok agent answers questions about its tunnels, for `PUBLIC_URL=ngrok`: on this machine, or in a \
              container beside this one.",
    remedy: "set it to scheme, host and port only, like http://127.0.0.1:4040 or http://tunnel:4040",
    example: "http://127.0.0.1:4040",
    ..BLANK
};
/// The database.
pub const DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    section: Section::Database,
    default: Some("sqlite://data/graph-mirror.db"),
    is_secret: true,
    meaning: "Where the mirror is kept: `sqlite://path/to/file.db` or `postgres://user:password@host/database`.",
    remedy: "set it to sqlite://path/to/file.db or postgres://user:password@host/database",
    example: "sqlite://data/graph-mirror.db",
    ..BLANK
};
/// Connections.
pub const DATABASE_POOL_SIZE: Variable = Variable {
    name: "DATABASE_POOL_SIZE",
    section: Section::Database,
    default: Some("16"),
    meaning: "Connections to PostgreSQL at most, per process. SQLite always has one writer and a few readers.",
    remedy: "set it to a number between 2 and 1000",
    example: "16",
    ..BLANK
};
/// Patience at the start.
pub const DATABASE_WAIT: Variable = Variable {
    name: "DATABASE_WAIT",
    section: Section::Database,
    default: Some("5m"),
    meaning: "How long `serve` waits at its start for a PostgreSQL that cannot be reached yet, not ready meanwhile; after \
              that it ends and names the reason. A wrong password or an unknown database is not waited for.",
    remedy: "set it to a duration like 0s, 30s, 5m or 12h",
    example: "5m",
    ..BLANK
};
/// Months back.
pub const CALENDAR_PAST_MONTHS: Variable = Variable {
    name: "CALENDAR_PAST_MONTHS",
    section: Section::Mirror,
    default: Some("6"),
    meaning: "Calendars are mirrored from so many months before the present one.",
    remedy: "set it to a number of months between 0 and 120",
    example: "6",
    ..BLANK
};
/// Months ahead.
pub const CALENDAR_FUTURE_MONTHS: Variable = Variable {
    name: "CALENDAR_FUTURE_MONTHS",
    section: Section::Mirror,
    default: Some("12"),
    meaning: "Calendars are mirrored until so many months after the present one.",
    remedy: "set it to a number of months between 1 and 120",
    example: "12",
    ..BLANK
};
/// Polling with push.
pub const POLL_INTERVAL: Variable = Variable {
    name: "POLL_INTERVAL",
    section: Section::Mirror,
    default: Some("30m"),
    meaning: "Everything is polled after so long at the latest, also while notifications arrive: the safety net.",
    remedy: "set it to a duration like 30s, 5m, 12h or 7d",
    example: "30m",
    ..BLANK
};
/// Polling without push.
pub const POLL_INTERVAL_WITHOUT_PUSH: Variable = Variable {
    name: "POLL_INTERVAL_WITHOUT_PUSH",
    section: Section::Mirror,
    default: Some("1m"),
    meaning: "The same for a mailbox without working notifications. This is how late its changes arrive.",
    remedy: "set it to a duration like 30s, 5m, 12h or 7d",
    example: "1m",
    ..BLANK
};
/// Audits.
pub const AUDIT_INTERVAL: Variable = Variable {
    name: "AUDIT_INTERVAL",
    section: Section::Mirror,
    default: Some("1d"),
    meaning: "How often a mailbox is compared with its mirror, in spare quota; differences are healed.",
    remedy: "set it to a duration of a minute or more, like 12h or 7d",
    example: "1d",
    ..BLANK
};
/// Delta pages.
pub const PAGE_SIZE: Variable = Variable {
    name: "PAGE_SIZE",
    section: Section::Mirror,
    default: Some("200"),
    meaning: "Items asked for per page of a full round, to begin with; it adapts to what Graph can deliver.",
    remedy: "set it to a number between 1 and 500",
    example: "200",
    ..BLANK
};
/// Homes.
pub const HOMES_LIMIT: Variable = Variable {
    name: "HOMES_LIMIT",
    section: Section::Mirror,
    default: Some("64"),
    meaning: "Mailboxes with work that one process serves at the same time. Idle mailboxes don't count.",
    remedy: "set it to a number between 1 and 10000",
    example: "64",
    ..BLANK
};
/// Where contents are kept.
pub const BLOBS_URL: Variable = Variable {
    name: "BLOBS_URL",
    section: Section::Contents,
    meaning: "Where attachments, originals and uploads are kept: a folder, or a bucket like `s3://bucket/prefix` or \
              `az://container/prefix` where the binary was built with the feature `s3` or `azure` (docs/guides/contents.md). Unset: \
              the folder `blobs` beside the file of an SQLite database, otherwise `data/blobs`. Replicas need a place that all of \
              them see.",
    remedy: "set it to a folder, or to a bucket that this binary can use, like s3://bucket/prefix",
    example: "data/blobs",
    ..BLANK
};
/// Attachments.
pub const ATTACHMENTS: Variable = Variable {
    name: "ATTACHMENTS",
    section: Section::Contents,
    default: Some("lazy"),
    meaning: "When the contents of attachments are fetched: `lazy`, when somebody first reads them; `eager`, with the message, in \
              spare quota; `off`, never. Names, types and sizes are mirrored in any case.",
    remedy: "set it to eager, lazy or off",
    example: "lazy",
    ..BLANK
};
/// How large.
pub const ATTACHMENTS_EAGER_LIMIT: Variable = Variable {
    name: "ATTACHMENTS_EAGER_LIMIT",
    section: Section::Contents,
    default: Some("10MB"),
    meaning: "With `ATTACHMENTS=eager`, attachments larger than this are left for whoever asks for them.",
    remedy: "set it to a size like 500kB or 10MB",
    example: "10MB",
    ..BLANK
};
/// Originals.
pub const KEEP_ORIGINALS: Variable = Variable {
    name: "KEEP_ORIGINALS",
    section: Section::Contents,
    default: Some("true"),
    meaning: "Whether the original (MIME) of a message is kept once somebody has asked for it. `false`: it is fetched anew for each \
              question, and gone a day later.",
    remedy: "set it to true or false",
    example: "true",
    ..BLANK
};
/// Headers.
pub const INTERNET_HEADERS: Variable = Variable {
    name: "INTERNET_HEADERS",
    section: Section::Contents,
    default: Some("false"),
    meaning: "Whether messages are mirrored with all their internet headers, in `internet_headers`. Turning it on or off starts full rounds over \
              every folder.",
    remedy: "set it to true or false",
    example: "false",
    ..BLANK
};
/// The cloud.
pub const MICROSOFT_CLOUD: Variable = Variable {
    name: "MICROSOFT_CLOUD",
    section: Section::Clouds,
    default: Some("global"),
    meaning: "Microsoft's cloud: `global`, `usgov` (GCC High), `dod` or `china`.",
    remedy: "set it to global, usgov, dod or china",
    example: "global",
    ..BLANK
};
/// Graph's address.
pub const GRAPH_BASE_URL: Variable = Variable {
    name: "GRAPH_BASE_URL",
    section: Section::Clouds,
    meaning: "Scheme and host of Graph in a cloud that `MICROSOFT_CLOUD` does not name, or of a sandbox. Together with \
              `LOGIN_BASE_URL`, instead of `MICROSOFT_CLOUD`.",
    remedy: "set it to scheme, host and port only, https or http on this machine, like https://graph.microsoft.com",
    example: "https://graph.microsoft.com",
    ..BLANK
};
/// The identity platform's address.
pub const LOGIN_BASE_URL: Variable = Variable {
    name: "LOGIN_BASE_URL",
    section: Section::Clouds,
    meaning: "Scheme and host of the identity platform that belongs to `GRAPH_BASE_URL`.",
    remedy: "set it to scheme, host and port only, https or http on this machine, like https://login.microsoftonline.com",
    example: "https://login.microsoftonline.com",
    ..BLANK
};
/// A sandbox in place of Microsoft.
pub const SANDBOX_URL: Variable = Variable {
    name: "SANDBOX_URL",
    section: Section::Clouds,
    meaning: "Control address of a sandbox (`graph-mirror sandbox` prints it) to speak to instead of Microsoft; what is said \
              about Microsoft here is then asked there. The same as `--sandbox`.",
    remedy: "set it to the control address that `graph-mirror sandbox` prints, or leave it empty to speak to Microsoft",
    example: "http://127.0.0.1:8090/sandbox/control",
    ..BLANK
};
/// The filter.
pub const LOG: Variable = Variable {
    name: "LOG",
    section: Section::Log,
    default: Some("info"),
    meaning: "What is logged, to standard error: a level, or levels per room like `info,graph_mirror::mirror=debug`.",
    remedy: "set it to error, warn, info, debug or trace, or to a list like info,graph_mirror::mirror=debug",
    example: "info",
    ..BLANK
};
/// The form.
pub const LOG_FORMAT: Variable = Variable {
    name: "LOG_FORMAT",
    section: Section::Log,
    default: Some("auto"),
    meaning: "`human`, `json`, or `auto`: for people on a terminal, JSON otherwise.",
    remedy: "set it to auto, human or json",
    example: "auto",
    ..BLANK
};

/// The collector of traces.
pub const OTEL_EXPORTER_OTLP_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    section: Section::Traces,
    meaning: "Where `serve` sends traces by OTLP over HTTP (`/v1/traces` is added); heeded by a binary that was built with the \
              feature `otel` (docs/guides/traces.md).",
    remedy: "set it to scheme, host and port of the collector, like http://localhost:4318, and what opens it in \
             OTEL_EXPORTER_OTLP_HEADERS",
    example: "http://localhost:4318",
    ..BLANK
};

/// What opens the collector.
pub const OTEL_EXPORTER_OTLP_HEADERS: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    section: Section::Traces,
    is_secret: true,
    meaning: "Headers for the collector, such as what opens it: `name=value`, several separated by commas, a blank as `%20`.",
    remedy: "set it as the collector's operator says, like authorization=Bearer%20token",
    example: "authorization=Bearer%20the-token",
    ..BLANK
};
/// What the collector calls us.
pub const OTEL_SERVICE_NAME: Variable = Variable {
    name: "OTEL_SERVICE_NAME",
    section: Section::Traces,
    default: Some("graph-mirror"),
    meaning: "Name of the service in the traces.",
    remedy: "set it to a name",
    example: "graph-mirror",
    ..BLANK
};
/// What else is said of us.
pub const OTEL_RESOURCE_ATTRIBUTES: Variable = Variable {
    name: "OTEL_RESOURCE_ATTRIBUTES",
    section: Section::Traces,
    meaning: "What else stands beside that name, as `name=value`, several separated by commas.",
    remedy: "set it to a list like deployment.environment.name=production",
    example: "deployment.environment.name=production",
    ..BLANK
};
/// What is sampled.
pub const OTEL_TRACES_SAMPLER: Variable = Variable {
    name: "OTEL_TRACES_SAMPLER",
    section: Section::Traces,
    default: Some("parentbased_always_on"),
    meaning: "Which traces are sent: `always_on`, `always_off`, `traceidratio`, or one of the three with `parentbased_` before it, which lets the caller decide.",
    remedy: "set it to one of these",
    example: "parentbased_always_on",
    ..BLANK
};
/// How much of it.
pub const OTEL_TRACES_SAMPLER_ARG: Variable = Variable {
    name: "OTEL_TRACES_SAMPLER_ARG",
    section: Section::Traces,
    meaning: "The share that a sampler with `traceidratio` sends, from 0.0 to 1.0.",
    remedy: "set it to a number from 0.0 to 1.0",
    example: "0.1",
    ..BLANK
};
/// How long a batch is gathered.
pub const OTEL_BSP_SCHEDULE_DELAY: Variable = Variable {
    name: "OTEL_BSP_SCHEDULE_DELAY",
    section: Section::Traces,
    default: Some("5000"),
    meaning: "Milliseconds for which spans are gathered before they are sent.",
    remedy: "set it to a number of milliseconds",
    example: "5000",
    ..BLANK
};

/// The password of the stack's PostgreSQL.
pub const POSTGRES_PASSWORD: Variable = Variable {
    name: "POSTGRES_PASSWORD",
    section: Section::Stack,
    is_required: true,
    is_secret: true,
    meaning: "Password of the PostgreSQL in the stack, taken when its volume is made. It becomes part of an address: letters \
              and digits only.",
    remedy: "put the output of `openssl rand -hex 24` here",
    example: "the output of `openssl rand -hex 24`",
    ..BLANK
};
/// The port of this machine.
pub const HTTP_PORT: Variable = Variable {
    name: "HTTP_PORT",
    section: Section::Stack,
    default: Some("8080"),
    meaning: "Port of this machine under which graph-mirror is reached, on loopback only: TLS is for whatever stands before it.",
    remedy: "set it to a free port",
    example: "8080",
    ..BLANK
};
/// The port of the proxy.
pub const REPLICAS_PORT: Variable = Variable {
    name: "REPLICAS_PORT",
    section: Section::Stack,
    default: Some("8081"),
    meaning: "The same for the proxy before both replicas (profile `replicas`).",
    remedy: "set it to a free port",
    example: "8081",
    ..BLANK
};
/// The port of the sandbox.
pub const SANDBOX_PORT: Variable = Variable {
    name: "SANDBOX_PORT",
    section: Section::Stack,
    default: Some("8090"),
    meaning: "Port of the sandbox (profile `sandbox`), inside the stack and on this machine: a browser signs in there.",
    remedy: "set it to a free port",
    example: "8090",
    ..BLANK
};
/// What ngrok knows us by.
pub const NGROK_AUTHTOKEN: Variable = Variable {
    name: "NGROK_AUTHTOKEN",
    section: Section::Stack,
    is_secret: true,
    meaning: "Token of your ngrok account (profile `tunnel`); `PUBLIC_URL=ngrok` belongs to it.",
    remedy: "copy it from https://dashboard.ngrok.com/get-started/your-authtoken",
    example: "your-authtoken",
    ..BLANK
};

/// The variables that only `docker-compose.yml` reads, in the order of the reference.
pub const STACK: [&Variable; 5] = [
    &POSTGRES_PASSWORD,
    &HTTP_PORT,
    &REPLICAS_PORT,
    &SANDBOX_PORT,
    &NGROK_AUTHTOKEN,
];

/// The variables that OpenTelemetry's library reads, from the environment of the process and not from `.env`, which
/// `docker-compose.yml` therefore passes on.
pub const OPEN_TELEMETRY: [&Variable; 6] = [
    &OTEL_EXPORTER_OTLP_HEADERS,
    &OTEL_SERVICE_NAME,
    &OTEL_RESOURCE_ATTRIBUTES,
    &OTEL_TRACES_SAMPLER,
    &OTEL_TRACES_SAMPLER_ARG,
    &OTEL_BSP_SCHEDULE_DELAY,
];

/// All variables of the program, in the order of the reference.
pub const ALL: [&Variable; 31] = [
    &MICROSOFT_CLIENT_ID,
    &MICROSOFT_CLIENT_SECRET,
    &MICROSOFT_TENANT_ID,
    &MICROSOFT_REDIRECT_URI,
    &MICROSOFT_WRITE_SCOPES,
    &OAUTH_ENCRYPTION_KEY,
    &LISTEN,
    &PUBLIC_URL,
    &NGROK_API_URL,
    &DATABASE_URL,
    &DATABASE_POOL_SIZE,
    &DATABASE_WAIT,
    &CALENDAR_PAST_MONTHS,
    &CALENDAR_FUTURE_MONTHS,
    &POLL_INTERVAL,
    &POLL_INTERVAL_WITHOUT_PUSH,
    &AUDIT_INTERVAL,
    &PAGE_SIZE,
    &HOMES_LIMIT,
    &BLOBS_URL,
    &ATTACHMENTS,
    &ATTACHMENTS_EAGER_LIMIT,
    &KEEP_ORIGINALS,
    &INTERNET_HEADERS,
    &MICROSOFT_CLOUD,
    &GRAPH_BASE_URL,
    &LOGIN_BASE_URL,
    &SANDBOX_URL,
    &LOG,
    &LOG_FORMAT,
    &OTEL_EXPORTER_OTLP_ENDPOINT,
];

/// The variable of that name.
pub fn find(name: &str) -> Option<&'static Variable> {
    ALL.into_iter().find(|variable| variable.name == name)
}
