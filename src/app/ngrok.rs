//! The public address of a local ngrok tunnel.
//!
//! For `PUBLIC_URL=ngrok` the agent on this machine is asked which `https` address leads to our port. The agent is the
//! only thing `app` speaks HTTP to as a client.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

/// Where the agent's own interface listens unless it was told otherwise.
pub const AGENT: &str = "http://127.0.0.1:4040";

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum NgrokError {
    /// The agent does not answer.
    #[error("could not ask the ngrok agent at {agent}; start it with `ngrok http {port}`")]
    Away {
        /// Where it was looked for.
        agent: String,
        /// Our port.
        port: u16,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// It runs, but leads elsewhere.
    #[error(
        "the ngrok agent has no https tunnel to port {port}; start one with `ngrok http {port}`"
    )]
    NoTunnel {
        /// Our port.
        port: u16,
    },
}

#[derive(Deserialize)]
struct Tunnels {
    #[serde(default)]
    tunnels: Vec<Tunnel>,
}

#[derive(Deserialize)]
struct Tunnel {
    public_url: String,
    #[serde(default)]
    config: Target,
}

#[derive(Deserialize, Default)]
struct Target {
    #[serde(default)]
    addr: String,
}

/// Asks the agent for the `https` address of the tunnel to `port`.
pub async fn public_url(agent: &str, port: u16) -> Result<Url, NgrokError> {
    let away = |source| NgrokError::Away {
        agent: agent.to_owned(),
        port,
        source,
    };
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .map_err(away)?;
    let answer = client
        .get(format!("{agent}/api/tunnels"))
        .send()
        .await
        .map_err(away)?;
    let tunnels: Tunnels = answer.json().await.map_err(away)?;
    leading_to(&tunnels, port).ok_or(NgrokError::NoTunnel { port })
}

fn leading_to(tunnels: &Tunnels, port: u16) -> Option<Url> {
    let ending = format!(":{port}");
    tunnels
        .tunnels
        .iter()
        .filter(|tunnel| tunnel.config.addr.trim_end_matches('/').ends_with(&ending))
        .filter_map(|tunnel| Url::parse(&tunnel.public_url).ok())
        .find(|url| url.scheme() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnels(json: &str) -> Tunnels {
        serde_json::from_str(json).expect("the agent's answer is JSON")
    }

    #[test]
    fn the_https_tunnel_to_our_port_is_taken_and_no_other() {
        let tunnels = tunnels(
            r#"{"tunnels":[
                {"public_url":"http://a.example","config":{"addr":"http://localhost:8080"}},
                {"public_url":"https://b.example","config":{"addr":"http://localhost:18080/"}},
                {"public_url":"https://c.example","config":{"addr":"http://localhost:8080"}}
            ],"uri":"/api/tunnels"}"#,
        );

        let found = leading_to(&tunnels, 8080);

        assert_eq!(
            found.map(String::from).as_deref(),
            Some("https://c.example/")
        );
        assert!(leading_to(&tunnels, 80).is_none());
        assert!(leading_to(&self::tunnels("{}"), 8080).is_none());
    }
}
