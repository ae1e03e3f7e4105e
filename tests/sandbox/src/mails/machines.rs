//! Mail that no person wrote: most of it should make nothing, one of it should.

use super::part::{Part, crlf};
use super::{Head, Letter, Occasion, Outcome, Sample};

pub(super) fn samples(occasion: &Occasion) -> Vec<Sample> {
    vec![
        bounce(occasion),
        out_of_office(occasion),
        newsletter(occasion),
        read_receipt(occasion),
        disk_alert(occasion),
        invitation(occasion),
    ]
}

fn bounce(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "bounce",
        about: "a delivery report (RFC 3464) on a mail of ours",
        outcome: Outcome::Ignored,
        from: "Mail Delivery System <MAILER-DAEMON@mx.harbour.example>",
        subject: "Undelivered Mail Returned to Sender",
        minutes_ago: 70,
        zone: 0,
    };
    let mailbox = &occasion.mailbox;
    let original = occasion.id("our-answer", "example.test");
    let words = "This is the mail system at host mx.harbour.example.\n\nYour message could not be delivered:\n\n\
                 <old.name@harbour.example>: user unknown\n";
    let report = "Reporting-MTA: dns; mx.harbour.example\nArrival-Date: Sun, 22 Nov 2026 08:00:00 +0000\n\n\
                  Final-Recipient: rfc822; old.name@harbour.example\nAction: failed\nStatus: 5.1.1\n\
                  Diagnostic-Code: smtp; 550 5.1.1 <old.name@harbour.example>: user unknown\n";
    let headers = format!(
        "From: {mailbox}\nTo: old.name@harbour.example\nSubject: Your request was received\nMessage-ID: <{original}>\n"
    );
    let parts = [
        Part::ascii(words).header("Content-Description: Notification"),
        Part::raw("message/delivery-status", "7bit", crlf(report)),
        Part::raw("text/rfc822-headers", "7bit", crlf(&headers)),
    ];
    Letter::new(occasion, head)
        .header("Return-Path: <>")
        .header("Auto-Submitted: auto-replied")
        .with(Part::multipart("report; report-type=delivery-status", &parts))
}

fn out_of_office(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "out-of-office",
        about: "an absence note (RFC 3834)",
        outcome: Outcome::Ignored,
        from: "Peter Moore <peter.moore@harbour.example>",
        subject: "Automatic reply: Your request was received",
        minutes_ago: 65,
        zone: 0,
    };
    let text =
        "I am out of the office until 1 December and read no mail.\nIn urgent cases please call the front desk.\n";
    Letter::new(occasion, head)
        .header("Auto-Submitted: auto-replied")
        .header("X-Auto-Response-Suppress: All")
        .answering(&[occasion.id("our-receipt", "example.test")])
        .with(Part::ascii(text))
}

fn newsletter(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "newsletter",
        about: "a newsletter, with List-Id and Precedence: bulk",
        outcome: Outcome::Ignored,
        from: "Book Trade Weekly <weekly@booktrade.example>",
        subject: "This week: paper prices, and five windows we liked 📚",
        minutes_ago: 60,
        zone: 0,
    };
    let text = "Paper prices fell again. Read more: https://booktrade.example/1\n";
    let html = "<html><body><h1>This week</h1><p>Paper prices fell again. \
                <a href=\"https://booktrade.example/1\">Read more</a></p></body></html>\n";
    Letter::new(occasion, head)
        .header("List-Id: Book Trade Weekly <weekly.booktrade.example>")
        .header("List-Unsubscribe: <https://booktrade.example/leave?u=7>, <mailto:leave@booktrade.example>")
        .header("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        .header("Precedence: bulk")
        .with(Part::alternative(text, html))
}

fn read_receipt(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "read-receipt",
        about: "a note that a mail of ours was displayed (RFC 8098)",
        outcome: Outcome::Ignored,
        from: "Tom Baker <tom.baker@workshop.example>",
        subject: "Read: Your request was received",
        minutes_ago: 58,
        zone: 2,
    };
    let original = occasion.id("our-receipt", "example.test");
    let report = format!(
        "Reporting-UA: workshop.example; Desk Mail 4\nFinal-Recipient: rfc822; tom.baker@workshop.example\n\
         Original-Message-ID: <{original}>\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    );
    let parts = [
        Part::ascii("Your message was displayed. This does not mean that it was understood.\n"),
        Part::raw("message/disposition-notification", "7bit", crlf(&report)),
    ];
    Letter::new(occasion, head).with(Part::multipart("report; report-type=disposition-notification", &parts))
}

/// Generated, not replied: alerts are what many mailboxes are for.
fn disk_alert(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "disk-alert",
        about: "an alert of a monitoring system (Auto-Submitted: auto-generated)",
        outcome: Outcome::NewIssue,
        from: "Monitoring <monitoring@ops.harbour.example>",
        subject: "[PROBLEM] till-02: disk /var is 93% full",
        minutes_ago: 55,
        zone: 0,
    };
    let text = "Host:    till-02\nService: disk /var\nState:   CRITICAL (93% of 40 GB)\n\n$ df -h /var\n\
                Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda3        40G   37G  2.9G  93% /var\n";
    Letter::new(occasion, head).header("Auto-Submitted: auto-generated").with(Part::ascii(text))
}

fn invitation(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "invitation",
        about: "a calendar invitation",
        outcome: Outcome::NewIssue,
        from: "Eva Lund <eva.lund@harbour.example>",
        subject: "Invitation: walk through the new store room",
        minutes_ago: 50,
        zone: 1,
    };
    let calendar = format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//sandbox//mails//EN\nMETHOD:REQUEST\nBEGIN:VEVENT\n\
         UID:{}\nDTSTAMP:20261122T080000Z\nDTSTART:20261124T130000Z\nDTEND:20261124T133000Z\n\
         SUMMARY:Walk through the new store room\nORGANIZER:mailto:eva.lund@harbour.example\n\
         END:VEVENT\nEND:VCALENDAR\n",
        occasion.id("event", "harbour.example")
    );
    let parts = [
        Part::ascii("Tuesday at two, by the loading ramp. Bring the list of shelves.\n"),
        Part::raw("text/calendar; charset=UTF-8; method=REQUEST; name=\"invite.ics\"", "7bit", crlf(&calendar)),
    ];
    Letter::new(occasion, head).with(Part::multipart("alternative", &parts))
}
