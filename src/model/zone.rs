//! Names of zones as Exchange speaks them, to IANA.

use chrono_tz::Tz;
use windows_timezones::WindowsTimezone;

/// The IANA zone of a name that Graph gave: a Windows name mostly, an IANA name sometimes (F7.3). None for
/// `tzone://Microsoft/Custom` and whatever else nobody can know.
pub fn iana(name: &str) -> Option<Tz> {
    let name = name.trim();
    if let Ok(windows) = name.parse::<WindowsTimezone>() {
        return Some(Tz::from(windows));
    }
    if name.eq_ignore_ascii_case("UTC") || name.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some(Tz::Etc__UTC);
    }
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_names_become_iana_names() {
        // F7.3
        for (windows, zone) in [
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("Pacific Standard Time", "America/Los_Angeles"),
            ("UTC", "Etc/UTC"),
            ("tzone://Microsoft/Utc", "Etc/UTC"),
            ("Europe/Paris", "Europe/Paris"),
        ] {
            assert_eq!(
                iana(windows).map(chrono_tz::Tz::name),
                Some(zone),
                "{windows}"
            );
        }
    }

    #[test]
    fn a_name_nobody_knows_has_no_zone() {
        for name in [
            "tzone://Microsoft/Custom",
            "",
            "Customized Time Zone",
            "\u{0}",
            "é",
        ] {
            assert_eq!(iana(name), None, "{name}");
        }
    }
}
