//! Consents, and the codes and refresh tokens they gave (F1.4, F1.10 to F1.12).
//!
//! Nothing here speaks HTTP or reads a clock: the endpoints hand in what came and when.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::super::knobs::Knobs;
use super::super::world::UserId;
use super::error::TokenError;
use super::opaque;
use super::revocation::{Revocation, idle};
use super::scopes::Scopes;
use crate::model::time::{Timestamp, later};

/// How long a code can be redeemed (F1.4).
pub const CODE_LIVES: Duration = Duration::from_mins(10);

/// How long a refresh token lives unused (F1.10).
pub const REFRESH_LIVES: Duration = Duration::from_hours(90 * 24);

/// What a person agreed to, for one application.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The application.
    pub client_id: String,
    /// The person.
    pub user: UserId,
    /// What for.
    pub scopes: Scopes,
    /// The nonce an id token must repeat.
    pub nonce: Option<String>,
}

/// How the redeemer of a code proves to be who asked for it (F1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// Its SHA-256.
    S256(String),
}

impl Challenge {
    /// Reads the two parameters; an absent method means plain.
    pub fn parse(challenge: &str, method: Option<&str>) -> Result<Self, TokenError> {
        match method {
            Some("S256") => Ok(Self::S256(challenge.to_owned())),
            None | Some("plain") => Ok(Self::Plain(challenge.to_owned())),
            Some(_) => Err(TokenError::new(
                "invalid_request",
                501_491,
                "Invalid size or value of Code_Challenge parameter.",
            )),
        }
    }

    fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
            }
        }
    }
}

#[derive(Debug)]
struct Code {
    consent: Consent,
    redirect_uri: String,
    challenge: Option<Challenge>,
    issued_at: Timestamp,
    used: bool,
}

#[derive(Debug)]
struct Refresh {
    consent: Consent,
    /// When it was used last, or issued: 90 days after that it is idle (F1.11).
    last_used_at: Timestamp,
    used: bool,
    revoked: Option<Revocation>,
}

/// All codes and refresh tokens.
#[derive(Debug, Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    refreshes: HashMap<String, Refresh>,
}

