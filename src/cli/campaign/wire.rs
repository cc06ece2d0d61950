//! The wire between the service and its PostgreSQL, which a campaign cuts.
//!
//! What a server that crashes and comes back looks like from outside: every connection ends at once, in the middle of whatever it
//! carries (a commit whose answer never comes, too), and for a moment none is taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::store::trouble::{Server, server_of};

/// For so long no connection is taken after a cut, in real time: the database is asked in real time too.
const AWAY: Duration = Duration::from_millis(60);

/// Carries connections to a server, until dropped.
#[derive(Debug)]
pub(super) struct Wire {
    /// The address of the database at this end.
    pub(super) url: String,
    cuts: Arc<Cuts>,
    _alive: DropGuard,
}

/// When the connections are cut.
#[derive(Debug, Default)]
struct Cuts {
    /// Pieces that may still pass before each of the cuts to come.
    planned: Mutex<Vec<u64>>,
    /// How often they were cut.
    made: watch::Sender<u64>,
}

impl Cuts {
    /// Counts a piece that passes. Whether the wire is cut instead.
    fn strike(&self) -> bool {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = planned.last_mut() else {
            return false;
        };
        if *left > 0 {
            *left -= 1;
            return false;
        }
        planned.pop();
        drop(planned);
        self.made.send_modify(|made| *made += 1);
        true
    }
}

impl Wire {
    /// A wire to the server behind `url`.
    pub(super) async fn to(url: &str) -> anyhow::Result<Self> {
        let server = server_of(url)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = through(url, listener.local_addr()?.port())?;
        let cuts = Arc::<Cuts>::default();
        let stop = CancellationToken::new();
        tokio::spawn(carry(listener, server, Arc::clone(&cuts), stop.clone()));
        Ok(Self {
            url,
            cuts,
            _alive: stop.drop_guard(),
        })
    }

    /// Cuts every connection once so many pieces have passed, and again after each of the further counts.
    pub(super) fn cut_after(&self, mut pieces: Vec<u64>) {
        pieces.reverse();
        let planned = &self.cuts.planned;
        *planned.lock().unwrap_or_else(PoisonError::into_inner) = pieces;
    }
}

/// The same address at this end of the wire.
fn through(url: &str, port: u16) -> anyhow::Result<String> {
    let mut url = Url::parse(url).context("the address of the database cannot be understood")?;
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !matches!(name.as_ref(), "host" | "hostaddr" | "port"))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_host(Some("127.0.0.1"))?;
    url.set_port(Some(port))
        .map_err(|()| anyhow::anyhow!("the address of the database takes no port"))?;
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(url.into())
}

async fn carry(listener: TcpListener, server: Server, cuts: Arc<Cuts>, stop: CancellationToken) {
    let mut made = cuts.made.subscribe();
    let mut listener = Some(listener);
    loop {
        let accepted = match &listener {
            None => return,
            Some(listening) => tokio::select! {
                accepted = listening.accept() => accepted,
                _ = made.changed() => {
                    let address = listening.local_addr();
                    // Whoever comes now is refused.
                    listener = None;
                    tokio::time::sleep(AWAY).await;
                    if let Ok(address) = address {
                        listener = TcpListener::bind(address).await.ok();
                    }
                    continue;
                }
                () = stop.cancelled() => return,
            },
        };
        let Ok((near, _)) = accepted else { continue };
        // As sqlx sets it at its end.
        let _ = near.set_nodelay(true);
        let (cuts, server) = (Arc::clone(&cuts), server.clone());
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = join(near, server, cuts) => {}
                () = ended.cancelled() => {}
            }
        });
    }
}

/// Carries one connection, until one end closes it or it is cut.
async fn join(near: TcpStream, server: Server, cuts: Arc<Cuts>) {
    let (near_in, near_out) = near.into_split();
    match server {
        Server::Tcp(host, port) => {
            let Ok(far) = TcpStream::connect((host.as_str(), port)).await else {
                return;
            };
            let _ = far.set_nodelay(true);
            let (far_in, far_out) = far.into_split();
            both(near_in, far_out, far_in, near_out, &cuts).await;
        }
        Server::Socket(path) => {
            let Ok(far) = UnixStream::connect(path).await else {
                return;
            };
            let (far_in, far_out) = far.into_split();
            both(near_in, far_out, far_in, near_out, &cuts).await;
        }
    }
}

async fn both(
    near_in: impl AsyncRead + Unpin,
    far_out: impl AsyncWrite + Unpin,
    far_in: impl AsyncRead + Unpin,
    near_out: impl AsyncWrite + Unpin,
    cuts: &Cuts,
) {
    let mut made = cuts.made.subscribe();
    tokio::select! {
        () = pass(near_in, far_out, cuts) => {}
        () = pass(far_in, near_out, cuts) => {}
        _ = made.changed() => {}
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, cuts: &Cuts) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length) = from.read(&mut piece).await {
        if length == 0 || cuts.strike() || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_all_but_where_its_server_is() {
        let through = |url| through(url, 7).expect("an address");

        assert_eq!(
            through("postgres://me:secret@db.example:5432/mirror?sslmode=disable"),
            "postgres://me:secret@127.0.0.1:7/mirror?sslmode=disable"
        );
        assert_eq!(
            through("postgres://me@localhost/mirror?host=%2Frun%2Fpostgresql&port=5433"),
            "postgres://me@127.0.0.1:7/mirror"
        );
    }

    #[test]
    fn cuts_come_after_so_many_pieces_one_after_the_other() {
        let cuts = Cuts::default();
        *cuts.planned.lock().expect("nobody panicked") = vec![0, 2];

        let struck: Vec<bool> = (0..5).map(|_| cuts.strike()).collect();

        assert_eq!(struck, [false, false, true, true, false]);
        assert_eq!(*cuts.made.borrow(), 2);
    }
}
