//! A server that misbehaves by script: it reads each request whole and then does to it what the script says next. Speaks
//! only as much HTTP/1.1 as that needs, so that it can break it anywhere.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Then {
    /// These bytes are sent; the connection stays.
    Send(Vec<u8>),
    /// These bytes are sent and the connection ends.
    SendAndCut(Vec<u8>),
    /// The connection ends by a reset.
    Reset,
    /// Nothing, for ever.
    Hang,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method and target: `GET /x?y`.
    pub line: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Which connection it came by, from 0.
    pub connection: usize,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The server; it ends when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts one. A request beyond the script is reset.
    pub async fn start(script: impl IntoIterator<Item = Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::default();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, script, Arc::clone(&received)));
        Self { address, received, _tasks: tasks }
    }

    /// All requests that were read so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

type Script = Arc<Mutex<VecDeque<Then>>>;

async fn accept(listener: TcpListener, script: Script, received: Arc<Mutex<Vec<Received>>>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(converse(stream, number, Arc::clone(&script), Arc::clone(&received)));
    }
}

async fn converse(mut stream: TcpStream, connection: usize, script: Script, received: Arc<Mutex<Vec<Received>>>) {
    while let Some(request) = read_request(&mut stream, connection).await {
        received.lock().unwrap().push(request);
        let then = script.lock().unwrap().pop_front().unwrap_or(Then::Reset);
        match then {
            Then::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
            Then::SendAndCut(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Then::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Then::Hang => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream, connection: usize) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut received = Received { line, headers, body: bytes.split_off(end + 4), connection };
    let length = received.header("content-length").parse().unwrap_or(0);
    while received.body.len() < length {
        if stream.read_buf(&mut received.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(received)
}

/// A whole answer of JSON.
pub fn json(status: &str, body: &str) -> Then {
    answer(status, &[("Content-Type", "application/json;charset=UTF-8")], body)
}

/// A whole answer.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Then {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Then::Send(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}
