//! What a refusal of the identity platform means, and for whom (F1.13 to F1.16).
//!
//! The `error` decides first, because Microsoft changes its numbers (F1.14); the AADSTS numbers only tell the reason apart within
//! it. Whatever isn't clearly about one account is the operator's: a wrong secret must not send every person to
//! the sign-in page (M7).

use std::fmt;
use std::time::Duration;

use oauth2::ErrorResponse;
use serde::{Deserialize, Serialize};

use crate::model::mailbox::StateReason;

/// An error answer of the token endpoint (F1.13). Unknown fields are passed over, missing ones are no error.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenRefusal {
    /// `invalid_grant` and its kin.
    pub error: String,
    /// Text with the number in it; may name the account, so it never enters a log.
    pub error_description: Option<String>,
    /// The AADSTS numbers.
    pub error_codes: Vec<u32>,
    /// Appears on some.
    pub suberror: Option<String>,
    /// What Microsoft's support asks for.
    pub trace_id: Option<String>,
    /// What Microsoft's support asks for.
    pub correlation_id: Option<String>,
}

/// For whom a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The person must sign in again, or their administrator must act; only this account is concerned.
    Account(StateReason),
    /// The application is not, or no longer, let into this tenant; or its id is wrong, which concerns everyone.
    Application,
    /// The operator must act: secret, tenant, redirect address or scopes are wrong.
    Operator,
    /// It passes by itself.
    Transient {
        /// To be left alone at least so long.
        after: Option<Duration>,
    },
    /// The code or state of a sign-in does not hold; that sign-in must be begun again.
    SignIn,
}

/// We were told that we ask in a loop (50196): stay away for long.
const AFTER_LOOP: Duration = Duration::from_hours(1);

impl TokenRefusal {
    /// What it means; `status` is the answer's, for an `error` nobody knows.
    pub fn meaning(&self, status: u16) -> Meaning {
        match self.error.to_ascii_lowercase().as_str() {
            "invalid_client" => Meaning::Operator,
            "temporarily_unavailable" | "server_error" => Meaning::Transient { after: None },
            "unauthorized_client" => self.by_number().unwrap_or(Meaning::Application),
            "interaction_required" | "login_required" => self
                .by_number()
                .unwrap_or(Meaning::Account(StateReason::InteractionRequired)),
            "consent_required" | "access_denied" | "permission_denied" => self
                .by_number()
                .unwrap_or(Meaning::Account(StateReason::ConsentRequired)),
            "invalid_grant" => self
                .by_number()
                .unwrap_or(Meaning::Account(StateReason::GrantRevoked)),
            _ => self
                .by_number()
                .unwrap_or(if status >= 500 || status == 429 {
                    Meaning::Transient { after: None }
                } else {
                    Meaning::Operator
                }),
        }
    }

    /// The first known number; from the text where the list is missing.
    fn by_number(&self) -> Option<Meaning> {
        self.numbers().into_iter().find_map(meaning_of)
    }

    /// The AADSTS numbers, from the list or from the text.
    pub fn numbers(&self) -> Vec<u32> {
        if !self.error_codes.is_empty() {
            return self.error_codes.clone();
        }
        self.error_description
            .as_deref()
            .unwrap_or_default()
            .split("AADSTS")
            .skip(1)
            .filter_map(|rest| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().ok()
            })
            .collect()
    }
}

/// The table of F1.16.
fn meaning_of(number: u32) -> Option<Meaning> {
    use StateReason as Reason;
    Some(match number {
        70_000 | 50_173 => Meaning::Account(Reason::GrantRevoked),
        70_008 | 700_082 | 700_084 => Meaning::Account(Reason::GrantExpired),
        70_043 | 50_076 | 50_078 | 50_079 => Meaning::Account(Reason::InteractionRequired),
        53_000 | 53_001 | 53_003 | 530_032 | 50_105 => Meaning::Account(Reason::BlockedByPolicy),
        65_001 | 65_004 | 90_094 => Meaning::Account(Reason::ConsentRequired),
        50_020 | 50_034 | 51_004 => Meaning::Account(Reason::UserGone),
        700_016 | 70_001 | 7_000_112 => Meaning::Application,
        7_000_215 | 7_000_222 | 700_027 | 70_002 | 90_002 | 70_011 | 9_002_313 | 50_011
        | 9_001_023 => Meaning::Operator,
        50_196 => Meaning::Transient {
            after: Some(AFTER_LOOP),
        },
        90_006 | 90_012 | 90_024 | 90_033 => Meaning::Transient { after: None },
        54_005 | 501_481 => Meaning::SignIn,
        _ => return None,
    })
}

impl ErrorResponse for TokenRefusal {}

