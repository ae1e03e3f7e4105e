//! Mail that is not as it should be, or hardly; all of it was sent by somebody who wants an answer.

use super::part::{Part, crlf};
use super::{Head, Letter, Occasion, Outcome, Sample, files};

pub(super) fn samples(occasion: &Occasion) -> Vec<Sample> {
    vec![
        attached_mail(occasion),
        no_message_id(occasion),
        broken_boundary(occasion),
        odd_names(occasion),
        subject_only(occasion),
    ]
}

fn attached_mail(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "attached-mail",
        about: "another mail attached as message/rfc822, with a picture of its own",
        outcome: Outcome::NewIssue,
        from: "Rosa Weiss <rosa.weiss@harbour.example>",
        subject: "Complaint, see the attached mail",
        minutes_ago: 40,
        zone: 1,
    };
    let inner_head = Head {
        name: "complaint",
        about: "",
        outcome: Outcome::NewIssue,
        from: "Hugo Blanc <hugo@blanc.example>",
        subject: "The atlas arrived wet",
        minutes_ago: 600,
        zone: 1,
    };
    let words = Part::ascii("The parcel lay in the rain. I attach a picture.\n\nHugo Blanc\n");
    let picture = Part::file("image/png", "wet-atlas.png", &files::png(64, 48));
    let inner =
        Letter::new(occasion, inner_head).to("shop@harbour.example").with(Part::multipart("mixed", &[words, picture]));
    let text = Part::ascii("This one came to the shop's mailbox. Who can call him?\n\nRosa\n");
    Letter::new(occasion, head)
        .with(Part::multipart("mixed", &[text, Part::message("The atlas arrived wet.eml", inner.raw)]))
}

fn no_message_id(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "no-message-id",
        about: "a scanner that sends no Message-ID",
        outcome: Outcome::NewIssue,
        from: "scanner@copyroom.example",
        subject: "Scan from the copy room",
        minutes_ago: 35,
        zone: 1,
    };
    let pdf = Part::file("application/pdf", "SCAN0042.PDF", &files::pdf("Delivery note 0042"));
    let text = Part::ascii("Scanned by the device in the copy room.\n");
    Letter::new(occasion, head).without_message_id().with(Part::multipart("mixed", &[text, pdf]))
}

/// Cut off on its way: the last boundary never comes.
fn broken_boundary(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "broken-boundary",
        about: "a multipart that breaks off within an attachment; its text must not be lost",
        outcome: Outcome::NewIssue,
        from: "Old Shop System <system@till.example>",
        subject: "Daily report of till 3",
        minutes_ago: 30,
        zone: 0,
    };
    let content = "--cut-here\nContent-Type: text/plain; charset=us-ascii\n\n\
                   Till 3 could not print its daily report. Please look at the roll.\n\n\
                   --cut-here\nContent-Type: application/octet-stream; name=\"report.bin\"\n\
                   Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"report.bin\"\n\n\
                   AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\nMDEyMzQ1Njc4OTo7";
    Letter::new(occasion, head).with(Part::raw("multipart/mixed; boundary=\"cut-here\"", "7bit", crlf(content)))
}

fn odd_names(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "odd-names",
        about: "attachments with names that are encoded, cut in pieces, dangerous, double and missing",
        outcome: Outcome::NewIssue,
        from: "Ivo Novak <ivo@novak.example>",
        subject: "Papers for the new colleague",
        minutes_ago: 25,
        zone: 1,
    };
    let text = |content: &str, disposition: &str| {
        Part::base64("text/plain; charset=UTF-8", content.as_bytes())
            .header(format!("Content-Disposition: attachment{disposition}"))
    };
    let parts = [
        Part::ascii("Six papers, please file them.\n\nIvo\n"),
        // RFC 2231, 3 and 4: "Übersicht der offenen Punkte für 2026.txt" in pieces
        text(
            "one\n",
            ";\r\n filename*0*=UTF-8''%C3%9Cbersicht%20der%20;\r\n filename*1*=offenen%20Punkte%20;\r\n \
             filename*2*=f%C3%BCr%202026.txt",
        ),
        // RFC 2047 within quotes is forbidden (RFC 2047, 5), and usual: "Größe.txt"
        text("two\n", "; filename=\"=?UTF-8?Q?Gr=C3=B6=C3=9Fe.txt?=\""),
        text("three\n", "; filename=\"../../etc/passwd\""),
        text("four\n", "; filename=\"notes.txt\""),
        text("five\n", "; filename=\"notes.txt\""),
        text("six\n", ""),
    ];
    Letter::new(occasion, head).with(Part::multipart("mixed", &parts))
}

fn subject_only(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "subject-only",
        about: "everything in the subject, nothing below",
        outcome: Outcome::NewIssue,
        from: "Lena Ortiz <lena@ortiz.example>",
        subject: "Please call me back about the chair, 555 0134, any time before six. Thanks, Lena EOM",
        minutes_ago: 20,
        zone: -5,
    };
    Letter::new(occasion, head).with(Part::ascii(""))
}
