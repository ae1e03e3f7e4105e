//! People who want something, each with the habits of another mail program.

use encoding_rs::{ISO_2022_JP, WINDOWS_1252};

use super::part::Part;
use super::{Head, Letter, Occasion, Outcome, Sample, files};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What the replies in conversations.rs answer.
pub(super) const BADGE: Head = Head {
    name: "badge",
    about: "plain text from Thunderbird, with a signature",
    outcome: Outcome::NewIssue,
    from: "Ann Field <ann.field@harbour.example>",
    subject: "My badge no longer opens the side door",
    minutes_ago: 180,
    zone: 1,
};

pub(super) const VPN: Head = Head {
    name: "vpn",
    about: "text and HTML from Outlook",
    outcome: Outcome::NewIssue,
    from: "\"Moore, Peter\" <peter.moore@harbour.example>",
    subject: "VPN drops every ten minutes",
    minutes_ago: 176,
    zone: 0,
};

pub(super) fn samples(occasion: &Occasion) -> Vec<Sample> {
    vec![
        badge(occasion),
        vpn(occasion),
        chair(occasion),
        licence(occasion),
        order(occasion),
        invoice(occasion),
        screenshot(occasion),
        printer(occasion),
        meeting_room(occasion),
        heating(occasion),
        quote(occasion),
    ]
}

fn badge(occasion: &Occasion) -> Sample {
    let text = "Hello,\n\nsince this morning my badge (number 40217) opens the main entrance but not\n\
                the side door by the bicycle stands. The light turns yellow and nothing else\nhappens.\n\n\
                It worked on Friday. Could you have a look before Thursday? I open the shop\nthat day and come in \
                that way.\n\nThank you\nAnn\n\n-- \nAnn Field\nHarbour Books, front desk\n+44 20 7946 0123\n";
    Letter::new(occasion, BADGE)
        .header("User-Agent: Mozilla Thunderbird")
        .header("Content-Language: en-GB")
        .with(Part::raw("text/plain; charset=UTF-8; format=flowed", "7bit", super::part::crlf(text)))
}

fn vpn(occasion: &Occasion) -> Sample {
    let text = "Hi team,\n\nmy VPN drops about every ten minutes, at home and in the hotel alike.\n\n\
                * Laptop: HB-1138\n* Since: the update of last week\n\nRegards,\nPeter\n";
    let html = "<html xmlns:o=\"urn:schemas-microsoft-com:office:office\"><head><style><!--\n\
                p.MsoNormal {margin:0cm; font-size:11.0pt; font-family:\"Calibri\",sans-serif;}\n--></style></head>\n\
                <body lang=\"EN-GB\"><div class=\"WordSection1\"><p class=\"MsoNormal\">Hi team,<o:p></o:p></p>\n\
                <p class=\"MsoNormal\"><o:p>&nbsp;</o:p></p>\n<p class=\"MsoNormal\">my VPN drops about every \
                <b>ten minutes</b>, at home and in the hotel alike.<o:p></o:p></p>\n<ul><li class=\"MsoNormal\">Laptop: \
                HB-1138</li><li class=\"MsoNormal\">Since: the update of last week</li></ul>\n\
                <p class=\"MsoNormal\">Regards,<br>Peter<o:p></o:p></p></div></body></html>\n";
    Letter::new(occasion, VPN)
        .header("Thread-Topic: VPN drops every ten minutes")
        .header("Thread-Index: AdsandboxVpnTenMinutesIndex==")
        .header("X-MS-Has-Attach:")
        .with(Part::alternative(text, html))
}

fn chair(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "chair",
        about: "a few words from a phone",
        outcome: Outcome::NewIssue,
        from: "Lena Ortiz <lena@ortiz.example>",
        subject: "Broken chair",
        minutes_ago: 170,
        zone: -5,
    };
    let text = "Chair in room 2.14 lost a wheel, I put it in the corridor so nobody sits on it.\n\nSent from my iPhone";
    Letter::new(occasion, head).header("X-Mailer: iPhone Mail (22B91)").with(Part::ascii(text))
}

