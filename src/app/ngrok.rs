//! Asks the ngrok agent for its tunnels.
//!
//! The agent answers on this machine, or in a container beside ours. What it says decides where Graph is told to post, so a
//! tunnel to somebody else's port is taken only where there is no other, and plain http only for a Graph that stands on this
//! machine itself.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

/// The agent is near: what it has not answered by then it does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// An agent, and what is looked for in its list.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    client: reqwest::Client,
    tunnels: Url,
    wanted: Wanted,
}

/// Which tunnels are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The port we listen on.
    pub port: u16,
    /// Whether http will do.
    pub takes_http: bool,
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// It does not answer, or not as an agent does.
    Away,
    /// It knows no tunnel that could be ours.
    Nothing,
    /// It has one.
    Tunnel {
        /// Its public address, no slash at its end.
        url: String,
        /// Whether it leads to our port.
        is_ours: bool,
        /// The public addresses of tunnels that lead elsewhere.
        others: Vec<String>,
    },
}

#[derive(Deserialize)]
struct List {
    tunnels: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    public_url: String,
    #[serde(default)]
    config: Target,
}

#[derive(Deserialize, Default)]
struct Target {
    #[serde(default)]
    addr: String,
}

impl Agent {
    /// The agent at `api`.
    pub(super) fn at(api: &Url, wanted: Wanted) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()?;
        let mut tunnels = api.clone();
        tunnels.set_path("/api/tunnels");
        Ok(Self {
            client,
            tunnels,
            wanted,
        })
    }

    /// Asks it.
    pub(super) async fn look(&self) -> Sight {
        let asked = async {
            let answer = self.client.get(self.tunnels.clone()).send().await?;
            answer.error_for_status()?.json::<List>().await
        };
        match asked.await {
            Ok(list) => sight(&list, self.wanted),
            Err(_) => Sight::Away,
        }
    }
}

fn sight(list: &List, wanted: Wanted) -> Sight {
    let mut usable: Vec<(&Listed, Url)> = list
        .tunnels
        .iter()
        .filter_map(|tunnel| Some((tunnel, Url::parse(&tunnel.public_url).ok()?)))
        .filter(|(_, url)| match url.scheme() {
            "https" => true,
            "http" => wanted.takes_http,
            _ => false,
        })
        .collect();
    // One tunnel may be listed under both schemes.
    usable.sort_by_key(|(_, url)| url.scheme() != "https");
    let leads_here = |tunnel: &Listed| port_of(&tunnel.config.addr) == Some(wanted.port);
    let (ours, others): (Vec<_>, Vec<_>) =
        usable.iter().partition(|(tunnel, _)| leads_here(tunnel));
    let base = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    match (ours.as_slice(), others.as_slice()) {
        ([(_, url), ..], _) => Sight::Tunnel {
            url: base(url),
            is_ours: true,
            others: others.iter().map(|(_, url)| base(url)).collect(),
        },
        ([], [(_, url)]) => Sight::Tunnel {
            url: base(url),
            is_ours: false,
            others: Vec::new(),
        },
        _ => Sight::Nothing,
    }
}

/// The port that a tunnel leads to: `http://localhost:8080`, `localhost:8080`, `8080`, `https://mirror`.
fn port_of(address: &str) -> Option<u16> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let place = rest.split('/').next().unwrap_or_default();
    let port = place.rsplit_once(':').map_or(place, |(_, port)| port);
    port.parse().ok().or(match scheme {
        _ if place.is_empty() || place.contains(':') => None,
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: Wanted = Wanted {
        port: 8080,
        takes_http: false,
    };

    fn seen(tunnels: &[(&str, &str)], wanted: Wanted) -> Sight {
        let tunnels = tunnels
            .iter()
            .map(|(public_url, addr)| Listed {
                public_url: (*public_url).to_owned(),
                config: Target {
                    addr: (*addr).to_owned(),
                },
            })
            .collect();
        sight(&List { tunnels }, wanted)
    }

    fn tunnel(url: &str, is_ours: bool, others: &[&str]) -> Sight {
        Sight::Tunnel {
            url: url.to_owned(),
            is_ours,
            others: others.iter().map(|other| (*other).to_owned()).collect(),
        }
    }

    #[test]
    fn the_https_tunnel_to_our_port_is_taken() {
        let found = seen(
            &[
                ("http://a.example", "http://localhost:8080"),
                ("https://b.example", "http://localhost:18080/"),
                ("https://c.example", "http://localhost:8080"),
            ],
            HTTPS,
        );

        assert_eq!(
            found,
            tunnel("https://c.example", true, &["https://b.example"])
        );
    }

    #[test]
    fn one_that_leads_elsewhere_is_taken_only_when_there_is_no_other() {
        let one = ("https://a.example", "http://localhost:3000");
        let two = ("https://b.example", "http://localhost:4000");

        assert_eq!(seen(&[one], HTTPS), tunnel("https://a.example", false, &[]));
        assert_eq!(seen(&[one, two], HTTPS), Sight::Nothing);
        assert_eq!(seen(&[], HTTPS), Sight::Nothing);
        assert_eq!(
            seen(&[("tcp://a.example:1", "localhost:8080")], HTTPS),
            Sight::Nothing
        );
    }

    #[test]
    fn plain_http_will_do_for_a_graph_on_this_machine_and_https_goes_first() {
        let http = ("http://a.example", "http://localhost:8080");
        let https = ("https://a.example", "http://localhost:8080");
        let here = Wanted {
            takes_http: true,
            ..HTTPS
        };

        assert_eq!(seen(&[http], HTTPS), Sight::Nothing);
        assert_eq!(seen(&[http], here), tunnel("http://a.example", true, &[]));
        assert_eq!(
            seen(&[http, https], here),
            tunnel("https://a.example", true, &[])
        );
    }

    #[test]
    fn the_port_is_read_however_the_agent_spells_the_place() {
        for (address, port) in [
            ("http://localhost:8080", Some(8080)),
            ("http://graph-mirror:8080/", Some(8080)),
            ("localhost:8080", Some(8080)),
            ("http://[::1]:8080", Some(8080)),
            ("8080", Some(8080)),
            ("http://mirror", Some(80)),
            ("https://mirror/x", Some(443)),
            ("file:///srv", None),
            ("", None),
        ] {
            assert_eq!(port_of(address), port, "{address}");
        }
    }
}
