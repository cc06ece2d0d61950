//! A private PostgreSQL for a benchmark, or for a test that ends it, from the installed server binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server; stops when dropped.
pub struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<&'static str>,
}

/// Where `scripts/test` found the server's programs, or where Debian and its kin keep the newest ones; none when there is no
/// server.
fn binaries() -> Option<PathBuf> {
    if let Some(told) = std::env::var_os("POSTGRES_BINARIES") {
        // Not all of them are linked to from where the rest is.
        let initdb = std::fs::canonicalize(Path::new(&told).join("initdb")).ok()?;
        return Some(initdb.parent()?.to_owned());
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// What a program prints, where it ends well.
fn says(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

impl Server {
    /// Starts one below `folder`; `None` (with a line that says so) when no server is installed.
    ///
    /// # Panics
    ///
    /// When the installed server cannot be started.
    pub fn start(folder: &Path) -> Option<Self> {
        let binaries = binaries()?;
        let folder = folder.join("postgres");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        // The server refuses to run as root.
        let is_root = says(Command::new("id").arg("-u")).is_some_and(|id| id.starts_with("0\n"));
        let has_its_user = says(Command::new("id").arg("postgres")).is_some();
        let user = is_root.then_some(if has_its_user { "postgres" } else { "nobody" });
        if let Some(user) = user {
            let owned = Command::new("chown")
                .arg("-R")
                .arg(user)
                .arg(&folder)
                .status();
            assert!(
                owned.is_ok_and(|status| status.success()),
                "the folder can be handed over"
            );
        }
        let server = Self {
            binaries,
            folder,
            port,
            user,
        };
        let data = server.folder.join("data");
        let data = data.to_string_lossy();
        server.run(
            "initdb",
            &["-D", &data, "-U", "bench", "-A", "trust", "--no-sync"],
        );
        server.begin();
        Some(server)
    }

    /// Starts it where it stood; waits until it answers.
    pub fn begin(&self) {
        let port = self.port;
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c max_connections=100 -c shared_buffers=256MB -c wal_sync_method=fdatasync"
        );
        let data = self.folder.join("data");
        let log = self.folder.join("log");
        self.run(
            "pg_ctl",
            &[
                "-D",
                &data.to_string_lossy(),
                "-w",
                "-l",
                &log.to_string_lossy(),
                "-o",
                &options,
                "start",
            ],
        );
    }

    /// Ends it the way a crash does: nobody is waited for, and the next start recovers from the log.
    pub fn end(&self) {
        let data = self.folder.join("data");
        self.run(
            "pg_ctl",
            &["-D", &data.to_string_lossy(), "-m", "immediate", "stop"],
        );
    }

    /// The address of a database on it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://bench@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database of that name.
    pub fn create(&self, database: &str) -> String {
        let port = self.port.to_string();
        self.run(
            "createdb",
            &["-h", "127.0.0.1", "-p", &port, "-U", "bench", database],
        );
        self.url(database)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.binaries.join(program);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(&path);
                command
            }
            None => Command::new(&path),
        };
        let output = command
            .args(arguments)
            .current_dir(&self.folder)
            .stdout(std::process::Stdio::null())
            .output()
            .expect("an installed program starts");
        assert!(
            output.status.success(),
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been ended already.
        if self.folder.join("data/postmaster.pid").exists() {
            self.end();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
