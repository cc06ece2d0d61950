//! Contents: where they are kept, and which are fetched before anybody asks for them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::database::Database;
use super::reader::Reader;
use super::variables::{
    ATTACHMENTS, ATTACHMENTS_EAGER_LIMIT, BLOBS_URL, INTERNET_HEADERS, KEEP_ORIGINALS,
};

/// When the contents of attachments are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachments {
    /// With the message, in spare quota.
    Eager,
    /// When somebody first reads them.
    Lazy,
    /// Never.
    Off,
}

impl FromStr for Attachments {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "eager" => Ok(Self::Eager),
            "lazy" => Ok(Self::Lazy),
            "off" => Ok(Self::Off),
            _ => Err(format!("`{text}` is neither eager nor lazy nor off")),
        }
    }
}

impl fmt::Display for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eager => "eager",
            Self::Lazy => "lazy",
            Self::Off => "off",
        })
    }
}

/// The place of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of Amazon S3, or of something that speaks its protocol.
    S3(Url),
    /// A container of Azure's blob storage.
    Azure(Url),
}

impl BlobPlace {
    /// Reads an address; looks at nothing. Every problem is said as the rest of a sentence about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        let url = || Url::parse(text).map_err(|error| format!("is no address ({error})"));
        let hosted = |url: Url| match url.host_str() {
            Some(host) if !host.is_empty() => Ok(url),
            _ => Err("names no bucket".to_owned()),
        };
        match scheme {
            "file" => url()?
                .to_file_path()
                .map(Self::Folder)
                .map_err(|()| "names no folder of this machine".to_owned()),
            "s3" | "s3a" => built(cfg!(feature = "s3"), "s3")
                .and_then(|()| url())
                .and_then(hosted)
                .map(Self::S3),
            "az" | "azure" | "abfs" | "abfss" => built(cfg!(feature = "azure"), "azure")
                .and_then(|()| url())
                .and_then(hosted)
                .map(Self::Azure),
            _ => Err("is neither a folder nor an s3:// or az:// address".to_owned()),
        }
    }
}

fn built(with: bool, feature: &str) -> Result<(), String> {
    if with {
        return Ok(());
    }
    Err(format!(
        "names a bucket, and this binary was built without the feature `{feature}`: build it with `--features {feature}`, or name a \
         folder"
    ))
}

/// Where contents are kept, and which are fetched when.
#[derive(Debug, Clone)]
pub struct Contents {
    /// A folder, or a bucket.
    pub blobs: BlobPlace,
    /// When the contents of attachments are fetched.
    pub attachments: Attachments,
    /// Larger ones are left for whoever asks for them, in bytes.
    pub eager_limit: u64,
    /// Whether a message's MIME is kept once it was asked for.
    pub keep_originals: bool,
    /// Whether messages are mirrored with all their headers.
    pub internet_headers: bool,
}

impl Contents {
    pub(super) fn read(reader: &mut Reader<'_>, database: Option<&Database>) -> Option<Self> {
        let blobs = reader.optional(&BLOBS_URL, BlobPlace::parse);
        let attachments = reader.read(&ATTACHMENTS, str::parse);
        let eager_limit = reader.read(&ATTACHMENTS_EAGER_LIMIT, bytes);
        let keep_originals = reader.read(&KEEP_ORIGINALS, yes_or_no);
        let internet_headers = reader.read(&INTERNET_HEADERS, yes_or_no);
        Some(Self {
            blobs: blobs?.unwrap_or_else(|| beside(database)),
            attachments: attachments?,
            eager_limit: eager_limit?,
            keep_originals: keep_originals?,
            internet_headers: internet_headers?,
        })
    }
}

/// Beside the file of an SQLite database: the two belong together.
fn beside(database: Option<&Database>) -> BlobPlace {
    let folder = database
        .and_then(|database| database.url.file())
        .and_then(|file| file.parent().map(std::path::Path::to_path_buf))
        .unwrap_or_else(|| "data".into());
    BlobPlace::Folder(folder.join("blobs"))
}

/// A number of bytes, like `10MB` or `500kB`.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits).unwrap_or_default() {
        "" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        _ => return Err(format!("`{text}` is not a size")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| format!("`{text}` is not a size"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_perhaps_a_unit() {
        assert_eq!(bytes("1000"), Ok(1_000));
        assert_eq!(bytes("10MB"), Ok(10 << 20));
        assert_eq!(bytes("3kB"), Ok(3 << 10));
        for wrong in ["", "MB", "-1", "1.5MB", "1 MB", "1GB", "99999999999999MB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_is_named_by_its_path_and_a_bucket_by_an_address() {
        assert_eq!(
            BlobPlace::parse("./data/blobs"),
            Ok(BlobPlace::Folder("./data/blobs".into()))
        );
        assert_eq!(
            BlobPlace::parse("file:///srv/blobs"),
            Ok(BlobPlace::Folder("/srv/blobs".into()))
        );
        for wrong in ["gs://bucket", "http://host/x", "file://host/x"] {
            assert!(BlobPlace::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_bucket_that_this_binary_cannot_use_names_the_feature() {
        let why = BlobPlace::parse("s3://bucket/prefix").expect_err("it was built without");

        assert!(why.contains("--features s3"), "{why}");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn a_bucket_is_named_by_an_address() {
        assert!(matches!(
            BlobPlace::parse("s3://bucket/prefix"),
            Ok(BlobPlace::S3(_))
        ));
        assert!(BlobPlace::parse("s3:///prefix").is_err());
    }
}
