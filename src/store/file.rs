//! The file of an SQLite database before it is opened: its folder is made, and what cannot be written is named.

use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::error::StoreError;

/// Makes the folder of the file where there is none.
pub(super) fn make_folder(file: &Path) -> Result<(), StoreError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::NotWritable {
                path: folder.to_owned(),
                source,
            })
        }
        _ => Ok(()),
    }
}

/// SQLite would open a file that it cannot write, and say so at the first write; or say only that it cannot open it.
pub(super) fn check_writable(file: &Path) -> Result<(), StoreError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder_access = Access::WRITE_OK | Access::EXEC_OK;
    for (path, wanted) in [
        (folder, folder_access),
        (file, Access::READ_OK | Access::WRITE_OK),
    ] {
        match access(path, wanted) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => {
                return Err(StoreError::NotWritable {
                    path: path.to_owned(),
                    source: errno.into(),
                });
            }
        }
    }
    Ok(())
}
