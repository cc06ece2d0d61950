//! What the benchmarks share: a fixed cost of durability, figures beside their bounds, and a load generator.
//!
//! Machines are shared and disks are noisy. So every round runs every variant once, a ratio is taken within its round, and
//! what is printed is the median of the ratios with the smallest and largest beside it.
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

pub mod load;
pub mod memory;
pub mod postgres;
pub mod rig;

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Starts this program again with every fsync costing `micros`, unless it already runs that way.
///
/// # Panics
///
/// When there is no C compiler to build the small library that does it.
pub fn with_fixed_sync(micros: u64) {
    if std::env::var_os("SYNC_MICROS").is_some() {
        return;
    }
    let folder = scratch("slowsync");
    let library = folder.join("slowsync.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/support/slowsync.c");
    let built = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status()
        .expect("a C compiler (cc) is needed to fix the cost of an fsync");
    assert!(built.success(), "cc could not build {}", source.display());
    let program = std::env::current_exe().expect("a running program has a path");
    let failure = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env("LD_PRELOAD", &library)
        .env("SYNC_MICROS", micros.to_string())
        .exec();
    panic!("could not start again with a fixed cost of fsync: {failure}");
}

/// A fresh folder in memory where the system has one, otherwise among the temporary files.
pub fn scratch(name: &str) -> PathBuf {
    let shared = Path::new("/dev/shm");
    let base = if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = base.join(format!("graph-mirror-bench-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}

/// What the machine is like right now: milliseconds for a fixed amount of arithmetic, and fsyncs a second in the scratch
/// folder. Printed beside every table.
pub fn calibrate() -> String {
    let began = Instant::now();
    let mut state = 1_u64;
    for _ in 0..50_000_000_u32 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
    }
    std::hint::black_box(state);
    let spin = began.elapsed();
    let folder = scratch("calibrate");
    let mut file = std::fs::File::create(folder.join("file")).expect("a file can be made");
    let began = Instant::now();
    let mut syncs = 0_u32;
    while began.elapsed() < Duration::from_millis(300) {
        file.write_all(b"x").expect("a byte can be written");
        file.sync_data().expect("a file can be synced");
        syncs += 1;
    }
    let rate = f64::from(syncs) / began.elapsed().as_secs_f64();
    let _ = std::fs::remove_dir_all(folder);
    format!(
        "spin {:.0} ms, {rate:.0} fsyncs/s",
        spin.as_secs_f64() * 1000.0
    )
}

/// The value below which `share` of the samples lie.
pub fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    if samples.is_empty() {
        return Duration::ZERO;
    }
    samples.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a few million samples"
    )]
    let index = ((samples.len() - 1) as f64 * share).round() as usize;
    samples[index]
}

/// The median of some figures, with the smallest and the largest.
pub fn spread(figures: &[f64]) -> (f64, f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    (
        middle,
        sorted.first().copied().unwrap_or(f64::NAN),
        sorted.last().copied().unwrap_or(f64::NAN),
    )
}

/// `12,345 (11,000..13,000)`.
pub fn show(figures: &[f64], decimals: usize) -> String {
    let (middle, least, most) = spread(figures);
    format!("{middle:.decimals$} ({least:.decimals$}..{most:.decimals$})")
}

/// A Markdown table, as it goes into `docs/performance.md`.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut text = String::new();
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    println!("{text}");
}
