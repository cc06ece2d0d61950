//! The service as a process of its own, which may die at any instant and begins again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::model::time::{Clock as _, SystemClock, later};
use crate::sandbox::browser;

/// A process that has not answered by then never will.
const STARTING: Duration = Duration::from_mins(2);

/// Between two looks at whether it answers.
const GLANCE: Duration = Duration::from_millis(15);

/// How the service is run, and its present process.
pub(super) struct Life {
    program: PathBuf,
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    control_url: String,
    own_url: String,
    process: Option<Child>,
}

impl Life {
    /// Nothing runs yet. `folder` is where it is started, so that no settings lie about.
    pub(super) fn of(
        program: &Path,
        folder: &Path,
        control_url: &str,
        own_url: &str,
        variables: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            variables,
            control_url: control_url.to_owned(),
            own_url: own_url.to_owned(),
            process: None,
        }
    }

    /// Starts it; does not wait until it answers.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        let child = Command::new(&self.program)
            .args(["serve", "--sandbox", &self.control_url])
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start {}", self.program.display()))?;
        self.process = Some(child);
        Ok(())
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.process.take() {
            child.kill().context("could not kill the service")?;
            child.wait().context("the killed service did not go")?;
        }
        Ok(())
    }

    /// Waits until it answers.
    pub(super) async fn answers(&mut self) -> anyhow::Result<()> {
        let clock = SystemClock;
        let patience = later(clock.now(), STARTING);
        let ready = format!("{}/readyz", self.own_url);
        loop {
            if browser::open(&ready)
                .await
                .is_ok_and(|page| page.status == 200)
            {
                return Ok(());
            }
            if let Some(child) = &mut self.process
                && let Some(status) = child.try_wait()?
            {
                bail!("the service ended by itself: {status}");
            }
            if clock.now() > patience {
                bail!("the service did not answer within {STARTING:?}");
            }
            clock.sleep(GLANCE).await;
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.kill();
    }
}
