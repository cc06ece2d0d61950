//! Several seeds at once: each on a thread of its own, because quiet is told by what one thread does.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::Serialize;

use super::crash;
use super::crash_script::crash_script;
use super::faults::Fault;
use super::ground::Ground;
use super::run::{Played, play};
use super::script::{Script, script};
use super::shrink::shrink;
use crate::mirror::Sabotage;
use crate::model::time::{Clock as _, SystemClock};

/// Runs of a failing seed at most to find the smallest script that fails.
pub(super) const TRIES: usize = 80;

/// What is played, and where.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Faults that may come up.
    pub faults: Vec<Fault>,
    /// Where the mirrors live; in a temporary folder when `None`.
    pub database_url: Option<String>,
    /// Seeds at the same time; as many as there are cores when `None`.
    pub jobs: Option<usize>,
    /// Runs that are spent on making a failing script smaller.
    pub tries: usize,
    /// After so many failed seeds no further one begins.
    pub most_failures: usize,
    /// Whether an application writes meanwhile.
    pub writes: bool,
    /// The program that is the service when it is a process of its own, killed in the middle of its work; in this process when
    /// `None`.
    pub crashes: Option<PathBuf>,
    /// Mistakes planted on purpose; set by tests only.
    #[doc(hidden)]
    pub sabotage: Sabotage,
}

impl Default for Campaign {
    fn default() -> Self {
        Self {
            faults: Fault::ALL.to_vec(),
            database_url: None,
            jobs: None,
            tries: TRIES,
            most_failures: 20,
            writes: false,
            crashes: None,
            sabotage: Sabotage::default(),
        }
    }
}

/// What a campaign came to: the object `--json` prints.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Seeds that were played.
    pub seeds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// What differed, in all of them.
    pub differences: u64,
    /// Edits that people made.
    pub edits: u64,
    /// Faults that were set or commanded.
    pub faults: u64,
    /// Writes that an application asked for.
    pub writes: u64,
    /// How many of them were mail that goes out.
    pub sends: u64,
    /// How long it took.
    pub seconds: f64,
    /// Each seed that failed.
    pub failures: Vec<Failed>,
}

/// A seed that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// Which.
    pub seed: u64,
    /// What differed, in words.
    pub differences: Vec<String>,
    /// The smallest script that still fails.
    pub script: Script,
}

/// What the threads share.
struct Work {
    waiting: Mutex<VecDeque<Script>>,
    done: AtomicU64,
    failed: AtomicU64,
    summary: Mutex<Summary>,
}

impl Campaign {
    /// Plays the scripts of these seeds; `progress` is told how many are done of how many.
    pub async fn play(
        &self,
        seeds: Range<u64>,
        progress: impl Fn(u64, u64),
    ) -> anyhow::Result<Summary> {
        let today = SystemClock.now();
        let scripts = seeds
            .map(|seed| match &self.crashes {
                Some(_) => crash_script(seed, today, self.writes),
                None => script(seed, &self.faults, self.writes),
            })
            .collect();
        self.play_scripts(scripts, progress).await
    }

    /// The same of scripts.
    pub async fn play_scripts(
        &self,
        scripts: Vec<Script>,
        progress: impl Fn(u64, u64),
    ) -> anyhow::Result<Summary> {
        let all = scripts.len();
        let ground = Arc::new(Ground::prepare(self.database_url.as_deref()).await?);
        let work = Arc::new(Work {
            waiting: Mutex::new(scripts.into()),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            summary: Mutex::default(),
        });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(cores).clamp(1, all.max(1));
        let (told, mut ticks) = tokio::sync::mpsc::unbounded_channel();
        let threads: Vec<_> = (0..jobs)
            .map(|_| {
                let (this, ground, work) = (self.clone(), Arc::clone(&ground), Arc::clone(&work));
                let told = told.clone();
                tokio::task::spawn_blocking(move || this.work_off(&ground, &work, &told))
            })
            .collect();
        drop(told);
        while ticks.recv().await.is_some() {
            progress(work.done.load(Ordering::Relaxed), all as u64);
        }
        let mut worked = Ok(());
        for thread in threads {
            let ended = thread.await.context("a seed ended in a panic")?;
            worked = worked.and(ended);
        }
        ground.clear().await?;
        worked?;
        let mut summary = lock(&work.summary).clone();
        summary.failures.sort_by_key(|failure| failure.seed);
        Ok(summary)
    }

    /// Plays scripts until none waits.
    fn work_off(
        &self,
        ground: &Ground,
        work: &Work,
        told: &tokio::sync::mpsc::UnboundedSender<()>,
    ) -> anyhow::Result<()> {
        let most = u64::try_from(self.most_failures).unwrap_or(u64::MAX);
        loop {
            if work.failed.load(Ordering::Relaxed) >= most {
                return Ok(());
            }
            let Some(script) = lock(&work.waiting).pop_front() else {
                return Ok(());
            };
            let played = self.once(&script, ground)?;
            let differences = played.differences.len() as u64;
            let failure = if differences > 0 {
                work.failed.fetch_add(1, Ordering::Relaxed);
                Some(Failed {
                    seed: script.seed,
                    script: self.smallest(&script, ground),
                    differences: played.differences,
                })
            } else {
                None
            };
            let mut summary = lock(&work.summary);
            summary.seeds += 1;
            summary.failed += u64::from(differences > 0);
            summary.differences += differences;
            summary.edits += played.edits as u64;
            summary.faults += played.faults as u64;
            summary.writes += played.writes as u64;
            summary.sends += played.sends as u64;
            summary.failures.extend(failure);
            drop(summary);
            work.done.fetch_add(1, Ordering::Relaxed);
            // Nobody who watches is fine.
            let _ = told.send(());
        }
    }

    /// One run on a runtime of its own, with everything the service draws growing from the seed.
    fn once(&self, script: &Script, ground: &Ground) -> anyhow::Result<Played> {
        fastrand::seed(script.seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let played = async {
            match &self.crashes {
                Some(program) => crash::play(script, ground, program).await,
                None => play(script, ground, self.sabotage).await,
            }
        };
        runtime
            .block_on(played)
            .with_context(|| format!("could not play the script of seed {}", script.seed))
    }

    fn smallest(&self, script: &Script, ground: &Ground) -> Script {
        shrink(script, self.tries, |candidate| {
            let run = self.once(candidate, ground);
            run.is_ok_and(|played| !played.differences.is_empty())
        })
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
