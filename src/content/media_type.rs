//! Which kinds of content may be handed out as what they are.
//!
//! A browser runs what it takes for HTML, SVG or a script. Only kinds that do nothing are named as declared; the rest goes out as
//! bytes to be saved, with `nosniff`, unless the caller asks for the declared type and so answers for it.

/// What content is handed out as when its own type is not to be trusted.
pub const BYTES: &str = "application/octet-stream";

/// Kinds that no browser runs.
const HARMLESS: &[&str] = &[
    "application/pdf",
    "application/zip",
    "application/json",
    "application/msword",
    "application/rtf",
    "application/vnd.ms-excel",
    "application/vnd.ms-outlook",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "message/rfc822",
    "text/calendar",
    "text/csv",
    "text/plain",
    "text/vcard",
    "video/mp4",
    "video/webm",
];

/// Types whose content begins with certain bytes, whatever else it holds.
const BEGINNINGS: &[(&str, &[&[u8]])] = &[
    ("application/pdf", &[b"%PDF-"]),
    ("application/zip", &[b"PK"]),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        &[b"PK", OLE],
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        &[b"PK", OLE],
    ),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        &[b"PK", OLE],
    ),
    ("image/gif", &[b"GIF87a", b"GIF89a"]),
    ("image/jpeg", &[b"\xff\xd8\xff"]),
    ("image/png", &[b"\x89PNG\r\n\x1a\n"]),
    ("image/webp", &[b"RIFF"]),
];

/// A compound document; encrypted files of the newer kinds are such.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0";

/// How far a beginning must be seen.
pub const BEGINNING: usize = 8;

/// The type without its parameters, in small letters.
pub fn bare(declared: &str) -> String {
    let kind = declared.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// Whether a text can stand as a content type in a header.
pub fn is_type(declared: &str) -> bool {
    let bare = bare(declared);
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    declared.len() <= 255
        && declared.bytes().all(|byte| (32..127).contains(&byte))
        && bare
            .split_once('/')
            .is_some_and(|(main, sub)| is_token(main) && is_token(sub))
}

/// What content declared so is handed out as: itself when it is harmless, plain bytes otherwise.
pub fn shown_as(declared: Option<&str>) -> String {
    let bare = declared.map(bare).unwrap_or_default();
    if bare == "text/plain" || bare == "text/csv" {
        // The charset tells how to read it, and is all that is kept of its parameters.
        return match declared.and_then(charset) {
            Some(charset) => format!("{bare}; charset={charset}"),
            None => bare,
        };
    }
    if HARMLESS.contains(&bare.as_str()) {
        bare
    } else {
        BYTES.to_owned()
    }
}

/// Whether an image may be shown inside of a message.
pub fn is_shown_inline(declared: Option<&str>) -> bool {
    let bare = declared.map(bare).unwrap_or_default();
    bare.starts_with("image/") && HARMLESS.contains(&bare.as_str())
}

fn charset(declared: &str) -> Option<&str> {
    declared
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"'))
        .filter(|value| {
            !value.is_empty()
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        })
}

/// Whether content that begins so cannot be what it is declared to be. `beginning` is all of it, or [`BEGINNING`] bytes.
pub fn is_a_lie(declared: &str, beginning: &[u8]) -> bool {
    let bare = bare(declared);
    BEGINNINGS
        .iter()
        .find(|(kind, _)| *kind == bare)
        .is_some_and(|(_, beginnings)| {
            !beginnings
                .iter()
                .any(|begins| beginning.starts_with(begins))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_is_handed_out_as_bytes() {
        for active in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/javascript",
            "",
            "nonsense",
        ] {
            assert_eq!(shown_as(Some(active)), BYTES, "{active}");
            assert!(!is_shown_inline(Some(active)), "{active}");
        }
        assert_eq!(shown_as(None), BYTES);
        assert_eq!(shown_as(Some("Image/PNG; name=\"x.png\"")), "image/png");
        assert_eq!(
            shown_as(Some("text/plain; charset=\"iso-8859-1\"; x=y")),
            "text/plain; charset=iso-8859-1"
        );
        assert_eq!(
            shown_as(Some("text/plain; charset=\"a\r\nb\"")),
            "text/plain"
        );
    }

    #[test]
    fn content_that_cannot_be_what_it_is_declared_to_be_is_a_lie() {
        assert!(is_a_lie("image/png", b"<html><b"));
        assert!(is_a_lie("application/pdf; x=y", b"MZ\x90\0\x03\0\0\0"));
        assert!(is_a_lie("image/gif", b""));
        assert!(!is_a_lie("image/png", b"\x89PNG\r\n\x1a\n"));
        assert!(!is_a_lie("application/pdf", b"%PDF-1.7"));
        assert!(!is_a_lie("text/plain", b"MZ"));
        assert!(!is_a_lie("application/x-unknown", b"MZ"));
    }

    #[test]
    fn a_type_is_two_words_and_nothing_that_breaks_a_header() {
        for good in [
            "text/plain",
            "application/vnd.ms-excel",
            "text/plain; charset=utf-8",
        ] {
            assert!(is_type(good), "{good}");
        }
        for wrong in [
            "",
            "text",
            "text/",
            "/plain",
            "te xt/plain",
            "text/plain\r\nX: y",
            "text/plän",
        ] {
            assert!(!is_type(wrong), "{wrong}");
        }
    }
}
