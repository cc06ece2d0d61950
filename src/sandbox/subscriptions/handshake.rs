//! The handshake: an endpoint must echo a token before anything is sent to it (F9.17 to F9.20, S50, S51).

use super::super::delivery::Courier;
use super::super::error::GraphFault;
use super::super::ids::guid;
use super::super::world::World;
use crate::model::time::Clock as _;
use std::time::Duration;
use url::Url;

/// An endpoint has this long to answer.
const ALLOWANCE: Duration = Duration::from_secs(10);

/// The token, full of characters that change under URL-decoding (S51).
pub(super) fn token(rng: &mut fastrand::Rng) -> String {
    format!(
        "Validation: Testing client application reachability for subscription Request-Id: {}+{}%2B 100%",
        guid(rng),
        rng.u32(..)
    )
}

/// Asks one endpoint.
pub(super) async fn shake(
    world: &World,
    courier: &Courier,
    url: &Url,
    token: &str,
) -> Result<(), GraphFault> {
    let mut asked = url.clone();
    asked
        .query_pairs_mut()
        .append_pair("validationToken", token);
    let clock = world.clock();
    let answer = tokio::select! {
        answer = courier.validate(asked) => answer,
        () = clock.sleep(ALLOWANCE) => None,
    };
    let code = world.lock().knobs.validation_error_code.clone();
    let refuse = |message: &str| Err(GraphFault::bad_request(&code, message));
    let Some(answer) = answer else {
        return refuse("Subscription validation request timed out.");
    };
    if answer.status != 200 {
        return refuse(&format!(
            "Subscription validation request failed. HTTP status code is '{}'. Notification endpoint must respond with 200 OK to validation request.",
            answer.status
        ));
    }
    if !answer
        .content_type
        .to_ascii_lowercase()
        .starts_with("text/plain")
    {
        return refuse(
            "Subscription validation request failed. Notification endpoint must respond with content type text/plain to validation request.",
        );
    }
    if answer.body != token.as_bytes() {
        return refuse(
            "Subscription validation request failed. Response must match validationToken query parameter.",
        );
    }
    Ok(())
}
