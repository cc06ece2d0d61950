//! Scopes: what an application asks for and what a token may do (F1.12, F1.18).

use super::error::TokenError;

/// Everything the registered application has permission for in the tenant, which `.default` means.
pub const CONSENTED: [&str; 5] = [
    "User.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Calendars.ReadWrite",
    "MailboxSettings.Read",
];

/// The scopes of sign-in itself.
const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Graph's scopes this sandbox knows, with what a person is told they allow.
const KNOWN: [(&str, &str); 18] = [
    ("User.Read", "Sign you in and read your profile"),
    ("User.ReadBasic.All", "Read all users' basic profiles"),
    ("Mail.ReadBasic", "Read your basic mail"),
    ("Mail.Read", "Read your mail"),
    ("Mail.ReadWrite", "Read and write access to your mail"),
    ("Mail.Read.Shared", "Read mail you can access"),
    (
        "Mail.ReadWrite.Shared",
        "Read and write mail you can access",
    ),
    ("Mail.Send", "Send mail as you"),
    ("Mail.Send.Shared", "Send mail on behalf of others"),
    (
        "Calendars.ReadBasic",
        "Read basic details of your calendars",
    ),
    ("Calendars.Read", "Read your calendars"),
    ("Calendars.ReadWrite", "Have full access to your calendars"),
    ("Calendars.Read.Shared", "Read calendars you can access"),
    (
        "Calendars.ReadWrite.Shared",
        "Read and write to your and shared calendars",
    ),
    ("MailboxSettings.Read", "Read your mailbox settings"),
    (
        "MailboxSettings.ReadWrite",
        "Read and write to your mailbox settings",
    ),
    ("Contacts.Read", "Read your contacts"),
    ("People.Read", "Read your relevant people lists"),
];

/// The hosts whose scopes mean Graph: the real ones, and the sandbox's own.
const GRAPH_HOSTS: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// What was asked for, by the names tokens carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads a scope parameter; `base` is the sandbox's own address.
    pub fn parse(text: &str, base: &str) -> Result<Self, TokenError> {
        let mut scopes = Self::default();
        for word in text.split_whitespace() {
            if let Some(name) = SIGN_IN.iter().find(|name| name.eq_ignore_ascii_case(word)) {
                scopes.add(name);
                continue;
            }
            let (resource, name) = match word.rsplit_once('/') {
                Some((resource, name)) => (Some(resource.trim_end_matches('/')), name),
                None => (None, word),
            };
            if resource.is_some_and(|resource| !is_graph(resource, base)) {
                return Err(TokenError::unknown_resource(word));
            }
            if name == ".default" {
                for name in CONSENTED {
                    scopes.add(name);
                }
            } else if let Some((name, _)) = KNOWN
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                scopes.add(name);
            } else {
                return Err(TokenError::invalid_scope(word));
            }
        }
        Ok(scopes)
    }

    fn add(&mut self, name: &str) {
        if !self.has(name) {
            self.0.push(name.to_owned());
        }
    }

    /// Whether a scope is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|scope| scope == name)
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of these were granted with `whole` (F1.12).
    pub fn within(&self, whole: &Self) -> bool {
        self.0.iter().all(|scope| whole.has(scope))
    }

    /// The permissions of an access token.
    pub fn permissions(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|scope| !SIGN_IN.contains(&scope.as_str()))
            .cloned()
            .collect()
    }

    /// The `scope` of a token's answer: everything but `offline_access`.
    pub fn granted(&self) -> String {
        let granted: Vec<_> = self
            .0
            .iter()
            .filter(|scope| *scope != "offline_access")
            .map(String::as_str)
            .collect();
        granted.join(" ")
    }

    /// What a person is told.
    pub fn in_words(&self) -> Vec<&'static str> {
        let mut words: Vec<_> = KNOWN
            .iter()
            .filter(|(name, _)| self.has(name))
            .map(|(_, words)| *words)
            .collect();
        if self.has("offline_access") {
            words.push("Maintain access to data you have given it access to");
        }
        words
    }
}

/// Whether a resource means Graph.
pub fn is_graph(resource: &str, base: &str) -> bool {
    let resource = resource.trim_end_matches('/');
    resource.eq_ignore_ascii_case(base)
        || GRAPH_HOSTS
            .iter()
            .any(|host| host.eq_ignore_ascii_case(resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://127.0.0.1:9";

    #[test]
    fn scopes_of_graph_lose_their_resource_and_come_once() {
        let scopes = Scopes::parse(
            "openid mail.read https://graph.microsoft.com/Mail.Read offline_access",
            BASE,
        )
        .unwrap();

        assert_eq!(scopes.permissions(), ["Mail.Read"]);
        assert_eq!(scopes.granted(), "openid Mail.Read");
        assert!(scopes.has("offline_access"));
    }

    #[test]
    fn a_scope_nobody_knows_and_a_resource_nobody_knows_are_refused() {
        assert_eq!(Scopes::parse("Mail.Fly", BASE).unwrap_err().number, 70011);
        assert_eq!(
            Scopes::parse("https://vault.example/.default", BASE)
                .unwrap_err()
                .number,
            500_011
        );
    }
}
