//! Posts the same body over many kept-alive connections, as cheaply as possible: the generator shares the cores with what
//! it measures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a run showed.
pub struct Outcome {
    /// Answers of the 2xx kind.
    pub accepted: u64,
    /// All other answers.
    pub refused: u64,
    /// From sending to the whole answer, one per answer.
    pub waits: Vec<Duration>,
    /// How long it was measured.
    pub lasted: Duration,
}

impl Outcome {
    /// Accepted requests a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.lasted.as_secs_f64()
    }
}

/// How requests are spaced.
#[derive(Clone, Copy)]
pub enum Pace {
    /// Every connection posts again as soon as it was answered.
    Closed,
    /// So many a second over all connections, whether answers come or not; a wait counts from the planned instant.
    Open(f64),
}

/// One request as it goes over the wire.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Runs `connections` posters for `warm_up` unmeasured and then `measured`; `request` makes the bytes of the n-th request.
pub async fn run<F>(
    to: SocketAddr,
    connections: usize,
    pace: Pace,
    warm_up: Duration,
    measured: Duration,
    request: F,
) -> Outcome
where
    F: Fn(u64) -> Vec<u8> + Clone + Send + 'static,
{
    let began = Instant::now();
    let from = began + warm_up;
    let end = from + measured;
    let posters = (0..connections).map(|index| {
        let request = request.clone();
        tokio::spawn(poster(
            to,
            index,
            connections,
            pace,
            began,
            from,
            end,
            request,
        ))
    });
    let mut outcome = Outcome {
        accepted: 0,
        refused: 0,
        waits: Vec::new(),
        lasted: measured,
    };
    for poster in posters.collect::<Vec<_>>() {
        let part = poster.await.expect("a poster does not panic");
        outcome.accepted += part.accepted;
        outcome.refused += part.refused;
        outcome.waits.extend(part.waits);
    }
    outcome
}

#[expect(
    clippy::too_many_arguments,
    reason = "the whole plan of one connection"
)]
async fn poster<F: Fn(u64) -> Vec<u8>>(
    to: SocketAddr,
    index: usize,
    connections: usize,
    pace: Pace,
    began: Instant,
    from: Instant,
    end: Instant,
    request: F,
) -> Outcome {
    let mut stream = TcpStream::connect(to).await.expect("the server listens");
    stream.set_nodelay(true).expect("the option can be set");
    let mut outcome = Outcome {
        accepted: 0,
        refused: 0,
        waits: Vec::new(),
        lasted: Duration::ZERO,
    };
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut count = 0_u64;
    loop {
        let number = count * connections as u64 + index as u64;
        let sent = match pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => {
                #[expect(clippy::cast_precision_loss, reason = "a moment in the next minute")]
                let planned = began + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(planned.into()).await;
                planned
            }
        };
        if sent >= end {
            return outcome;
        }
        stream
            .write_all(&request(number))
            .await
            .expect("the server takes the request");
        let accepted = answer(&mut stream, &mut buffer).await;
        if sent >= from {
            outcome.waits.push(sent.elapsed());
            if accepted {
                outcome.accepted += 1;
            } else {
                outcome.refused += 1;
            }
        }
        count += 1;
    }
}

/// Reads one answer; bodies are expected to be short and to carry their length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    let mut filled = 0;
    loop {
        let read = stream
            .read(&mut buffer[filled..])
            .await
            .expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let seen = &buffer[..filled];
        let Some(head) = seen.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if filled >= head + 4 + length {
            return text.starts_with("http/1.1 2");
        }
    }
}
