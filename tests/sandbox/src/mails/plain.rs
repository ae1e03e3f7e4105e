//! Plain mails for load: the same ones every time, of a size that can be chosen.

/// `count` mails of about `size` bytes each, made as they are asked for.
pub fn plain(count: usize, size: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |index| plain_mail(index, size))
}

/// The mail with this number: at least its head, at most a line more than `size` bytes. Its Message-ID is
/// `plain-INDEX@load.example.test`.
pub fn plain_mail(index: usize, size: usize) -> Vec<u8> {
    let sender = index % 97;
    let mut mail = format!(
        "Date: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
         From: Sender {sender} <sender-{sender}@load.example.test>\r\n\
         To: load@example.test\r\n\
         Subject: Load mail {index}\r\n\
         Message-ID: <plain-{index}@load.example.test>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\
         \r\n"
    );
    for line in 0.. {
        if mail.len() >= size {
            break;
        }
        mail += &format!("Line {line} of mail {index}: the quick brown fox sends mail over the lazy dog.\r\n");
    }
    mail.into_bytes()
}
