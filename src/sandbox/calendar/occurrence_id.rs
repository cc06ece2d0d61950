//! Ids of occurrences: made of their master's id, the generation of the series and a date (F12.7).
//!
//! They are never stored. An id of an older generation, or of a date the series no longer falls on, resolves
//! to nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Days, NaiveDate};

/// Every item id ends with it; an occurrence's code stands before it.
const ENDING: &str = "AAA=";
/// Characters of the code.
const CODE_LENGTH: usize = 8;
const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(1601, 1, 1).expect("it is a date");

/// The id of the occurrence of `master` for `date`.
pub fn compose(master: &str, generation: u32, date: NaiveDate) -> String {
    let days = u32::try_from((date - EPOCH).num_days()).unwrap_or(0);
    let mut code = [0_u8; 6];
    code[..3].copy_from_slice(&generation.to_be_bytes()[1..]);
    code[3..].copy_from_slice(&days.to_be_bytes()[1..]);
    let stem = master.strip_suffix(ENDING).unwrap_or(master);
    let mut id = String::with_capacity(master.len() + CODE_LENGTH);
    id.push_str(stem);
    STANDARD.encode_string(code, &mut id);
    id.push_str(ENDING);
    id
}

/// The master's id, the generation and the date that an id would be made of, if it is an occurrence's.
pub fn decompose(id: &str) -> Option<(String, u32, NaiveDate)> {
    let stem = id.strip_suffix(ENDING)?;
    let (stem, code) = stem.split_at_checked(stem.len().checked_sub(CODE_LENGTH)?)?;
    let code = STANDARD.decode(code).ok()?;
    let (generation, days) = code.split_at_checked(3)?;
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte))
    };
    let date = EPOCH.checked_add_days(Days::new(u64::from(number(days))))?;
    Some((format!("{stem}{ENDING}"), number(generation), date))
}

#[cfg(test)]
mod tests {
    use super::*;

    // F12.7
    #[test]
    fn an_occurrence_id_names_its_master_generation_and_date() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();

        let id = compose("AAkAL/x+yAAA=", 3, date);

        assert_eq!(decompose(&id), Some(("AAkAL/x+yAAA=".to_owned(), 3, date)));
        assert_ne!(id, compose("AAkAL/x+yAAA=", 4, date));
    }

    #[test]
    fn foreign_ids_are_not_taken_apart() {
        for id in ["", "AAA=", "üüüüüAAA=", "short", "1234567€AAA="] {
            assert_eq!(decompose(id), None, "{id}");
        }
    }
}
