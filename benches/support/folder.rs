//! Where measurements keep their files.

use std::path::{Path, PathBuf};

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
