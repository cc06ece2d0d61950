//! A person's browser, as far as signing in needs one.
//!
//! The demo and the tests connect mailboxes the way people do: open the sign-in link, be sent on by the identity service, land on
//! the callback page. This follows that path over real HTTP and keeps what the last page said.

use std::sync::OnceLock;
use std::time::Duration;

/// Where a sign-in ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The last page's status.
    pub status: u16,
    /// The last page's address.
    pub address: String,
    /// The last page.
    pub page: String,
}

/// One for all pages: making a client reads every certificate of the machine. It keeps no connection, which would end with the
/// runtime that opened it.
fn browser() -> Result<reqwest::Client, reqwest::Error> {
    static BROWSER: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(known) = BROWSER.get() {
        return Ok(known.clone());
    }
    let made = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::limited(10))
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()?;
    Ok(BROWSER.get_or_init(|| made).clone())
}

/// Opens `address` and follows redirects to the last page.
///
/// # Errors
///
/// When a page cannot be loaded, or more than ten redirects follow each other.
pub async fn open(address: &str) -> Result<Landing, reqwest::Error> {
    let answer = browser()?.get(address).send().await?;
    let status = answer.status().as_u16();
    let address = answer.url().to_string();
    let page = answer.text().await?;
    Ok(Landing {
        status,
        address,
        page,
    })
}
