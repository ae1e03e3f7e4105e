//! The two messages that are measured: one that is nearly all attachments, and an answer as Gmail writes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of each attachment.
const ATTACHMENT: usize = 700_000;
/// Bytes of a line of base64, before it is encoded (RFC 2045, 6.8).
const LINE: usize = 57;

const HEADER: &str = "Delivered-To: support@example.org\r
Received: by 2002:a05:6a10:1234:b0:4e2:8f3a:1b2c with SMTP id q20csp1234567pxt;\r
        Sat, 21 Nov 2026 02:00:01 -0800 (PST)\r
Return-Path: <ann.lee@example.com>\r
Received: from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41])\r
        by mx.google.com with SMTPS id a1sor1234567edz.4.2026.11.21.02.00.00\r
        for <support@example.org>;\r
        Sat, 21 Nov 2026 02:00:00 -0800 (PST)\r
Authentication-Results: mx.google.com;\r
       dkim=pass header.i=@example.com header.s=20260601 header.b=Hx5vGJ2m;\r
       spf=pass (google.com: domain of ann.lee@example.com designates 209.85.220.41 as permitted sender) smtp.mailfrom=ann.lee@example.com;\r
       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com\r
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r
        d=example.com; s=20260601; t=1795255200; x=1795860000;\r
        h=to:subject:message-id:date:from:in-reply-to:references:mime-version;\r
        bh=9gJb7wq3Yk0y1yqkq0n9mXlVw3yq3q8u8n8s0i1o2p4=;\r
        b=Hx5vGJ2mQmZ1c2J0ZWQgc2lnbmF0dXJlIHRoYXQgbm9ib2R5IGNoZWNrcyBoZXJlIGF0IGFs\r
         bCBiZWNhdXNlIGl0IGlzIG9ubHkgdGhlcmUgdG8gYmUgcmVhZCBvdmVyIGJ5IHBhcnNlcnM=\r
MIME-Version: 1.0\r
From: Ann Lee <ann.lee@example.com>\r
To: \"Support, Example\" <support@example.org>\r
Cc: =?UTF-8?B?SsO8cmdlbiBHcm/Dnw==?= <juergen@example.com>\r
Subject: Re: =?UTF-8?Q?Drucker_im_zweiten_Stock_druckt_nur_noch_wei=C3=9Fe_Seiten?=\r
Date: Sat, 21 Nov 2026 11:00:00 +0100\r
Message-ID: <CAF+answer.7c1e@mail.gmail.com>\r
In-Reply-To: <question.41@example.org>\r
References: <first.1@example.com> <question.41@example.org>\r
";

const NEW: [&str; 3] = [
    "thanks for looking into this. I have restarted the printer twice, changed the cartridge and sent a test page from \
     another computer; the result is the same.",
    "The display says „Bereit“, and the counter goes up with each page. We need it for the annual report on Tuesday, so \
     it would be very good if somebody could come by on Monday morning.",
    "The status page is at https://printers.example.com/status?id=42 if that is of any help. I am in the office every day \
     until five o'clock, in room 217; when I am away, my colleague Jürgen can show the way to the printer.",
];

const OLD: [&str; 3] = [
    "could you please restart the printer and tell us what its display says? If it still prints blank pages afterwards, \
     a colleague will have a look at it.",
    "It would also help to know whether it prints its own status page, which you get from the menu under Information.",
    "Your ticket is being worked on. You will hear from us again when we know more, at the latest within two working days.",
];

/// An answer with its text in both forms, some 5 KB.
pub fn reply() -> Vec<u8> {
    let attribution = "On Fri, 20 Nov 2026 at 16:42, Example Support <support@example.org> wrote:";
    let quoted = OLD.map(|paragraph| format!("> {paragraph}\r\n>\r\n")).concat();
    let plain = format!(
        "Hello,\r\n\r\n{}\r\n\r\nBest regards\r\nAnn\r\n\r\n{attribution}\r\n\r\n{quoted}",
        NEW.join("\r\n\r\n")
    );
    let lines = |text: [&str; 3]| text.map(|paragraph| format!("<div>{paragraph}</div><div><br></div>")).concat();
    let html = format!(
        "<div dir=\"ltr\"><div>Hello,</div><div><br></div>{}<div>Best regards</div><div>Ann</div></div><br>\
         <div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\" class=\"gmail_attr\">On Fri, 20 Nov 2026 at 16:42, \
         Example Support &lt;<a href=\"mailto:support@example.org\">support@example.org</a>&gt; wrote:<br></div>\
         <blockquote class=\"gmail_quote\" style=\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);\
         padding-left:1ex\"><div>{}</div></blockquote></div>\r\n",
        lines(NEW),
        lines(OLD)
    );
    let part = |kind: &str, text: &str| {
        format!(
            "--000000000000a1b2c3\r\nContent-Type: text/{kind}; charset=\"UTF-8\"\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n\r\n",
            quoted_printable(text)
        )
    };
    let parts = [part("plain", &plain), part("html", &html)].concat();
    let kind = "Content-Type: multipart/alternative; boundary=\"000000000000a1b2c3\"\r\n\r\n";
    format!("{HEADER}{kind}{parts}--000000000000a1b2c3--\r\n").into_bytes()
}

/// The same words with three files, some 3 MB.
pub fn heavy() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let files = ["report.pdf", "photo.jpg", "table.xlsx"].map(|name| {
        let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(ATTACHMENT).collect();
        let lines: Vec<String> = content.chunks(LINE).map(|line| STANDARD.encode(line)).collect();
        format!(
            "--outer\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; \
             filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            lines.join("\r\n")
        )
    });
    let text = "--outer\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\n\r\nHello,\r\n\r\nplease see the attached files.\r\n\r\n";
    let kind = "Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n";
    format!("{HEADER}{kind}{text}{}--outer--\r\n", files.concat()).into_bytes()
}

/// RFC 2045, 6.7: what is not ASCII escaped, lines broken softly.
fn quoted_printable(text: &str) -> String {
    let mut encoded = String::new();
    let mut column = 0;
    for byte in text.bytes() {
        let sign = match byte {
            b'\r' | b'\n' | b' '..=b'<' | b'>'..=b'~' => char::from(byte).to_string(),
            _ => format!("={byte:02X}"),
        };
        if column + sign.len() > 75 && byte != b'\r' && byte != b'\n' {
            encoded.push_str("=\r\n");
            column = 0;
        }
        column = if byte == b'\n' { 0 } else { column + sign.len() };
        encoded.push_str(&sign);
    }
    encoded
}
