//! The database: whether it opens, what our role may do, the schema, a write, and room on the disk.

use std::path::{Path, PathBuf};

use super::finding::{Check, Finding};
use crate::store::{Migrated, Privileges, StoreError};

/// SQLite stops somewhere before a disk is full to its last byte: log, checkpoint and sorting need room.
const LITTLE: u64 = 100 << 20;
const SOME: u64 = 1 << 30;
const MUCH: u64 = 10 << 30;

/// How tables and privileges are mended.
const GRANT: &str = "make the role the owner of the database and its tables, or grant it: GRANT USAGE, CREATE ON SCHEMA … ; GRANT \
                     SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA …";

/// A file that nobody has made yet.
pub(super) fn missing(database: &str) -> Finding {
    let found = format!("there is no {database} yet");
    Finding::warning(Check::Database, "missing", found)
        .advising("`graph-mirror serve` makes it at its start, and so does `graph-mirror migrate`; if there should be one, check DATABASE_URL")
        .stopping()
}

/// Whether it opens.
pub(super) fn judge(database: &str, opened: Result<(), &StoreError>) -> Finding {
    let Err(error) = opened else {
        return Finding::well(Check::Database, format!("{database} opens"));
    };
    let found = format!("{database} does not open: {}", error.chain());
    let (code, advice) = match error {
        StoreError::Address { .. } => (
            "unusable",
            "set DATABASE_URL to sqlite://path/to/file.db or postgres://user:password@host/database, and check the rights on the folder",
        ),
        StoreError::Unreachable(_) | StoreError::Busy => (
            "unreachable",
            "start the database, and check host, port and name in DATABASE_URL and that it can be reached from here",
        ),
        _ => (
            "refused",
            "check user, password and database name in DATABASE_URL, and that the role may log in (pg_hba.conf)",
        ),
    };
    Finding::broken(Check::Database, code, found).advising(advice)
}

/// Connected mailboxes that the sandbox must not be given the grants of.
pub(super) fn not_the_sandboxes(count: usize) -> Finding {
    let found =
        format!("the database holds {count} connected mailboxes that do not belong to the sandbox");
    Finding::broken(Check::Database, "not_the_sandboxes", found)
        .advising("set DATABASE_URL to another database for the sandbox, for example sqlite://data/sandbox.db")
}

/// What our role may do; none on SQLite, where a write tells.
pub(super) fn judge_privileges(privileges: Option<&Privileges>) -> Finding {
    let check = Check::Privileges;
    let Some(privileges) = privileges else {
        return Finding::well(
            check,
            "SQLite has none but those of the file, which a write shows",
        );
    };
    let role = &privileges.role;
    let Some(schema) = &privileges.schema else {
        let found = format!("the role {role} may use no schema of its search path");
        return Finding::broken(check, "no_schema", found).advising(GRANT);
    };
    if !privileges.unusable.is_empty() {
        let found = format!(
            "the role {role} may not read and write {} of the tables in schema {schema}, among them {}",
            privileges.unusable.len(),
            privileges.unusable[0]
        );
        return Finding::broken(check, "tables_denied", found).advising(GRANT);
    }
    if !privileges.may_create {
        let found =
            format!("the role {role} may make no table in schema {schema}, as migrations do");
        return Finding::broken(check, "create_denied", found).advising(GRANT);
    }
    if !privileges.not_owned.is_empty() {
        let found = format!(
            "the role {role} may use but not alter {} tables in schema {schema}, which belong to another role",
            privileges.not_owned.len()
        );
        return Finding::warning(check, "not_owner", found).advising(
            "a later version may have to alter them: have `graph-mirror migrate` run as their owner, or hand them over (REASSIGN OWNED)",
        );
    }
    Finding::well(
        check,
        format!("the role {role} may do everything in schema {schema}"),
    )
}

