//! Servers that send anything at all: a sound conversation with bytes changed, put in and left out, over both protocols.
//! Nothing panics, nothing lasts, and no message comes whole that did not.

use std::time::Duration;

use mail2jira::config::Protocol;
use mail2jira::mailbox::{Depth, Found, Mailbox, MailboxError, Piece};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::peer::Client;

const CASES: u64 = 400;
const IMAP: &str = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n\
    m1 OK [CAPABILITY IMAP4rev1 IDLE X-GM-EXT-1] in\r\n\
    * FLAGS (\\Seen)\r\n* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nm2 OK [READ-WRITE] selected\r\n\
    * 1 FETCH (UID 12)\r\nm3 OK done\r\n\
    * 1 FETCH (UID 12 FLAGS () INTERNALDATE \"01-Nov-2026 10:00:00 +0000\" RFC822.SIZE 16 X-GM-MSGID 9)\r\nm4 OK done\r\n\
    * 1 FETCH (UID 12 BODY[] {16}\r\nSubject: x\r\n\r\nyz)\r\nm5 OK done\r\n";
const POP3: &str = "+OK ready\r\n-ERR no CAPA\r\n+OK\r\n+OK in\r\n+OK\r\n1 aaa\r\n.\r\n+OK 1 16\r\n\
    +OK\r\nSubject: x\r\n\r\nyz\r\n.\r\n";
const TELLING: [&[u8]; 12] = [
    b"\r\n",
    b"{99999999}\r\n",
    b"{16}\r\n",
    b"((((((((",
    b"* BYE\r\n",
    b"\0",
    b"\xff\xfe",
    b".\r\n",
    b"+OK\r\n",
    b"-ERR\r\n",
    b"NIL",
    b"m2 OK\r\n",
];

fn mutated(sound: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..bytes.len().max(1));
        let end = (at + random.usize(..30)).min(bytes.len());
        match random.u8(..4) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
            1 => drop(bytes.splice(at..at, random.choice(TELLING).unwrap().iter().copied())),
            2 => drop(bytes.drain(at..end)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

/// Sends all of it in pieces, whatever the client says, and hangs up.
async fn serve(listener: &TcpListener, bytes: &[u8], piece: usize) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut heard, mut said) = stream.split();
    let speak = async {
        for piece in bytes.chunks(piece) {
            if said.write_all(piece).await.is_err() {
                return;
            }
        }
        let _ = said.shutdown().await;
    };
    let listen = async { while let Ok(1..) = heard.read(&mut [0; 1024]).await {} };
    tokio::join!(speak, listen);
}

/// Lists and fetches everything; gives the messages that came whole.
async fn read(mailbox: Box<dyn Mailbox>, folder: &str) -> Result<Vec<Vec<u8>>, MailboxError> {
    let (mailbox, listing) = mailbox.list(folder, None, Depth::Full).await?;
    let found: Vec<Found> = listing.map(|listing| listing.found).unwrap_or_default();
    let (sender, mut pieces) = mpsc::channel::<Piece>(4);
    let collect = async {
        let (mut whole, mut messages) = (Vec::new(), Vec::new());
        while let Some(piece) = pieces.recv().await {
            whole.extend_from_slice(&piece.bytes);
            if piece.last {
                messages.push(std::mem::take(&mut whole));
            }
        }
        messages
    };
    let (fetched, messages) = tokio::join!(mailbox.fetch(found, sender), collect);
    fetched.map(|_| messages)
}

#[tokio::test]
async fn whatever_a_server_sends_the_client_comes_to_an_end() {
    for (protocol, folder, sound) in [(Protocol::Imap, "INBOX", IMAP), (Protocol::Pop3, "", POP3)] {
        let mut random = fastrand::Rng::with_seed(11);
        for case in 0..=CASES {
            let bytes = if case == 0 { sound.as_bytes().to_vec() } else { mutated(sound.as_bytes(), &mut random) };
            let client = Client::with_password().set(|settings| settings.protocol = protocol);
            let piece = random.usize(1..200);
            let talk = client.against(
                async |listener| serve(listener, &bytes, piece).await,
                async |mailbox| read(mailbox, folder).await,
            );
            let outcome = tokio::time::timeout(Duration::from_secs(120), talk).await;
            let shown = bytes.escape_ascii();
            let outcome = outcome.unwrap_or_else(|_| panic!("{protocol:?} takes for ever over {shown}"));
            if case == 0 {
                assert_eq!(outcome.unwrap().len(), 1, "the sound conversation of {protocol:?}");
            }
        }
    }
}
