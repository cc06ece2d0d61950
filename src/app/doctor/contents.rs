//! The place for contents: whether it takes, gives back and deletes bytes, and has room.
//!
//! A folder that nobody has made yet is not made by looking at it.

use std::path::Path;
use std::time::Duration;

use super::database::{self, Room};
use super::finding::{Check, Finding};
use crate::blobs::probe::ProbeError;
use crate::blobs::{BlobError, BlobSettings, Blobs};
use crate::config::{Attachments, BlobPlace, Contents};
use crate::model::chain::chain;

const CHECK: Check = Check::Contents;

/// A bucket that says nothing for so long is as good as away.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a look at the place brought.
#[derive(Debug)]
pub(super) enum Seen {
    /// It does everything.
    Works,
    /// It is a folder that can be made.
    NotYetMade,
    /// It does not do everything.
    Fails(ProbeError),
    /// It did not answer in time.
    Silent,
}

/// Tries the place.
pub(super) async fn probe(place: &BlobPlace) -> Seen {
    if let BlobPlace::Folder(folder) = place
        && !folder.exists()
    {
        return match may_be_made(folder) {
            Ok(()) => Seen::NotYetMade,
            Err(error) => Seen::Fails(ProbeError::NotTaken(BlobError::Place(Box::new(error)))),
        };
    }
    let settings = BlobSettings {
        place: place.clone(),
    };
    let probed = async {
        Blobs::open(&settings)
            .map_err(ProbeError::NotTaken)?
            .probe()
            .await
    };
    match tokio::time::timeout(DEADLINE, probed).await {
        Ok(Ok(())) => Seen::Works,
        Ok(Err(error)) => Seen::Fails(error),
        Err(_) => Seen::Silent,
    }
}

/// Whether the nearest thing above that is there is a folder we may write to.
fn may_be_made(folder: &Path) -> std::io::Result<()> {
    let nearest = folder
        .ancestors()
        .skip(1)
        .map(|above| {
            if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            }
        })
        .find(|above| above.exists())
        .unwrap_or(Path::new("."));
    if !nearest.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    let writable = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    Ok(rustix::fs::access(nearest, writable)?)
}

/// Room where a folder is, unless the database lies on the same disk and has told of it.
pub(super) fn room(place: &BlobPlace, database: Option<&Path>) -> Option<Room> {
    let BlobPlace::Folder(folder) = place else {
        return None;
    };
    let own = database::room(&folder.join("sha256")).ok()?;
    let other = database.map(database::room).and_then(Result::ok);
    (other.is_none_or(|other| other.disk != own.disk)).then_some(own)
}

/// What that means.
pub(super) fn judge(contents: &Contents, seen: &Seen, room: Option<Room>) -> Vec<Finding> {
    let place = shown(&contents.blobs);
    let is_folder = matches!(contents.blobs, BlobPlace::Folder(_));
    let mut findings = vec![match seen {
        Seen::Works => Finding::well(
            CHECK,
            format!("{place} took bytes, gave them back and deleted them"),
        ),
        Seen::NotYetMade => Finding::well(
            CHECK,
            format!("{place} is made when something is first kept there"),
        ),
        Seen::Silent => {
            let found = format!(
                "{place} did not answer within {} seconds",
                DEADLINE.as_secs()
            );
            Finding::broken(CHECK, "unreachable", found).advising(way_out(is_folder))
        }
        Seen::Fails(error) => fails(&place, is_folder, error),
    }];
    if let Some(room) = room {
        findings.extend(database::short_of_room(CHECK, &room));
    }
    if contents.attachments == Attachments::Off && !contents.keep_originals {
        let found = "nothing of what Microsoft has is kept there: ATTACHMENTS is off and KEEP_ORIGINALS is false; \
                     uploads pass through, and originals that are asked for";
        findings.push(Finding::note(CHECK, "nothing_kept", found));
    }
    findings
}

fn fails(place: &str, is_folder: bool, error: &ProbeError) -> Finding {
    let found = format!("{place} cannot be used: {}", chain(error));
    match error {
        ProbeError::NotTaken(_) => {
            Finding::broken(CHECK, "not_writable", found).advising(way_out(is_folder))
        }
        ProbeError::NotGiven(_) | ProbeError::Altered => Finding::broken(CHECK, "not_readable", found)
            .advising("allow reading there too, and see whether something between here and there alters what it passes on"),
        ProbeError::NotDeleted(_) => {
            let found = format!("what is kept in {place} is never cleared away: {}", chain(error));
            Finding::warning(CHECK, "not_deletable", found)
                .advising("allow deleting there; what nobody needs any more stays for ever otherwise")
        }
    }
}