/// The `error` and the numbers, nothing that names a person.
impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.error;
        let is_plain = error.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        f.write_str(if is_plain && !error.is_empty() {
            error
        } else {
            "an unnamed error"
        })?;
        for number in self.numbers() {
            write!(f, " AADSTS{number}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenRefusal({self})")
    }
}

impl std::error::Error for TokenRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(error: &str, codes: &[u32]) -> TokenRefusal {
        TokenRefusal {
            error: error.to_owned(),
            error_codes: codes.to_vec(),
            ..TokenRefusal::default()
        }
    }

    #[test]
    fn every_row_of_the_table_has_its_meaning() {
        // F1.16
        use StateReason as R;
        for (codes, meaning) in [
            (&[70_000][..], Meaning::Account(R::GrantRevoked)),
            (
                &[70_008, 700_082, 700_084],
                Meaning::Account(R::GrantExpired),
            ),
            (&[70_043], Meaning::Account(R::InteractionRequired)),
            (&[50_173], Meaning::Account(R::GrantRevoked)),
            (
                &[50_076, 50_078, 50_079],
                Meaning::Account(R::InteractionRequired),
            ),
            (
                &[53_000, 53_001, 53_003, 530_032],
                Meaning::Account(R::BlockedByPolicy),
            ),
            (
                &[65_001, 65_004, 90_094],
                Meaning::Account(R::ConsentRequired),
            ),
            (&[50_105], Meaning::Account(R::BlockedByPolicy)),
            (&[50_020, 50_034, 51_004], Meaning::Account(R::UserGone)),
            (&[700_016, 70_001, 7_000_112], Meaning::Application),
            (&[7_000_215, 7_000_222, 700_027, 70_002], Meaning::Operator),
            (&[90_002], Meaning::Operator),
            (
                &[50_196],
                Meaning::Transient {
                    after: Some(AFTER_LOOP),
                },
            ),
            (
                &[90_006, 90_012, 90_024, 90_033],
                Meaning::Transient { after: None },
            ),
            (&[54_005], Meaning::SignIn),
            (&[70_011, 9_002_313], Meaning::Operator),
        ] {
            for &code in codes {
                assert_eq!(
                    refusal("invalid_grant", &[code]).meaning(400),
                    meaning,
                    "{code}"
                );
                let told = TokenRefusal {
                    error: "invalid_grant".to_owned(),
                    error_description: Some(format!("AADSTS{code}: Something.\r\nTrace ID: x")),
                    ..TokenRefusal::default()
                };
                assert_eq!(told.meaning(400), meaning, "{code} in the text only");
            }
        }
    }

    #[test]
    fn the_error_decides_where_the_number_says_nothing() {
        // F1.14, F1.15
        use StateReason as R;
        for (error, status, meaning) in [
            ("invalid_grant", 400, Meaning::Account(R::GrantRevoked)),
            (
                "interaction_required",
                400,
                Meaning::Account(R::InteractionRequired),
            ),
            (
                "consent_required",
                400,
                Meaning::Account(R::ConsentRequired),
            ),
            ("unauthorized_client", 400, Meaning::Application),
            ("invalid_client", 401, Meaning::Operator),
            ("invalid_request", 400, Meaning::Operator),
            ("invalid_scope", 400, Meaning::Operator),
            ("invalid_resource", 400, Meaning::Operator),
            ("unsupported_grant_type", 400, Meaning::Operator),
            (
                "temporarily_unavailable",
                400,
                Meaning::Transient { after: None },
            ),
            ("server_error", 500, Meaning::Transient { after: None }),
            ("brand_new_error", 400, Meaning::Operator),
            ("brand_new_error", 503, Meaning::Transient { after: None }),
        ] {
            assert_eq!(
                refusal(error, &[1]).meaning(status),
                meaning,
                "{error} {status}"
            );
        }
    }

    #[test]
    fn a_bad_secret_is_the_operators_whatever_its_number() {
        // M7
        for codes in [&[][..], &[7_000_215], &[50_173], &[70_000]] {
            assert_eq!(
                refusal("invalid_client", codes).meaning(401),
                Meaning::Operator
            );
        }
    }

    #[test]
    fn nothing_that_names_a_person_shows() {
        let refusal = TokenRefusal {
            error: "invalid_grant".to_owned(),
            error_description: Some(
                "AADSTS50034: The account anna@example.org does not exist".into(),
            ),
            ..TokenRefusal::default()
        };
        assert_eq!(refusal.to_string(), "invalid_grant AADSTS50034");
        assert_eq!(
            format!("{refusal:?}"),
            "TokenRefusal(invalid_grant AADSTS50034)"
        );
        let odd = TokenRefusal {
            error: "<b>anna</b>".to_owned(),
            ..TokenRefusal::default()
        };
        assert_eq!(odd.to_string(), "an unnamed error");
    }
}
