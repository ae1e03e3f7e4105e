//! The loopback address that the browser comes back to (RFC 8252, 7.3). Listens for one consent's answer and ignores
//! everybody else.
//!
//! Written by hand and not with axum: the one connection that matters is held until it is known how the consent ended,
//! all others (favicons, port scanners, connections that browsers open in advance and never use) must neither end nor
//! hold up the waiting, and both are a few lines when the sockets are ours. It reads one `GET` and answers one page.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

use super::page::Page;
use super::{Callback, Consent, ConsentError};

/// Codes are long, and a browser adds every cookie that any service on this host has set.
const MAX_HEAD: usize = 64 << 10;

/// How long a visitor may take to say what it wants.
const VISIT: Duration = Duration::from_secs(15);

/// Visitors at once; whoever comes on top is hung up on.
const MAX_VISITORS: usize = 32;

/// A socket that waits for the browser's return.
pub struct Loopback {
    listeners: Vec<TcpListener>,
    redirect_uri: Url,
}

/// The browser that brought the answer, waiting to be told how it ended.
pub struct Browser(TcpStream);

/// A request for the path of the redirect address.
struct Visit {
    query: String,
    browser: Browser,
}

impl Loopback {
    /// Listens where `redirect_uri` points; on any free port unless it names one.
    pub async fn bind(redirect_uri: &Url) -> Result<Self, ConsentError> {
        let port = redirect_uri.port().unwrap_or(0);
        let not_loopback = || ConsentError::NotLoopback(redirect_uri.clone());
        let hosts = loopback_addresses(redirect_uri).ok_or_else(not_loopback)?;
        let (first, others) = hosts.split_first().ok_or_else(not_loopback)?;
        let listener = listen(*first, port).await?;
        let port = listener.local_addr().map(|address| address.port()).unwrap_or(port);
        let mut listeners = vec![listener];
        for host in others {
            listeners.extend(listen(*host, port).await.ok()); // a machine without IPv6 has only the first
        }
        let mut redirect_uri = redirect_uri.clone();
        redirect_uri.set_port(Some(port)).map_err(|()| not_loopback())?;
        Ok(Self { listeners, redirect_uri })
    }

    /// The redirect address with the port that is listened on.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits for the answer to `consent`, at most so long.
    pub async fn wait(self, consent: &Consent<'_>, at_most: Duration) -> Result<(Callback, Browser), ConsentError> {
        self.wait_for(|query| consent.recognise(query), at_most).await
    }

    /// Waits for whatever is recognised in the query of a request to the redirect address, at most so long.
    pub async fn wait_for<T>(
        self,
        recognise: impl Fn(&str) -> Option<T>,
        at_most: Duration,
    ) -> Result<(T, Browser), ConsentError> {
        timeout(at_most, self.recognised(recognise)).await.map_err(|_| ConsentError::TimedOut(at_most))
    }

    async fn recognised<T>(self, recognise: impl Fn(&str) -> Option<T>) -> (T, Browser) {
        let mut visits = JoinSet::new();
        loop {
            let visit = tokio::select! {
                stream = self.accept(), if visits.len() < MAX_VISITORS => {
                    visits.spawn(timeout(VISIT, receive(stream, self.redirect_uri.path().to_owned())));
                    continue;
                }
                Some(visit) = visits.join_next() => visit,
            };
            let Ok(Ok(Some(Visit { query, browser }))) = visit else {
                continue;
            };
            match recognise(&query) {
                Some(callback) => return (callback, browser),
                None => {
                    visits.spawn(timeout(VISIT, async move {
                        browser.show(Page::Unexpected).await;
                        None
                    }));
                }
            }
        }
    }

    /// Never fails: what cannot be accepted is waited out, under the caller's limit.
    async fn accept(&self) -> TcpStream {
        loop {
            let accepting = self.listeners.iter().map(|listener| Box::pin(listener.accept()));
            match select_all(accepting).await.0 {
                Ok((stream, _)) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await, // too many open files
            }
        }
    }
}

impl Browser {
    /// Shows the last page and lets go. Whether it arrives does not matter: the terminal says the same.
    pub async fn show(mut self, page: Page) {
        let sent = async {
            self.0.write_all(&page.into_response()).await?;
            self.0.shutdown().await
        };
        let _gone = timeout(VISIT, sent).await;
    }
}

/// RFC 8252, 8.3, prefers addresses; `localhost` is what Microsoft knows, and a browser may take it for either family.
fn loopback_addresses(redirect_uri: &Url) -> Option<Vec<SocketAddr>> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    match redirect_uri.host().filter(|_| redirect_uri.scheme() == "http")? {
        Host::Ipv4(address) => address.is_loopback().then(|| vec![SocketAddr::from((address, 0))]),
        Host::Ipv6(address) => address.is_loopback().then(|| vec![v6]),
        Host::Domain(name) => (name == "localhost").then(|| vec![v4, v6]),
    }
}

async fn listen(mut address: SocketAddr, port: u16) -> Result<TcpListener, ConsentError> {
    address.set_port(port);
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| ConsentError::Listen { address: address.to_string(), source })
}

/// Reads one request; anything but a `GET` of `path` is sent away.
async fn receive(mut stream: TcpStream, path: String) -> Option<Visit> {
    let head = read_head(&mut stream).await?;
    let browser = Browser(stream);
    match target(&head).and_then(|target| target.split_once('?')) {
        Some((asked, query)) if asked == path => Some(Visit { query: query.to_owned(), browser }),
        Some(_) | None => {
            browser.show(Page::NotFound).await;
            None
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(4 << 10);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let room = MAX_HEAD.checked_sub(head.len()).filter(|room| *room > 0)?;
        let read = (&mut *stream).take(room as u64).read_buf(&mut head).await.ok()?;
        if read == 0 {
            return None;
        }
    }
    Some(head)
}

/// The target of `GET <target> HTTP/1.1` (RFC 9112, 3).
fn target(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let (target, version) = std::str::from_utf8(line).ok()?.strip_prefix("GET ")?.split_once(' ')?;
    version.starts_with("HTTP/1.").then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_is_a_visit() {
        assert_eq!(target(b"GET /oauth/callback?a=b HTTP/1.1\r\nHost: x\r\n\r\n"), Some("/oauth/callback?a=b"));
        for head in ["POST / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n", "GET / SPDY/3\r\n\r\n", "\r\n\r\n", "\u{16}\u{3}\u{1}"]
        {
            assert_eq!(target(head.as_bytes()), None, "{head:?}");
        }
    }

    #[test]
    fn the_browser_comes_back_to_this_machine_alone() {
        for uri in ["http://127.0.0.1/cb", "http://127.0.0.2:1/cb", "http://[::1]/cb", "http://localhost/cb"] {
            assert!(loopback_addresses(&Url::parse(uri).unwrap()).is_some(), "{uri}");
        }
        for uri in ["https://127.0.0.1/cb", "http://example.com/cb", "http://0.0.0.0/cb", "http://192.168.0.1/"] {
            assert!(loopback_addresses(&Url::parse(uri).unwrap()).is_none(), "{uri}");
        }
    }
}
