//! Applications, grants and tokens.

use std::collections::HashMap;

use axum::Router;

use super::error::GraphFault;
use super::ids::guid;
use super::world::{UserId, World};
use crate::model::time::{Timestamp, later};

/// Who a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The application.
    pub app_id: String,
    /// The signed-in person; none with a token of the application's own.
    pub user: Option<UserId>,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// The identity service's memory.
#[derive(Debug)]
pub struct Identity {
    client_id: String,
    client_secret: String,
    rng: fastrand::Rng,
    tokens: HashMap<String, (Caller, Timestamp)>,
}

impl Identity {
    /// One registered application.
    pub fn seeded(_tenant_id: &str, rng: &mut fastrand::Rng) -> Self {
        Self {
            client_id: guid(rng),
            client_secret: format!("sandbox~{:016x}{:016x}", rng.u64(..), rng.u64(..)),
            rng: rng.fork(),
            tokens: HashMap::new(),
        }
    }

    /// The application.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Its secret.
    pub fn client_secret(&self) -> &str {
        &self.client_secret
    }

    /// An access token without the way through a browser, for tests: delegated for `user`, else the
    /// application's own.
    pub fn issue(&mut self, user: Option<UserId>, scopes: &[&str], now: Timestamp) -> String {
        let token = format!("eyJ{:032x}{:032x}", self.rng.u128(..), self.rng.u128(..));
        let caller = Caller {
            app_id: self.client_id.clone(),
            user,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        let expires_at = later(
            now,
            std::time::Duration::from_secs(self.rng.u64(3600..5400)),
        );
        self.tokens.insert(token.clone(), (caller, expires_at));
        token
    }

    /// Whom a bearer token speaks for (F1.21, S7).
    pub fn check(&self, bearer: &str, now: Timestamp) -> Result<Caller, GraphFault> {
        match self.tokens.get(bearer) {
            Some((caller, expires_at)) if now < *expires_at => Ok(caller.clone()),
            Some(_) => Err(GraphFault::invalid_token(
                "Lifetime validation failed, the token is expired.",
            )),
            None => Err(GraphFault::invalid_token(
                "Access token validation failure.",
            )),
        }
    }
}

/// The endpoints of the identity service.
pub fn router(_world: &World) -> Router {
    Router::new()
}