fn licence(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "licence",
        about: "text and HTML from a web mailer, sent to the mailbox in Cc",
        outcome: Outcome::NewIssue,
        from: "Tom Baker <tom.baker@workshop.example>",
        subject: "Licence for the drawing program",
        minutes_ago: 165,
        zone: 2,
    };
    let text = "Dear Maria,\n\nwe need one more licence for the drawing program, for *Jo Lind*, from Monday on.\n\n\
                The order number is <https://orders.example/4711>.\n\nTom\n";
    let html = "<div dir=\"ltr\">Dear Maria,<div><br></div><div>we need one more licence for the drawing program, for \
                <b>Jo Lind</b>, from Monday on.</div><div><br></div><div>The order number is \
                <a href=\"https://orders.example/4711\">4711</a>.</div><div><br></div><div>Tom</div></div>\n";
    Letter::new(occasion, head)
        .to("Maria Stone <maria.stone@workshop.example>")
        .header(format!("Cc: Support <{}>", occasion.mailbox))
        .with(Part::alternative(text, html))
}

fn order(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "order",
        about: "HTML alone, with a table, from a web form",
        outcome: Outcome::NewIssue,
        from: "Web form <form@shop.example>",
        subject: "Question about order 20931",
        minutes_ago: 160,
        zone: 0,
    };
    let html = "<!DOCTYPE html><html><head><title>Contact</title><style>td { padding: 4px }</style>\
                <script>var tracked = true;</script></head><body>\n<h2>New question</h2>\n<table>\n\
                <tr><td>Name</td><td>Iris Quill</td></tr>\n<tr><td>Order</td><td>20931</td></tr>\n</table>\n\
                <p>Two of the three lamps arrived. <strong>Where is the third?</strong></p>\n\
                <p>I need it by the 4<sup>th</sup> &ndash; &pound;20 extra for express would be fine.</p>\n\
                <img src=\"https://shop.example/pixel.gif\" width=\"1\" height=\"1\" alt=\"\">\n</body></html>\n";
    Letter::new(occasion, head).header("Reply-To: Iris Quill <iris@quill.example>").with(Part::html(html))
}

fn invoice(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "invoice",
        about: "a PDF attached",
        outcome: Outcome::NewIssue,
        from: "Accounts <accounts@paper.example>",
        subject: "Invoice 2026-1187 was charged twice",
        minutes_ago: 150,
        zone: 1,
    };
    let text = "Good morning,\n\nthe attached invoice was charged twice, on the 2nd and on the 9th.\n\
                Please tell us where to send the correction.\n\nKind regards\nPaper & Co, accounts\n";
    let pdf = Part::file("application/pdf", "invoice-2026-1187.pdf", &files::pdf("Invoice 2026-1187: 118.40"));
    Letter::new(occasion, head).with(Part::multipart("mixed", &[Part::ascii(text), pdf]))
}

fn screenshot(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "screenshot",
        about: "a picture within the HTML, by its Content-ID",
        outcome: Outcome::NewIssue,
        from: "Noor Haddad <noor.haddad@harbour.example>",
        subject: "Odd stripes on the till's screen",
        minutes_ago: 145,
        zone: 3,
    };
    let cid = occasion.id("picture", "harbour.example");
    let html = format!(
        "<html><body><p>The till at the back shows this since noon:</p>\n<p><img src=\"cid:{cid}\" \
         alt=\"the screen\"></p>\n<p>Switching it off and on changes nothing.</p></body></html>\n"
    );
    let text =
        "The till at the back shows this since noon:\n\n[the screen]\n\nSwitching it off and on changes nothing.\n";
    let picture = Part::base64("image/png; name=\"till.png\"", &files::png(160, 100))
        .header(format!("Content-ID: <{cid}>"))
        .header("Content-Disposition: inline; filename=\"till.png\"");
    let related = Part::multipart("related; type=\"text/html\"", &[Part::html(&html), picture]);
    Letter::new(occasion, head).with(Part::multipart("alternative", &[Part::text(text), related]))
}

