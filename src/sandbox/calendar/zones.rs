//! Time zones by the names Exchange and the world call them.
//!
//! Graph takes Windows names ("W. Europe Standard Time") and IANA names ("Europe/Berlin") and echoes the name
//! it was given. A name it does not know is refused; it must never fall back to UTC in silence (S49).

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use windows_timezones::WindowsTimezone;

use super::refusal::Refusal;

/// A zone with the name it was asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    tz: Tz,
}

impl Zone {
    /// UTC, as Graph names it on every read without a preference (F7.3).
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            tz: Tz::UTC,
        }
    }

    /// The zone a Windows or IANA name stands for; 400 when nobody knows it (S49).
    pub fn named(name: &str) -> Result<Self, Refusal> {
        let tz = resolve(name).ok_or_else(|| Refusal::UnknownZone(name.to_owned()))?;
        Ok(Self {
            name: name.to_owned(),
            tz,
        })
    }

    /// A zone that reads under another name than its own, as a custom zone of an old client does (F7.3).
    pub fn custom(tz: Tz) -> Self {
        Self {
            name: "tzone://Microsoft/Custom".to_owned(),
            tz,
        }
    }

    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules behind the name.
    pub fn tz(&self) -> Tz {
        self.tz
    }

    /// The UTC reading of a wall clock in this zone.
    ///
    /// A time that a clock change skips is moved forward by what was skipped; a time that happens twice is
    /// its first happening.
    pub fn to_utc(&self, local: NaiveDateTime) -> NaiveDateTime {
        if let Some(instant) = self.tz.from_local_datetime(&local).earliest() {
            return instant.naive_utc();
        }
        let before = TimeDelta::hours(3);
        let offset = local
            .checked_sub_signed(before)
            .and_then(|earlier| self.tz.from_local_datetime(&earlier).earliest())
            .map_or(TimeDelta::zero(), |instant| {
                TimeDelta::seconds(i64::from(instant.offset().fix().local_minus_utc()))
            });
        local.checked_sub_signed(offset).unwrap_or(local)
    }

    /// The wall clock of this zone at a UTC reading.
    pub fn to_local(&self, utc: NaiveDateTime) -> NaiveDateTime {
        let instant: DateTime<Utc> = utc.and_utc();
        instant.with_timezone(&self.tz).naive_local()
    }
}

fn resolve(name: &str) -> Option<Tz> {
    let folded = name.trim();
    if folded.eq_ignore_ascii_case("utc")
        || folded.eq_ignore_ascii_case("tzone://Microsoft/Utc")
        || folded.eq_ignore_ascii_case("Coordinated Universal Time")
    {
        return Some(Tz::UTC);
    }
    if let Ok(windows) = folded.parse::<WindowsTimezone>() {
        return Some(windows.into());
    }
    folded.parse().ok()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn at(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(year, month, day)
            .and_then(|date| date.and_hms_opt(hour, minute, 0))
            .unwrap()
    }

    // S49
    #[test]
    fn windows_and_iana_names_mean_the_same_rules_and_keep_their_name() {
        let windows = Zone::named("W. Europe Standard Time").unwrap();
        let iana = Zone::named("Europe/Berlin").unwrap();

        assert_eq!(windows.to_utc(at(2026, 7, 1, 9, 0)), at(2026, 7, 1, 7, 0));
        assert_eq!(iana.to_utc(at(2026, 7, 1, 9, 0)), at(2026, 7, 1, 7, 0));
        assert_eq!(windows.name(), "W. Europe Standard Time");
        assert_eq!(iana.name(), "Europe/Berlin");
    }

    // S49
    #[test]
    fn a_zone_nobody_knows_is_refused() {
        assert!(matches!(
            Zone::named("Middle Earth Standard Time"),
            Err(Refusal::UnknownZone(name)) if name == "Middle Earth Standard Time"
        ));
        assert!(Zone::named("").is_err());
    }

    // S48
    #[test]
    fn a_skipped_hour_moves_forward_and_a_doubled_one_is_its_first() {
        let zone = Zone::named("Pacific Standard Time").unwrap();

        assert_eq!(zone.to_utc(at(2026, 3, 8, 2, 30)), at(2026, 3, 8, 10, 30));
        assert_eq!(zone.to_utc(at(2026, 11, 1, 1, 30)), at(2026, 11, 1, 8, 30));
        assert_eq!(zone.to_local(at(2026, 3, 8, 10, 30)), at(2026, 3, 8, 3, 30));
    }
}