impl Grants {
    /// A code for a consent just given.
    pub fn code(
        &mut self,
        consent: Consent,
        redirect_uri: String,
        challenge: Option<Challenge>,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> String {
        // A day longer than it lives, so that its second use can be told from nonsense.
        let remembered = CODE_LIVES + Duration::from_hours(24);
        self.codes
            .retain(|_, code| later(code.issued_at, remembered) > now);
        let code = format!("0.AYIA{}", opaque(rng, 72));
        let entry = Code {
            consent,
            redirect_uri,
            challenge,
            issued_at: now,
            used: false,
        };
        self.codes.insert(code.clone(), entry);
        code
    }

    /// Redeems a code, once (S2, S3).
    pub fn redeem(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Consent, TokenError> {
        let unknown = || {
            TokenError::invalid_grant(
                70_000,
                "The provided value for the input parameter 'code' is not valid.",
            )
        };
        let code = self.codes.get_mut(code).ok_or_else(unknown)?;
        if !code.consent.client_id.eq_ignore_ascii_case(client_id) {
            return Err(unknown());
        }
        if code.used {
            return Err(TokenError::invalid_grant(
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
            ));
        }
        if later(code.issued_at, CODE_LIVES) <= now {
            return Err(TokenError::invalid_grant(
                70_008,
                "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
            ));
        }
        if code.redirect_uri != redirect_uri {
            return Err(TokenError::invalid_grant(
                500_112,
                "The reply address does not match the reply address provided when requesting Authorization code.",
            ));
        }
        if let Some(challenge) = &code.challenge
            && !verifier.is_some_and(|verifier| challenge.is_met_by(verifier))
        {
            return Err(TokenError::invalid_grant(
                501_481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            ));
        }
        code.used = true;
        Ok(code.consent.clone())
    }

    /// A refresh token for a consent.
    pub fn refresh_token(
        &mut self,
        consent: Consent,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> String {
        let token = format!("1.AYIA{}", opaque(rng, 120));
        let entry = Refresh {
            consent,
            last_used_at: now,
            used: false,
            revoked: None,
        };
        self.refreshes.insert(token.clone(), entry);
        token
    }

    /// Uses a refresh token. The old one goes on working unless rotation is strict (S4).
    pub fn refresh(
        &mut self,
        token: &str,
        client_id: &str,
        now: Timestamp,
        knobs: &Knobs,
    ) -> Result<Consent, TokenError> {
        let invalid = || {
            TokenError::invalid_grant(
                70_000,
                "The provided value for the input parameter 'refresh_token' is not valid.",
            )
        };
        let refresh = self.refreshes.get_mut(token).ok_or_else(invalid)?;
        if !refresh.consent.client_id.eq_ignore_ascii_case(client_id) {
            return Err(invalid());
        }
        if let Some(revoked) = refresh.revoked {
            return Err(revoked.refusal(knobs));
        }
        if later(refresh.last_used_at, REFRESH_LIVES) <= now {
            return Err(idle());
        }
        if refresh.used && knobs.strict_refresh_rotation {
            return Err(invalid());
        }
        refresh.used = true;
        refresh.last_used_at = now;
        Ok(refresh.consent.clone())
    }

    /// Ends what a person has granted so far; a new sign-in is not touched (S5).
    pub fn revoke(&mut self, user: &UserId, why: Revocation) -> usize {
        let mut ended = 0;
        for refresh in self.refreshes.values_mut() {
            if refresh.consent.user == *user {
                refresh.revoked = Some(why);
                ended += 1;
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "http://localhost/back";

    fn consent() -> Consent {
        Consent {
            client_id: "app".to_owned(),
            user: UserId("anna".to_owned()),
            scopes: Scopes::parse("Mail.Read offline_access", "").unwrap(),
            nonce: None,
        }
    }

    fn code(grants: &mut Grants, challenge: Option<Challenge>) -> String {
        let mut rng = fastrand::Rng::with_seed(1);
        grants.code(
            consent(),
            REDIRECT.to_owned(),
            challenge,
            Timestamp::UNIX_EPOCH,
            &mut rng,
        )
    }

    #[test]
    fn s02_a_code_is_redeemed_once_and_not_after_ten_minutes() {
        let mut grants = Grants::default();
        let now = Timestamp::UNIX_EPOCH;
        let first = code(&mut grants, None);
        assert!(grants.redeem(&first, "app", REDIRECT, None, now).is_ok());

        let again = grants
            .redeem(&first, "app", REDIRECT, None, now)
            .unwrap_err();
        let mut grants = Grants::default();
        let late = code(&mut grants, None);
        let late = grants
            .redeem(&late, "app", REDIRECT, None, later(now, CODE_LIVES))
            .unwrap_err();

        assert_eq!(
            (again.error.as_str(), again.number),
            ("invalid_grant", 54_005)
        );
        assert_eq!(
            (late.error.as_str(), late.number),
            ("invalid_grant", 70_008)
        );
    }

    #[test]
    fn s03_the_verifier_must_be_the_one_the_challenge_was_made_of() {
        // The pair of RFC 7636, appendix B.
        let challenge = Challenge::S256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        let mut grants = Grants::default();
        let code = code(&mut grants, Some(challenge));
        let now = Timestamp::UNIX_EPOCH;

        for wrong in [None, Some("something else")] {
            let refused = grants
                .redeem(&code, "app", REDIRECT, wrong, now)
                .unwrap_err();
            assert_eq!(
                (refused.error.as_str(), refused.number),
                ("invalid_grant", 501_481)
            );
        }
        let verifier = Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert!(grants.redeem(&code, "app", REDIRECT, verifier, now).is_ok());
    }

    #[test]
    fn s04_an_old_refresh_token_works_on_unless_rotation_is_strict() {
        let mut grants = Grants::default();
        let mut knobs = Knobs::default();
        let now = Timestamp::UNIX_EPOCH;
        let token = grants.refresh_token(consent(), now, &mut fastrand::Rng::with_seed(1));

        assert!(grants.refresh(&token, "app", now, &knobs).is_ok());
        assert!(grants.refresh(&token, "app", now, &knobs).is_ok());
        knobs.strict_refresh_rotation = true;
        assert_eq!(
            grants
                .refresh(&token, "app", now, &knobs)
                .unwrap_err()
                .number,
            70_000
        );
    }

    #[test]
    fn s05_each_way_a_grant_ends_has_its_number() {
        let knobs = Knobs {
            mfa_error: "interaction_required".to_owned(),
            ..Knobs::default()
        };
        let now = Timestamp::UNIX_EPOCH;
        let ways = [
            (Revocation::Sessions, "invalid_grant", 50_173),
            (Revocation::Idle, "invalid_grant", 700_082),
            (Revocation::Mfa, "interaction_required", 50_076),
            (Revocation::Consent, "invalid_grant", 65_001),
        ];
        for (why, error, number) in ways {
            let mut grants = Grants::default();
            let token = grants.refresh_token(consent(), now, &mut fastrand::Rng::with_seed(1));

            assert_eq!(grants.revoke(&UserId("anna".to_owned()), why), 1);

            let refused = grants.refresh(&token, "app", now, &knobs).unwrap_err();
            assert_eq!((refused.error.as_str(), refused.number), (error, number));
        }

        let mut grants = Grants::default();
        let token = grants.refresh_token(consent(), now, &mut fastrand::Rng::with_seed(1));
        let idle = grants.refresh(&token, "app", later(now, REFRESH_LIVES), &knobs);
        assert_eq!(idle.unwrap_err().number, 700_082);
    }

    #[test]
    fn s05_a_token_is_idle_ninety_days_after_its_last_use() {
        // F1.10, F1.11
        let knobs = Knobs::default();
        let now = Timestamp::UNIX_EPOCH;
        let on_day = |day: u64| later(now, Duration::from_hours(24 * day));
        let mut grants = Grants::default();
        let token = grants.refresh_token(consent(), now, &mut fastrand::Rng::with_seed(1));

        assert!(grants.refresh(&token, "app", on_day(80), &knobs).is_ok());
        assert!(grants.refresh(&token, "app", on_day(100), &knobs).is_ok());
        let alive = later(on_day(189), Duration::from_hours(23));
        assert!(grants.refresh(&token, "app", alive, &knobs).is_ok());
        let idle = later(alive, REFRESH_LIVES);
        let refused = grants.refresh(&token, "app", idle, &knobs).unwrap_err();
        assert_eq!(
            (refused.error.as_str(), refused.number),
            ("invalid_grant", 700_082)
        );
    }
}