fn way_out(is_folder: bool) -> &'static str {
    if is_folder {
        "set BLOBS_URL to a folder that this user may write to, or make this one such a folder"
    } else {
        "check the name in BLOBS_URL, the variables that open it (AWS_… or AZURE_…: key, region, endpoint), what they permit, and \
         that it can be reached from here"
    }
}

/// The place as a person knows it: without what might open it.
fn shown(place: &BlobPlace) -> String {
    match place {
        BlobPlace::Folder(folder) => format!("the folder {}", folder.display()),
        BlobPlace::S3(url) | BlobPlace::Azure(url) => {
            let host = url.host_str().unwrap_or_default();
            format!("the bucket {}://{host}{}", url.scheme(), url.path())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    fn contents(place: BlobPlace) -> Contents {
        Contents {
            blobs: place,
            attachments: Attachments::Lazy,
            eager_limit: 0,
            keep_originals: true,
            internet_headers: false,
        }
    }

    fn bucket() -> BlobPlace {
        let url = "s3://key:hidden@bucket/prefix?token=hidden";
        BlobPlace::S3(url.parse().expect("an address"))
    }

    fn refused() -> BlobError {
        BlobError::Place(Box::new(std::io::Error::other("refused")))
    }

    #[test]
    fn what_a_place_does_not_do_is_named_with_the_way_out() {
        for (seen, code, severity) in [
            (Seen::Works, "well", Severity::Well),
            (Seen::NotYetMade, "well", Severity::Well),
            (Seen::Silent, "unreachable", Severity::Broken),
            (
                Seen::Fails(ProbeError::NotTaken(refused())),
                "not_writable",
                Severity::Broken,
            ),
            (
                Seen::Fails(ProbeError::NotGiven(refused())),
                "not_readable",
                Severity::Broken,
            ),
            (
                Seen::Fails(ProbeError::Altered),
                "not_readable",
                Severity::Broken,
            ),
            (
                Seen::Fails(ProbeError::NotDeleted(refused())),
                "not_deletable",
                Severity::Warning,
            ),
        ] {
            let findings = judge(&contents(bucket()), &seen, None);

            assert_eq!(findings.len(), 1);
            let finding = &findings[0];
            assert_eq!(
                (finding.code, finding.severity),
                (code, severity),
                "{seen:?}"
            );
            assert_eq!(finding.advice.is_some(), severity != Severity::Well);
            assert!(finding.found.contains("s3://bucket/prefix"), "{finding:?}");
            assert!(!format!("{finding:?}").contains("hidden"), "{finding:?}");
        }
    }

    #[test]
    fn it_is_said_when_nothing_is_kept_and_when_there_is_no_room() {
        let mut none = contents(BlobPlace::Folder("/srv/blobs".into()));
        none.attachments = Attachments::Off;
        assert_eq!(
            judge(&none, &Seen::Works, None).len(),
            1,
            "originals are kept"
        );
        none.keep_originals = false;
        let full = Room {
            free: 1 << 20,
            total: 1 << 40,
            disk: 1,
        };

        let findings = judge(&none, &Seen::Works, Some(full));

        let codes: Vec<_> = findings.iter().map(|one| one.code).collect();
        assert_eq!(codes, ["well", "nearly_full", "nothing_kept"]);
        assert!(findings.iter().all(|one| one.check == CHECK));
    }

    #[tokio::test]
    async fn looking_at_a_folder_that_is_not_there_does_not_make_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("data/blobs");

        let seen = probe(&BlobPlace::Folder(place.clone())).await;

        assert!(matches!(seen, Seen::NotYetMade), "{seen:?}");
        assert!(!folder.path().join("data").exists(), "a look made it");
        std::fs::write(folder.path().join("data"), "no folder").expect("it is written");
        let seen = probe(&BlobPlace::Folder(place)).await;
        assert!(
            matches!(seen, Seen::Fails(ProbeError::NotTaken(_))),
            "{seen:?}"
        );
    }

    #[test]
    fn the_disk_of_the_database_is_told_of_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = BlobPlace::Folder(folder.path().join("blobs"));
        let beside = folder.path().join("mirror.db");

        assert!(room(&place, None).is_some());
        assert!(room(&place, Some(&beside)).is_none());
        assert!(room(&bucket(), None).is_none());
    }
}
