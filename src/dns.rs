//! TXT records, asked of the system's name servers (RFC 1035). A question that is not answered in time has no answer, which is
//! another thing than an answer that says no. Keeps nothing: it is asked seldom, and the name servers remember. The standard library
//! asks for addresses alone; hickory-resolver is a resolver with caches and protocols of which one question needs nothing.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one server may take; a lost datagram is not sent again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Servers that are asked one after the other.
const MAX_SERVERS: usize = 2;
/// Bytes of an answer by UDP that no network breaks up (DNS Flag Day 2020).
const MAX_DATAGRAM: u16 = 1232;
const TXT: u16 = 16;
const OPT: u16 = 41;

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
}

impl Resolver {
    /// One that asks these servers.
    pub fn asking(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// One that asks those that `/etc/resolv.conf` names; without any the one on this machine, as the system's own does.
    pub fn system() -> Self {
        let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
        let mut servers: Vec<SocketAddr> =
            named.filter_map(|address| address.trim().parse::<IpAddr>().ok()).map(|ip| (ip, 53).into()).collect();
        if servers.is_empty() {
            servers.push(([127, 0, 0, 1], 53).into());
        }
        Self { servers }
    }

    /// The TXT records of a name, each as one text; `None` where nobody answered, or the answer was none.
    pub async fn txt(&self, name: &str) -> Option<Vec<String>> {
        for server in self.servers.iter().take(MAX_SERVERS) {
            if let Ok(Some(answer)) = timeout(PATIENCE, ask(*server, name)).await {
                return Some(answer);
            }
        }
        None
    }
}

async fn ask(server: SocketAddr, name: &str) -> Option<Vec<String>> {
    let mut id = [0; 2];
    rand::fill(&mut id).ok()?;
    let question = question(id, name)?;
    let answer = by_udp(server, &question).await?;
    match records(&question, &answer)? {
        Answer::Records(records) => Some(records),
        Answer::CutShort => match records(&question, &by_tcp(server, &question).await?)? {
            Answer::Records(records) => Some(records),
            Answer::CutShort => None,
        },
    }
}

async fn by_udp(server: SocketAddr, question: &[u8]) -> Option<Vec<u8>> {
    let here: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(here).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(question).await.ok()?;
    let mut buffer = vec![0; usize::from(MAX_DATAGRAM)];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        let answer = buffer.get(..length).unwrap_or_default();
        if answer.get(..2) == question.get(..2) {
            return Some(answer.to_vec());
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let length = u16::try_from(question.len()).ok()?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await.ok()?;
    let length = stream.read_u16().await.ok()?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.ok()?;
    Some(answer)
}

/// One question, recursion desired, with room for more than 512 bytes (RFC 6891).
fn question(id: [u8; 2], name: &str) -> Option<Vec<u8>> {
    let mut message = [&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]].concat();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend([TXT, 1].iter().flat_map(|word| word.to_be_bytes()));
    message.push(0);
    message.extend([OPT, MAX_DATAGRAM, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()));
    (name.len() <= 253).then_some(message)
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Records(Vec<String>),
    /// It did not fit into a datagram.
    CutShort,
}

/// Reads an answer; `None` where it is none, or says that something went wrong.
fn records(question: &[u8], answer: &[u8]) -> Option<Answer> {
    let mut rest = Reader(answer);
    let (id, flags, questions, answers) = (rest.word()?, rest.word()?, rest.word()?, rest.word()?);
    let is_answer = flags & 0x8000 != 0 && question.get(..2) == Some(&id.to_be_bytes());
    let (code, is_cut) = (flags & 0xf, flags & 0x200 != 0);
    if !is_answer || !matches!(code, 0 | 3) {
        return None;
    }
    if is_cut {
        return Some(Answer::CutShort);
    }
    rest.take(4)?;
    for _ in 0..questions {
        rest.name()?;
        rest.take(4)?;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        rest.name()?;
        let kind = rest.word()?;
        rest.take(6)?;
        let length = rest.word()?;
        let data = rest.take(usize::from(length))?;
        if kind == TXT {
            records.push(text(data));
        }
    }
    Some(Answer::Records(records))
}

/// A record's strings as one (RFC 6376, 3.6.2.2).
fn text(data: &[u8]) -> String {
    let (mut rest, mut text) = (Reader(data), Vec::new());
    while let Some(string) = rest.byte().and_then(|length| rest.take(usize::from(length))) {
        text.extend_from_slice(string);
    }
    String::from_utf8_lossy(&text).into_owned()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Passes over a name, which ends with nothing or with where the rest of it stands (RFC 1035, 4.1.4).
    fn name(&mut self) -> Option<()> {
        loop {
            match self.byte()? {
                0 => return Some(()),
                pointer if pointer >= 0xc0 => return self.byte().map(|_| ()),
                length => self.take(usize::from(length))?,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// A server that answers every question with this flag and these strings, by UDP, and by TCP without the flag.
    async fn server(flags: u16, strings: &'static [&'static str]) -> (SocketAddr, JoinSet<()>) {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        let tcp = tokio::net::TcpListener::bind(address).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 512];
            let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
            udp.send_to(&answer(&buffer[..length], flags, strings), client).await.unwrap();
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, 0, strings);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        });
        (address, tasks)
    }

    fn answer(question: &[u8], flags: u16, strings: &[&str]) -> Vec<u8> {
        let data: Vec<u8> =
            strings.iter().flat_map(|text| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()).collect();
        let question_end = question.len() - 11;
        let mut answer = question[..question_end].to_vec();
        answer[2..12].copy_from_slice(&[0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        let set = u16::from_be_bytes([answer[2], answer[3]]) | flags;
        answer[2..4].copy_from_slice(&set.to_be_bytes());
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
        answer
    }

    #[tokio::test]
    async fn a_record_is_read_whole_also_where_it_does_not_fit_into_a_datagram() {
        for flags in [0, 0x200] {
            let (server, _tasks) = server(flags, &["v=DKIM1; ", "p=abc"]).await;
            let resolver = Resolver::asking(vec![server]);
            assert_eq!(resolver.txt("a._domainkey.example.com").await.unwrap(), ["v=DKIM1; p=abc"]);
        }
    }

    #[tokio::test]
    async fn no_answer_and_an_error_are_no_answer_but_no_such_name_is_one() {
        let ((failing, _failing), (sound, _sound)) = (server(2, &[]).await, server(0, &["x"]).await);
        assert_eq!(Resolver::asking(vec![failing]).txt("example.com").await, None);
        assert_eq!(Resolver::asking(vec![]).txt("example.com").await, None);
        let refused = Resolver::asking(vec![([127, 0, 0, 1], 1).into(), sound]);
        assert_eq!(refused.txt("example.com").await.unwrap(), ["x"], "the next server is asked");
        let question = question([1, 2], "example.com").unwrap();
        assert_eq!(records(&question, &[1, 2, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Answer::Records(vec![])));
        for end in 0..question.len() {
            records(&question, &answer(&question, 0, &["x"])[..end]); // cut off anywhere, it does not panic
        }
        assert_eq!(super::question([0, 0], "a..b"), None);
    }
}
