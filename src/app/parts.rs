//! The parts, put together once per process.
//!
//! A command of the shell needs fewer of them than the service; [`Parts::open`] makes all that need no network.

use std::sync::Arc;

use super::error::{AppError, Named};
use crate::api::Api;
use crate::blobs::{BlobSettings, Blobs};
use crate::config::{Attachments, Microsoft, Settings};
use crate::graph::transport::{Graph, GraphSettings};
use crate::mailboxes::Connections;
use crate::model::mailbox::MailboxState;
use crate::model::time::SharedClock;
use crate::oauth::{Keepers, OauthSettings, Platform, SignIns};
use crate::secrets::{Keyring, Signer, Vault};
use crate::store::{Store, StoreSettings};
use crate::subscriptions::Reach;

/// Everything that rooms are given.
#[derive(Clone)]
pub struct Parts {
    /// What we were told.
    pub settings: Arc<Settings>,
    /// The time.
    pub clock: SharedClock,
    /// The database.
    pub store: Store,
    /// Contents, beside it.
    pub blobs: Blobs,
    /// Opens and seals.
    pub vault: Vault,
    /// Signs clientStates.
    pub signer: Signer,
    /// Graph.
    pub graph: Graph,
    /// Access tokens of every mailbox.
    pub keepers: Keepers,
    /// The identity platform.
    pub platform: Platform,
    /// Sign-ins.
    pub sign_ins: SignIns,
    /// Where Graph reaches us at present.
    pub reach: Reach,
}

/// Connected mailboxes that are not the sandbox's. One whose tenant is not known is taken for a real one.
pub(super) async fn strangers(store: &Store, tenant: &str) -> Result<Vec<Named>, AppError> {
    let mailboxes = store.mailboxes_list(None).await?;
    let strangers = mailboxes
        .into_iter()
        .filter(|mailbox| mailbox.state != MailboxState::Disconnected)
        .filter(|mailbox| mailbox.tenant_id.as_deref() != Some(tenant));
    Ok(strangers
        .map(|mailbox| Named {
            id: mailbox.id,
            address: mailbox.address,
        })
        .collect())
}

/// Graph as the settings name it.
pub(super) fn graph(microsoft: &Microsoft, clock: &SharedClock) -> Result<Graph, AppError> {
    let settings = GraphSettings::new(microsoft.graph_base_url.clone());
    Graph::new(&settings, Arc::clone(clock)).map_err(AppError::Graph)
}

/// The identity platform as the settings name it.
pub(super) fn platform(microsoft: &Microsoft, clock: &SharedClock) -> Result<Platform, AppError> {
    let settings = OauthSettings {
        client_id: microsoft.client_id.clone(),
        client_secret: microsoft.client_secret.clone(),
        tenant: microsoft.tenant.clone(),
        redirect_uri: microsoft.redirect_uri.clone(),
        login_base_url: microsoft.login_base_url.clone(),
    };
    Platform::new(&settings, Arc::clone(clock)).map_err(AppError::Identity)
}

impl Parts {
    /// Opens the database, brings its schema up to date, and makes what else needs no network.
    pub async fn open(settings: Settings, clock: SharedClock) -> Result<Self, AppError> {
        let pools = StoreSettings {
            connections: settings.database.pool_size,
            ..StoreSettings::default()
        };
        let store = Store::open_with(settings.database.url.expose(), pools, Arc::clone(&clock))
            .await
            .map_err(AppError::Database)?;
        store.migrate().await.map_err(AppError::Database)?;
        if let Some(tenant) = &settings.sandbox_tenant {
            let mailboxes = strangers(&store, tenant).await?;
            if !mailboxes.is_empty() {
                return Err(AppError::NotTheSandboxes { mailboxes });
            }
        }
        Self::around(settings, clock, store)
    }

    /// The same around an open database.
    pub fn around(settings: Settings, clock: SharedClock, store: Store) -> Result<Self, AppError> {
        let keyring = Keyring::of(&settings.encryption.keys).map_err(AppError::Keys)?;
        let vault = Vault::new(&keyring);
        let signer = Signer::new(&keyring);
        let blobs = Blobs::open(&BlobSettings {
            place: settings.contents.blobs.clone(),
        })
        .map_err(AppError::Blobs)?;
        let microsoft = &settings.microsoft;
        let graph = graph(microsoft, &clock)?;
        let platform = platform(microsoft, &clock)?;
        let keepers = Keepers::new(platform.clone(), store.clone(), vault.clone());
        let sign_ins = SignIns::new(
            platform.clone(),
            graph.clone(),
            store.clone(),
            vault.clone(),
        );
        Ok(Self {
            reach: Reach::at(settings.server.public_url.base()),
            settings: Arc::new(settings),
            clock,
            store,
            blobs,
            vault,
            signer,
            graph,
            keepers,
            platform,
            sign_ins,
        })
    }

    /// Begins and completes sign-ins, and connects what they bring.
    pub fn connections(&self) -> Connections {
        Connections::new(
            self.sign_ins.clone(),
            self.store.clone(),
            self.vault.clone(),
            Arc::clone(&self.clock),
        )
    }

    /// What the endpoints are given.
    pub fn api(&self) -> Api {
        let mut api = Api::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            self.connections(),
            self.platform.clone(),
            self.blobs.clone(),
        );
        api.fetches_attachments = self.settings.contents.attachments != Attachments::Off;
        api
    }
}