fn printer(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "printer",
        about: "a Japanese subject and text in ISO-2022-JP",
        outcome: Outcome::NewIssue,
        from: "=?ISO-2022-JP?B?GyRCOjRGIxsoQg==?= <sato@kaisha.example>",
        subject: "複合機が印刷できません",
        minutes_ago: 140,
        zone: 9,
    };
    let text = "サポートご担当者様\n\nお世話になっております。経理部の佐藤です。\n三階の複合機で印刷ができません。\n\
                画面には「用紙切れ」と表示されますが、用紙は入っています。\n\nお手数ですが、ご確認をお願いいたします。\n\n佐藤\n";
    let (body, ..) = ISO_2022_JP.encode(text);
    let (subject, ..) = ISO_2022_JP.encode(head.subject);
    let body = super::part::crlf(&String::from_utf8_lossy(&body)); // seven bits a byte, as its name says
    Letter::new(occasion, head).subject(format!("=?ISO-2022-JP?B?{}?=", STANDARD.encode(subject))).with(Part::raw(
        "text/plain; charset=ISO-2022-JP",
        "7bit",
        body,
    ))
}

fn meeting_room(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "meeting-room",
        about: "a Japanese subject in UTF-8, over several encoded words, and text as base64",
        outcome: Outcome::NewIssue,
        from: "=?UTF-8?B?6Yi05pyo?= <suzuki@kaisha.example>",
        subject: "会議室Ａのプロジェクターが映らない件について（至急ご対応をお願いいたします）",
        minutes_ago: 135,
        zone: 9,
    };
    let text =
        "鈴木です。\n\n会議室Ａのプロジェクターが映りません。\n十四時から来客がありますので、至急お願いします。\n";
    Letter::new(occasion, head).with(Part::base64("text/plain; charset=UTF-8", text.replace('\n', "\r\n").as_bytes()))
}

fn heating(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "heating",
        about: "German, in quoted-printable",
        outcome: Outcome::NewIssue,
        from: "=?UTF-8?Q?J=C3=BCrgen_Gr=C3=B6=C3=9Fer?= <juergen@groesser.example>",
        subject: "Heizkörper im Büro läuft über",
        minutes_ago: 130,
        zone: 1,
    };
    let text = "Grüß Gott,\n\nder Heizkörper im Büro 3.07 tropft seit gestern Abend, der Fußboden ist schon ganz naß. Ein \
                Eimer steht darunter; länger als bis Dienstag wird das aber nicht gut gehen.\n\n\
                Könnten Sie bitte jemanden schicken?\n\nMit freundlichen Grüßen\nJürgen Größer\n";
    Letter::new(occasion, head).with(Part::text(text))
}

fn quote(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "quote",
        about: "windows-1252, eight bits a byte: curly quotes and a euro sign",
        outcome: Outcome::NewIssue,
        from: "Chloe Martin <chloe@atelier.example>",
        subject: "Your quote for the shelves",
        minutes_ago: 125,
        zone: 1,
    };
    let text = "Hello,\r\n\r\nyour quote says \u{201c}delivery included\u{201d} \u{2013} but the total of \u{20ac}\u{a0}1.240 \
                adds \u{20ac}\u{a0}90 for it.\r\nWhich one is right?\r\n\r\nChlo\u{e9}\r\n";
    let (body, ..) = WINDOWS_1252.encode(text);
    Letter::new(occasion, head)
        .subject("Your quote for the shelves =?windows-1252?Q?=96_=80=A01.240=3F?=")
        .with(Part::raw("text/plain; charset=windows-1252", "8bit", body.into_owned()))
}
