//! A way to a database that can be cut.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Forwards connections to a server while it is whole.
pub struct Proxy {
    /// The server's address, by way of here.
    pub url: String,
    is_whole: Arc<watch::Sender<bool>>,
    _stop: DropGuard,
}

impl Proxy {
    pub async fn to(url: &str) -> Self {
        let mut url = Url::parse(url).expect("an address");
        let target = format!(
            "{}:{}",
            url.host_str().expect("a host"),
            url.port().unwrap_or(5432)
        );
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let is_whole = Arc::new(watch::Sender::new(true));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let whole = Arc::clone(&is_whole);
        tokio::spawn(async move {
            let serving = async {
                while let Ok((inside, _)) = listener.accept().await {
                    tokio::spawn(forward(inside, target.clone(), whole.subscribe()));
                }
            };
            tokio::select! {
                () = serving => {}
                () = stopped.cancelled() => {}
            }
        });
        Self {
            url: url.into(),
            is_whole,
            _stop: stop.drop_guard(),
        }
    }

    /// Breaks every connection; new ones break at once, until it is mended.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn forward(mut inside: TcpStream, target: String, mut is_whole: watch::Receiver<bool>) {
    if !*is_whole.borrow_and_update() {
        return;
    }
    let Ok(mut outside) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut inside, &mut outside) => {}
        _ = is_whole.changed() => {}
    }
}
