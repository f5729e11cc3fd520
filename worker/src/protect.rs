//! Keeps ECS from scaling this task in while it holds a unit: tells the agent beside it, by its own endpoint.
//!
//! Only a courtesy. It helps against scale-in and deployments, not against Spot, and only tasks of a service can have it;
//! an agent that refuses is asked again later and never stands in the way of work.

use std::io;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// What the agent tells a container of where it is.
pub const AGENT_VARIABLE: &str = "ECS_AGENT_URI";
/// A protection lasts this long, should this process be gone and nobody take it back.
const LASTS: Duration = Duration::from_secs(60 * 60);
/// It is asked for anew after this long.
const RENEWED_AFTER: Duration = Duration::from_secs(30 * 60);
/// A task without work gives it back after this long: the next unit often comes at once.
const LINGERS: Duration = Duration::from_secs(10);
/// The agent is on this machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The agent is left alone for this long after it refused.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Follows the number of units in hand until its sender is gone.
pub async fn follow(agent: String, mut in_hand: watch::Receiver<usize>) {
    while comes_to(&mut in_hand, |units| units > 0).await {
        tell(&agent, true).await;
        loop {
            match timeout(RENEWED_AFTER, comes_to(&mut in_hand, |units| units == 0)).await {
                Err(_) => tell(&agent, true).await,
                Ok(false) => return,
                Ok(true) => {
                    if timeout(LINGERS, comes_to(&mut in_hand, |units| units > 0)).await.is_err() {
                        tell(&agent, false).await;
                        break;
                    }
                }
            }
        }
    }
}

/// Waits until that holds; false when nobody counts any more.
async fn comes_to(in_hand: &mut watch::Receiver<usize>, wanted: impl Fn(usize) -> bool) -> bool {
    in_hand.wait_for(|units| wanted(*units)).await.is_ok()
}

async fn tell(agent: &str, protected: bool) {
    let asked = timeout(ANSWERS_WITHIN, ask(agent, protected)).await;
    match asked.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))) {
        Ok(()) => info!(protected, "protection of this task"),
        Err(error) => {
            warn!(%error, "the protection of this task could not be changed");
            sleep(REFUSED_FOR).await;
        }
    }
}

async fn ask(agent: &str, protected: bool) -> io::Result<()> {
    let uri: Uri =
        format!("{agent}/task-protection/v1/state").parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let (host, port) = (uri.host().ok_or(io::ErrorKind::InvalidInput)?, uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let minutes = protected.then(|| LASTS.as_secs() / 60);
    let body = match minutes {
        Some(minutes) => json!({"ProtectionEnabled": true, "ExpiresInMinutes": minutes}),
        None => json!({"ProtectionEnabled": false}),
    };
    let request = Request::builder()
        .method(Method::PUT)
        .uri(uri.path())
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(io::Error::other)?;
    let status = sender.send_request(request).await.map_err(io::Error::other)?.status();
    if status.is_success() { Ok(()) } else { Err(io::Error::other(format!("the agent answers {status}"))) }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    /// An agent that says yes, and tells what it was asked.
    async fn agent() -> (SocketAddr, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, hears) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"}") {
                    assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ended early");
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
                asked.send(String::from_utf8(bytes).unwrap()).await.unwrap();
            }
        });
        (address, hears)
    }

    #[tokio::test]
    async fn the_agent_hears_of_the_first_unit() {
        let (address, mut asked) = agent().await;
        let (units, in_hand) = watch::channel(0);
        tokio::spawn(follow(format!("http://{address}/api/task"), in_hand));
        units.send(2).unwrap();
        let first = asked.recv().await.unwrap();
        assert!(first.starts_with("PUT /api/task/task-protection/v1/state HTTP/1.1\r\n"), "{first}");
        assert!(first.ends_with(r#"{"ExpiresInMinutes":60,"ProtectionEnabled":true}"#), "{first}");
    }

    #[tokio::test]
    async fn protection_is_asked_for_and_given_back_in_words_of_the_agent() {
        let (address, mut asked) = agent().await;
        ask(&format!("http://{address}"), false).await.unwrap();
        assert!(asked.recv().await.unwrap().ends_with(r#"{"ProtectionEnabled":false}"#));
        assert!(ask("http://127.0.0.1:1", true).await.is_err());
        assert!(ask("no address", true).await.is_err());
    }
}