/// The schema against this program.
pub(super) fn judge_schema(checked: Result<(), &StoreError>) -> Finding {
    let check = Check::Schema;
    match checked {
        Ok(()) => Finding::well(check, "the schema is the one this version needs"),
        Err(StoreError::SchemaTooOld { found: 0, .. }) => {
            Finding::warning(check, "none", "the database has no schema yet")
                .advising("`graph-mirror serve` makes it at its start, and so do `graph-mirror migrate` and --fix")
                .stopping()
        }
        Err(StoreError::SchemaTooOld { found, known }) => {
            let told = format!("the schema is older than this program: version {found}, and {known} is needed");
            Finding::broken(check, "older", told).advising(
                "run `graph-mirror migrate`, or start `graph-mirror serve` of this version, which does it; --fix does it too",
            )
        }
        Err(StoreError::SchemaTooNew { found, known }) => {
            let told = format!("the schema is newer than this program: version {found}, and {known} is known here");
            Finding::broken(check, "newer", told).advising(
                "use the version of graph-mirror that wrote this database, or a later one; nothing goes back by itself",
            )
        }
        Err(error) => Finding::broken(check, "unreadable", format!("the schema cannot be looked at: {}", error.chain()))
            .advising("check that the database of DATABASE_URL is graph-mirror's"),
    }
}

/// What `--fix` did about it.
pub(super) fn migrated(finding: Finding, migrated: Result<Migrated, StoreError>) -> Finding {
    match migrated {
        Ok(migrated) => finding.mended(format!(
            "migrated from version {} to {}",
            migrated.from, migrated.to
        )),
        Err(error) => {
            let advice = format!("it could not be brought up to date: {}", error.chain());
            finding.advising(advice)
        }
    }
}

/// Whether a row could be written.
pub(super) fn judge_write(written: Result<(), &StoreError>) -> Finding {
    let check = Check::Writes;
    let Err(error) = written else {
        return Finding::well(check, "a row was written and taken away again");
    };
    let found = format!("no row can be written: {}", error.chain());
    let (code, advice) = match error {
        StoreError::DiskFull(_) => (
            "disk_full",
            "make room on the disk of the database; work then goes on by itself",
        ),
        StoreError::ReadOnly(_) => (
            "read_only",
            "point DATABASE_URL at the primary, or end its read-only mode; a file of SQLite and its folder must be writable for us",
        ),
        StoreError::Forbidden(_) => ("denied", GRANT),
        StoreError::Busy => (
            "busy",
            "find out who holds the database for seconds: a backup, an open transaction, another program",
        ),
        _ => ("failed", "look into the log of the database"),
    };
    Finding::broken(check, code, found).advising(advice)
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// What may still be written.
    pub(super) free: u64,
    /// How large it is.
    pub(super) total: u64,
    /// Which disk it is.
    pub(super) disk: u64,
}

/// Room where a file is or would be.
pub(super) fn room(file: &Path) -> std::io::Result<Room> {
    let folder = file
        .ancestors()
        .skip(1)
        .map(|folder| {
            if folder.as_os_str().is_empty() {
                PathBuf::from(".")
            } else {
                folder.to_owned()
            }
        })
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| PathBuf::from("."));
    let told = rustix::fs::statvfs(&folder)?;
    Ok(Room {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        total: told.f_blocks.saturating_mul(told.f_frsize),
        disk: told.f_fsid,
    })
}

/// Whether that is enough.
pub(super) fn judge_room(room: &std::io::Result<Room>) -> Finding {
    let check = Check::Disk;
    let room = match room {
        Ok(room) => *room,
        Err(error) => {
            return Finding::warning(
                check,
                "unknown",
                format!("room on the disk of the database is not known: {error}"),
            );
        }
    };
    short_of_room(check, &room).unwrap_or_else(|| {
        let found = format!("{} where the database is", free(&room));
        Finding::well(check, found)
    })
}

