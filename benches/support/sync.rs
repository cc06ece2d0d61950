//! A fixed cost of durability, and what the machine is like while it is measured.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::folder::scratch;

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
