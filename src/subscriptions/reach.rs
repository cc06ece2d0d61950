//! Under which address Graph reaches us, at present.
//!
//! A fixed address is known from the start and stays. That of a tunnel comes and goes while we run: whoever watches the tunnel
//! writes it here, and every run of the reconciler begins with what stands here then.

use std::sync::{Arc, PoisonError, RwLock};

/// The addresses that lead to this service: no slash at their ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The one that new subscriptions are given; without it nothing is subscribed to.
    pub present: Option<String>,
    /// Further ones under which a replica on this machine is reached. What was subscribed to there is good as it is: any
    /// replica takes any notification, and two that moved it back and forth would never be done.
    pub others: Vec<String>,
}

impl Addresses {
    /// Whether what posts to `public_url` reaches us.
    pub fn lead_here(&self, public_url: &str) -> bool {
        self.present.as_deref() == Some(public_url)
            || self.others.iter().any(|other| other == public_url)
    }
}

impl From<Option<String>> for Addresses {
    fn from(present: Option<String>) -> Self {
        Self {
            present,
            others: Vec::new(),
        }
    }
}

/// The addresses as they are now. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Reach(Arc<RwLock<Addresses>>);

impl Reach {
    /// Beginning with these.
    pub fn at(addresses: impl Into<Addresses>) -> Self {
        Self(Arc::new(RwLock::new(addresses.into())))
    }

    /// The addresses as they are now.
    pub fn addresses(&self) -> Addresses {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The address that new subscriptions are given now.
    pub fn present(&self) -> Option<String> {
        self.addresses().present
    }

    /// From now on it is these. Whoever has subscriptions elsewhere is still to be woken.
    pub fn set(&self, addresses: Addresses) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_an_address_that_changes() {
        let reach = Reach::default();
        let shared = reach.clone();
        assert_eq!(shared.present(), None);

        reach.set(Addresses {
            present: Some("https://b.example".to_owned()),
            others: vec!["https://c.example".to_owned()],
        });

        let addresses = shared.addresses();
        assert_eq!(shared.present().as_deref(), Some("https://b.example"));
        assert!(addresses.lead_here("https://b.example"));
        assert!(addresses.lead_here("https://c.example"));
        assert!(!addresses.lead_here("https://a.example"));
    }
}
