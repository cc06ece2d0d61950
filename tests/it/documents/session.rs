//! Types what documents say, block by block, into one shell.
//!
//! The shell works in an empty folder with the program on its path and no variables but those given. Ports of the documents are
//! replaced by free ones; everything else is run as it stands.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::blocks::{Kind, blocks};
use super::root;
use crate::cli::run::{Ran, free_port};

/// What the shell knows before the first block.
const BEGIN: &str = r#"
set -eu
block=start
started=
ended() {
  status=$?
  [ "$status" = 0 ] || { echo "failed in $block"; tail -n 20 background-*.log; } >&2
  for one in $started; do kill "$one" 2>/dev/null || true; done
  wait
  exit "$status"
}
trap ended EXIT
# A person goes on to the next terminal once this one has said something.
begin_service() {
  said="background-$(echo "$started" | wc -w).log"
  "$@" > "$said" 2>&1 &
  service=$!
  started="$started $service"
  while [ ! -s "$said" ] && kill -0 "$service" 2>/dev/null; do sleep 0.05; done
}
stop_service() {
  kill "$service"
  wait "$service" || true
}
start_service() {
  begin_service graph-mirror serve
  curl -sS --retry 60 --retry-connrefused --retry-delay 1 "http://127.0.0.1:8080/readyz"
}
# A copy made while somebody serves a mailbox holds a lease that nobody gives back.
nobody_serves() {
  while [ "$(sqlite3 data/graph-mirror.db 'select count(*) from mailboxes where lease_until is not null')" != 0 ]; do sleep 0.1; done
}
# The person whom the link is for opens it and signs in.
play_person() {
  sign_in > sign-in.out &
  command=$!
  address=
  while [ -z "$address" ]; do
    kill -0 "$command"
    address=$(grep -m 1 -o 'http[^ ]*/authorize[?][^ ]*' sign-in.out || true)
    sleep 0.05
  done
  case "$address" in *login_hint=*) ;; *) address="$address&login_hint=$PERSON" ;; esac
  curl -fsSL -o page.html "$address"
  wait "$command"
  cat sign-in.out
}
"#;

/// A shell to type into.
pub struct Session {
    folder: TempDir,
    script: String,
    variables: Vec<(String, String)>,
    ports: [u16; 2],
}

impl Session {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples"))
            .expect("the examples are there");
        Self {
            folder,
            script: BEGIN.to_owned(),
            variables: Vec::new(),
            ports: [free_port(), free_port()],
        }
    }

    /// Sets a variable of the shell.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Types the blocks of a document: those of PostgreSQL, or all the others.
    pub fn document(mut self, path: &str, is_postgres: bool) -> Self {
        let blocks = blocks(path);
        if blocks
            .iter()
            .any(|block| block.kind() == Some(Kind::Stopped))
            && !is_postgres
        {
            self.script.push_str("nobody_serves\n");
        }
        for block in blocks {
            let Some(kind) = block.kind() else { continue };
            if is_postgres != (kind == Kind::Postgres) {
                continue;
            }
            let text = block.text;
            let typed = match kind {
                Kind::Plain | Kind::Postgres => text,
                Kind::Background => {
                    assert_eq!(text.lines().count(), 1, "{}: one command", block.place);
                    format!("begin_service {text}")
                }
                Kind::SignIn => format!("sign_in() {{\n{text}}}\nplay_person\n"),
                Kind::Stopped => format!("stop_service\n{text}start_service\n"),
                Kind::TypeScript if runs_typescript() => text,
                Kind::TypeScript => "echo 'Node 22.18 or later is not here'\n".to_owned(),
            };
            let _ = write!(self.script, "block='{}'\n{typed}", block.place);
        }
        self
    }

    /// Runs everything; fails with what was printed when one command does.
    pub fn run(self) -> String {
        let [service, sandbox] = self.ports;
        let script = self
            .script
            .replace(":8080", &format!(":{service}"))
            .replace(":8090", &format!(":{sandbox}"));
        let file = self.folder.path().join("session.sh");
        std::fs::write(&file, script).expect("it is written");
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_graph-mirror"));
        let programs = program.parent().expect("it is in a folder").display();
        let path = std::env::var("PATH").unwrap_or_default();

        let output = Command::new("bash")
            .arg(&file)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{programs}:{path}"))
            .env("HOME", self.folder.path())
            .env("LISTEN", format!("127.0.0.1:{service}"))
            .env("GRAPH_MIRROR_URL", format!("http://127.0.0.1:{service}"))
            .envs(self.variables)
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");

        let ran = Ran::of(&output).well();
        ran.out
    }
}

/// Whether the Node that is here runs TypeScript as it is. An older one, or none, is said in the test's output.
pub fn runs_typescript() -> bool {
    let Ok(output) = Command::new("node").arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .filter_map(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(22), Some(18))
}
