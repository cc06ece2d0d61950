//! A replica that is a process of its own: it can be killed, held and ended, and its log tells what it did.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use graph_mirror::sandbox::browser;
use serde::Deserialize;

use super::stage::until;

/// A line of a log.
#[derive(Debug, Clone, Deserialize)]
pub struct Said {
    /// The sentence.
    pub message: String,
    /// The schedule it is about.
    pub schedule: Option<String>,
}

/// A service; it does not outlive the test.
pub struct Replica {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Replica {
    /// Starts one, and does not wait.
    pub fn begin(folder: &Path, name: &str, control_url: &str, told: &[(&str, String)]) -> Begun {
        let log = folder.join(format!("{name}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_graph-mirror"))
            .args(["serve", "--sandbox", control_url])
            .current_dir(folder)
            .env_clear()
            .envs(told.iter().map(|(name, value)| (name, value)))
            .env("LOG", "info,graph_mirror::app=debug")
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log can be written"))
            .spawn()
            .expect("the program starts");
        Begun(Self {
            child,
            log,
            // Known once it listens: it takes any port that is free.
            address: ([127, 0, 0, 1], 0).into(),
        })
    }

    /// Whether this is how it signs its leases.
    pub fn signs(&self, holder: &str) -> bool {
        holder.starts_with(&format!("{}-", self.child.id()))
    }

    /// What it has said so far.
    pub fn said(&self) -> Vec<Said> {
        let text = std::fs::read_to_string(&self.log).expect("the log can be read");
        // A last line may not have been written to its end.
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Kills it; it has no time to do anything about it.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it goes");
    }

    /// Holds it in the middle of whatever it does.
    pub fn hold(&self) {
        self.gets("STOP");
    }

    /// Lets it go on.
    pub fn let_go(&self) {
        self.gets("CONT");
    }

    /// Asks it to end, and waits until it has.
    pub async fn ends(self) -> ExitStatus {
        self.asked_to_end();
        self.end().await
    }

    /// Asks it to end.
    pub fn asked_to_end(&self) {
        self.gets("TERM");
    }

    /// Waits until it has ended.
    pub async fn end(mut self) -> ExitStatus {
        let mut ended = None;
        until("its end", async || {
            ended = self.child.try_wait().expect("it is ours");
            ended.is_some()
        })
        .await;
        ended.expect("it has ended")
    }

    fn gets(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .expect("signals can be sent");
        assert!(sent.success(), "{signal} was not sent");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that was started a moment ago.
pub struct Begun(Replica);

impl Begun {
    /// Waits until it answers that it is ready.
    pub async fn ready(self) -> Replica {
        let Self(mut replica) = self;
        until("a replica that listens", async || {
            let ended = replica.child.try_wait().expect("it is ours");
            let said = replica.said();
            assert!(ended.is_none(), "it ended by itself: {said:#?}");
            let address = said.iter().find_map(|line| {
                let (_, rest) = line.message.split_once(" listens on ")?;
                rest.split(' ').next()?.parse().ok()
            });
            if let Some(address) = address {
                replica.address = address;
            }
            address.is_some()
        })
        .await;
        let ready = format!("http://{}/readyz", replica.address);
        until("a replica that is ready", async || {
            let page = browser::open(&ready).await;
            page.is_ok_and(|page| page.status == 200)
        })
        .await;
        replica
    }
}
