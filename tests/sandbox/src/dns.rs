//! A name server for TXT records, by UDP and TCP on one port of loopback, with a knob for each way in which one fails.
//! Knows only what it was told.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Pairs of ports that are tried: the one that is free for UDP may be taken for TCP.
const TRIES: usize = 20;
/// Bytes of a string in a record.
const STRING: usize = 255;
const TXT: u16 = 16;
const CNAME: u16 = 5;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;
const CUT_SHORT: u16 = 0x200;

/// A running server. Dropping it closes its ports.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    _tasks: JoinSet<()>,
}

/// How questions are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manners {
    /// As they should be.
    #[default]
    Sound,
    /// With SERVFAIL, as a resolver does that cannot reach the domain's own servers.
    Failing,
    /// Not at all.
    Silent,
    /// By UDP with nothing but the word that it did not fit, by TCP in full.
    CutShort,
    /// By UDP with that word, by TCP not at all.
    OnlyCutShort,
    /// With another question's number.
    WrongId,
    /// About another name.
    WrongName,
    /// With bytes that are no answer.
    Garbage,
}

#[derive(Debug, Default)]
struct Zone {
    records: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
    manners: Manners,
    asked: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl NameServer {
    /// Starts one that knows no name.
    pub async fn start() -> io::Result<Self> {
        let (udp, tcp) = bind().await?;
        let (address, zone) = (udp.local_addr()?, Arc::<Mutex<Zone>>::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, zone.clone()));
        tasks.spawn(serve_tcp(tcp, zone.clone()));
        Ok(Self { address, zone, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a TXT record to a name.
    pub fn publish(&self, name: &str, text: &str) {
        lock(&self.zone).records.entry(name.to_lowercase()).or_default().push(text.to_owned());
    }

    /// Makes a name an alias of another.
    pub fn alias(&self, name: &str, of: &str) {
        lock(&self.zone).aliases.insert(name.to_lowercase(), of.to_lowercase());
    }

    /// Changes how it answers.
    pub fn behave(&self, manners: Manners) {
        lock(&self.zone).manners = manners;
    }

    /// The names that it was asked for, by UDP.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.zone).asked.clone()
    }
}

async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..TRIES {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve_udp(udp: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = udp.recv_from(&mut buffer).await {
        let question = buffer.get(..length).and_then(Question::read);
        let answer = question.and_then(|question| lock(&zone).answer(&question, Transport::Udp));
        if let Some(answer) = answer {
            let _ = udp.send_to(&answer, client).await; // a client that went away hears nothing
        }
    }
}

async fn serve_tcp(tcp: TcpListener, zone: Arc<Mutex<Zone>>) {
    while let Ok((stream, _)) = tcp.accept().await {
        let _ = answer_by_tcp(stream, &zone).await; // nor does that one
    }
}

async fn answer_by_tcp(mut stream: TcpStream, zone: &Mutex<Zone>) -> io::Result<()> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    let question = Question::read(&bytes);
    let Some(answer) = question.and_then(|question| lock(zone).answer(&question, Transport::Tcp)) else {
        return Ok(());
    };
    stream.write_u16(u16::try_from(answer.len()).unwrap_or(u16::MAX)).await?;
    stream.write_all(&answer).await
}

/// What a client asks.
struct Question {
    id: [u8; 2],
    name: String,
    /// Name, type and class, as they stand in the message.
    repeated: Vec<u8>,
}

impl Question {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (mut name, mut at) = (Vec::new(), 12);
        loop {
            let length = usize::from(*bytes.get(at)?);
            if length == 0 {
                break;
            }
            name.push(String::from_utf8_lossy(bytes.get(at + 1..=at + length)?).to_lowercase());
            at += 1 + length;
        }
        let repeated = bytes.get(12..at + 5)?.to_vec();
        Some(Self { id: bytes.get(..2)?.try_into().ok()?, name: name.join("."), repeated })
    }
}

impl Zone {
    fn answer(&mut self, question: &Question, transport: Transport) -> Option<Vec<u8>> {
        if transport == Transport::Udp {
            self.asked.push(question.name.clone());
        }
        let whole = self.whole(question);
        match (self.manners, transport) {
            (Manners::Silent, _) | (Manners::OnlyCutShort, Transport::Tcp) => None,
            (Manners::Failing, _) => Some(message(question, SERVER_FAILURE, &[])),
            (Manners::CutShort | Manners::OnlyCutShort, Transport::Udp) => Some(message(question, CUT_SHORT, &[])),
            (Manners::Garbage, _) => Some(vec![0xc0; 40]),
            (Manners::WrongId, _) => {
                let [first, second] = question.id;
                Some([&[first ^ 1, second], whole.get(2..).unwrap_or_default()].concat())
            }
            (Manners::WrongName, _) => {
                let mut other = whole;
                other.get_mut(13)?.clone_from(&b'?');
                Some(other)
            }
            (Manners::Sound, _) | (Manners::CutShort, Transport::Tcp) => Some(whole),
        }
    }

    fn whole(&self, question: &Question) -> Vec<u8> {
        let alias = self.aliases.get(&question.name);
        let name = alias.unwrap_or(&question.name);
        let mut records: Vec<Vec<u8>> = alias.iter().map(|name| record(&[0xc0, 12], CNAME, &labels(name))).collect();
        let texts = self.records.get(name).into_iter().flatten();
        records.extend(texts.map(|text| record(&labels(name), TXT, &strings(text))));
        let code = if records.is_empty() { NO_SUCH_NAME } else { 0 };
        message(question, code, &records)
    }
}

fn message(question: &Question, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    let head = [0x8180 | flags, 1, count, 0, 0].map(u16::to_be_bytes).concat();
    [&question.id[..], &head, &question.repeated, &records.concat()].concat()
}

fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let head = [kind, 1, 0, 60, length].map(u16::to_be_bytes).concat();
    [name, &head, data].concat()
}

fn labels(name: &str) -> Vec<u8> {
    let labels = name.split('.').map(|label| [&[u8::try_from(label.len()).unwrap_or(63)], label.as_bytes()].concat());
    labels.chain(std::iter::once(vec![0])).flatten().collect()
}

/// A text as the strings of a record, of which none may be longer than 255 bytes.
fn strings(text: &str) -> Vec<u8> {
    let strings = text.as_bytes().chunks(STRING);
    strings.flat_map(|string| [&[u8::try_from(string.len()).unwrap_or(u8::MAX)], string].concat()).collect()
}