/// What is said of a disk that has little room left, be it that of the database or that of contents.
pub(super) fn short_of_room(check: Check, room: &Room) -> Option<Finding> {
    let (what, otherwise) = match check {
        Check::Contents => (
            "contents are",
            "no attachment is kept and nothing can be uploaded",
        ),
        _ => ("the database is", "nothing is mirrored"),
    };
    let found = format!("{} where {what}", free(room));
    let advice = format!(
        "make room, or move to a larger disk; on a full one {otherwise} until there is room again"
    );
    if room.free < LITTLE {
        return Some(Finding::broken(check, "nearly_full", found).advising(advice));
    }
    let is_short = room.free < SOME || (room.free < MUCH && room.free < room.total / 20);
    is_short.then(|| Finding::warning(check, "filling_up", found).advising(advice))
}

fn free(room: &Room) -> String {
    format!("{} of {} are free", size(room.free), size(room.total))
}

fn size(bytes: u64) -> String {
    let megabytes = bytes >> 20;
    if megabytes < 10_240 {
        format!("{megabytes} MB")
    } else {
        format!("{} GB", megabytes >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn a_disk_is_judged_by_what_is_left() {
        const MB: u64 = 1 << 20;
        const GB: u64 = 1 << 30;
        for (free, total, severity) in [
            (0, 100 * GB, Severity::Broken),
            (99 * MB, 100 * GB, Severity::Broken),
            (500 * MB, 2 * GB, Severity::Warning),
            (4 * GB, 100 * GB, Severity::Warning),
            (40 * GB, 4_000 * GB, Severity::Well),
            (5 * GB, 50 * GB, Severity::Well),
        ] {
            let finding = judge_room(&Ok(Room {
                free,
                total,
                disk: 1,
            }));

            assert_eq!(finding.severity, severity, "{free} of {total}");
            assert_eq!(finding.advice.is_some(), severity != Severity::Well);
        }
        let odd = judge_room(&Err(std::io::Error::other("odd")));
        assert_eq!(odd.severity, Severity::Warning);
    }

    #[test]
    fn the_room_of_a_file_that_is_not_there_is_that_of_the_nearest_folder() {
        let room = room(Path::new("nowhere/at/all.db")).expect("the present folder has a disk");

        assert!(room.total > 0 && room.free <= room.total);
    }

    #[test]
    fn an_older_schema_can_be_mended_and_a_newer_one_names_the_program() {
        let older = judge_schema(Err(&StoreError::SchemaTooOld { found: 3, known: 6 }));
        let newer = judge_schema(Err(&StoreError::SchemaTooNew { found: 9, known: 6 }));
        let none = judge_schema(Err(&StoreError::SchemaTooOld { found: 0, known: 6 }));

        assert_eq!((older.code, older.severity), ("older", Severity::Broken));
        assert!(
            older
                .advice
                .is_some_and(|advice| advice.contains("graph-mirror migrate"))
        );
        assert_eq!((newer.code, newer.severity), ("newer", Severity::Broken));
        assert!(
            newer
                .advice
                .is_some_and(|advice| advice.contains("later one"))
        );
        assert_eq!(
            (none.code, none.severity, none.stops),
            ("none", Severity::Warning, true)
        );
    }

    #[test]
    fn what_a_role_lacks_is_named_worst_first() {
        let able = Privileges {
            role: "mirror".to_owned(),
            schema: Some("public".to_owned()),
            may_create: true,
            ..Privileges::default()
        };
        let code = |change: &dyn Fn(&mut Privileges)| {
            let mut privileges = able.clone();
            change(&mut privileges);
            judge_privileges(Some(&privileges)).code
        };

        assert_eq!(code(&|_| {}), "well");
        assert_eq!(
            code(&|it| it.not_owned = vec!["ticks".to_owned()]),
            "not_owner"
        );
        assert_eq!(code(&|it| it.may_create = false), "create_denied");
        assert_eq!(
            code(&|it| {
                it.may_create = false;
                it.unusable = vec!["ticks".to_owned()];
            }),
            "tables_denied"
        );
        assert_eq!(code(&|it| it.schema = None), "no_schema");
        assert_eq!(judge_privileges(None).code, "well");
    }
}
