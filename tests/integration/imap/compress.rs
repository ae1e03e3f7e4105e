//! COMPRESS=DEFLATE with a server that means harm, or breaks off.

use flate2::{Compress, Compression, FlushCompress};
use mail2jira::mailbox::MailboxError;
use tokio::sync::mpsc;

use super::peer::Client;
use super::{LOGIN, SELECT, found};

const WITH_COMPRESS: &str = "IDLE COMPRESS=DEFLATE UIDPLUS";

/// Bytes as the server sends them when they are compressed, for the peer's dialogue.
fn deflated(said: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut bytes = Vec::with_capacity(said.len() + 1024);
    deflate.compress_vec(said, &mut bytes, FlushCompress::Sync).unwrap();
    assert_eq!(deflate.total_in(), said.len() as u64);
    bytes
}

/// Fetches a message that is said to be large enough for compression from a server that agrees to it, and then sends these
/// bytes and hangs up.
async fn after_agreeing(sent: Vec<u8>) -> MailboxError {
    let login = LOGIN.replace("IDLE UIDPLUS", WITH_COMPRESS);
    // The UIDs are selected for the first command after COMPRESS, which is SELECT.
    let dialogue = format!("{login}C: T9 COMPRESS DEFLATE\nS: T9 OK deflating\nB {}\nX", hex(&sent));
    let (sender, _receiver) = mpsc::channel(10);
    let fetching = Client::with_password()
        .talk(&dialogue, async |mailbox| mailbox.fetch(vec![found(12, 9 << 20)], sender).await.map(|_| ()));
    fetching.await.unwrap_err()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_bomb_a_forgery_and_a_stream_that_ends_are_errors_that_cost_little() {
    let line_without_end = [b"* OK ".to_vec(), vec![b'x'; 50 << 20]].concat();
    let literal_without_end = b"* 1 FETCH (BODY[] {999999999}\r\n".to_vec();
    for (sent, said) in [
        (deflated(&line_without_end), "a line of more than 65536 bytes"),
        (deflated(&literal_without_end), "a literal of more than 16777216 bytes"),
        (vec![0xff; 100], "compressed data that cannot be read"),
        (vec![0x03, 0x00], "compressed data that cannot be read"),
        (deflated(b"* BYE enough\r\n"), "closed the connection: enough"),
        (deflated(&[b'x'; 4096])[..10].to_vec(), "closed the connection"),
        (Vec::new(), "closed the connection"),
    ] {
        let error = after_agreeing(sent).await.to_string();
        assert!(error.contains(said), "{error}; not: {said}");
    }
}

#[tokio::test]
async fn a_server_that_will_not_compress_is_asked_nothing_more() {
    let login = LOGIN.replace("IDLE UIDPLUS", WITH_COMPRESS);
    let dialogue = format!(
        "{login}C: T9 COMPRESS DEFLATE\nS| T9 NO not now\\r\\n* 1 EXISTS\\r\\n\n{SELECT}
        C: T3 UID FETCH 12 (UID BODY.PEEK[]<0.262144>)
        S: T3 OK nothing
        C: T4 UID FETCH 12 (UID)
        S: T4 OK it is gone"
    );
    let (sender, mut receiver) = mpsc::channel(10);
    let fetching = Client::with_password()
        .talk(&dialogue, async |mailbox| mailbox.fetch(vec![found(12, 9 << 20)], sender).await.map(|_| ()));
    fetching.await.unwrap();
    assert!(receiver.recv().await.is_none());
}
