//! TXT records, asked of name servers (RFC 1035). A question that is not answered in time has no answer, which is
//! another thing than an answer that says no. Keeps nothing: it is asked seldom, and the name servers remember. The
//! standard library asks for addresses alone; hickory-resolver is a resolver with caches and protocols of which one
//! question needs nothing.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use message::{Answer, MAX_DATAGRAM, Question};

mod message;

/// How long one server may take: all of them take less time than a message's signatures may, so that a file that has
/// changed is read again.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Servers that are asked one after the other, as many as the system's own resolver asks.
const MAX_SERVERS: usize = 3;
/// How often each is asked: a datagram may be lost.
const ROUNDS: usize = 2;

/// Whom to ask.
#[derive(Debug)]
pub struct Resolver {
    servers: Mutex<Vec<SocketAddr>>,
    /// Where they were read, if they were.
    file: Option<PathBuf>,
}

impl Resolver {
    /// One that asks these servers.
    pub fn asking(servers: Vec<SocketAddr>) -> Self {
        Self { servers: Mutex::new(servers), file: None }
    }

    /// One that asks those that a file like `/etc/resolv.conf` names; without any the one on this machine, as the
    /// system's own does. The file is read again when nobody answers: the machine may have come to another network.
    pub fn named_in(file: PathBuf) -> Self {
        Self { servers: Mutex::new(named_in(&file)), file: Some(file) }
    }

    /// The TXT records of a name, each as one text; `None` where nobody answered, or the answer was none. In 24 seconds at most.
    pub async fn txt(&self, name: &str) -> Option<Vec<String>> {
        let known = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(records) = ask_all(&known, name).await {
            return Some(records);
        }
        let named = named_in(self.file.as_ref()?);
        if named == known {
            return None;
        }
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&named);
        ask_all(&named, name).await
    }
}

fn named_in(file: &PathBuf) -> Vec<SocketAddr> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())
    });
    let mut servers: Vec<SocketAddr> =
        named.filter_map(|address| address.parse::<IpAddr>().ok()).map(|ip| (ip, 53).into()).collect();
    if servers.is_empty() {
        servers.push(([127, 0, 0, 1], 53).into());
    }
    servers
}

async fn ask_all(servers: &[SocketAddr], name: &str) -> Option<Vec<String>> {
    for _ in 0..ROUNDS {
        for server in servers.iter().take(MAX_SERVERS) {
            if let Ok(Some(records)) = timeout(PATIENCE, ask(*server, name)).await {
                return Some(records);
            }
        }
    }
    None
}

async fn ask(server: SocketAddr, name: &str) -> Option<Vec<String>> {
    let mut id = [0; 2];
    rand::fill(&mut id).ok()?;
    let question = Question::new(id, name)?;
    match message::read(&by_udp(server, &question).await?)? {
        Answer::Records(records) => Some(records),
        Answer::CutShort => match message::read(&by_tcp(server, &question).await?)? {
            Answer::Records(records) => Some(records),
            Answer::CutShort => None,
        },
    }
}

async fn by_udp(server: SocketAddr, question: &Question) -> Option<Vec<u8>> {
    let here: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(here).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(&question.bytes).await.ok()?;
    let mut buffer = vec![0; usize::from(MAX_DATAGRAM)];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        let answer = buffer.get(..length).unwrap_or_default();
        if question.is_answered_by(answer) {
            return Some(answer.to_vec());
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Question) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let length = u16::try_from(question.bytes.len()).ok()?;
    stream.write_all(&[&length.to_be_bytes(), &question.bytes[..]].concat()).await.ok()?;
    let length = stream.read_u16().await.ok()?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.ok()?;
    question.is_answered_by(&answer).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_system_is_read_as_the_system_reads_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let shown = |text: &str| {
            fs::write(&file, text).unwrap();
            named_in(&file.path().to_owned()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let text = "# by hand\nsearch example.com\nnameserver 192.0.2.1 # first\n nameserver\t2001:db8::53\nnameserver x\noptions edns0\n";
        assert_eq!(shown(text), ["192.0.2.1:53", "[2001:db8::53]:53"]);
        assert_eq!(shown("search example.com\n"), ["127.0.0.1:53"]);
        assert_eq!(named_in(&"/nowhere/resolv.conf".into()).len(), 1);
    }
}
