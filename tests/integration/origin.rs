//! Who or what sent a message: machines as their programs word it, and people who write about machines.

use mail2jira::mail::{Classification, MessageId, parse};

fn kind(raw: &str) -> Classification {
    parse(raw.replace('\n', "\r\n").as_bytes()).origin.classification
}

#[test]
fn bounces_are_known_by_their_words_where_a_server_sends_no_report() {
    let qmail = "From: MAILER-DAEMON@example.net\nSubject: failure notice\n\nHi. This is the qmail-send program at example.net.\n\
        I'm afraid I wasn't able to deliver your message to the following addresses.\n\n<bob@example.org>:\n\
        192.0.2.1 does not like recipient. Remote host said: 550 5.1.1 User unknown\n\n--- Below this line is a copy of the message.\n\n\
        Return-Path: <ann@example.com>\nReceived: (qmail 1)\nFrom: ann@example.com\nMessage-ID: <first@example.com>\n\nHello\n";
    let mail = parse(qmail.as_bytes());
    let bounce = mail.origin.bounce.unwrap();
    assert_eq!(mail.origin.classification, Classification::Bounce);
    assert_eq!(bounce.recipients, ["bob@example.org"]);
    assert_eq!((bounce.status.as_deref(), bounce.action.as_deref()), (Some("5.1.1"), Some("failed")));
    assert_eq!(bounce.original_message_id, MessageId::parse("first@example.com"));
    for (subject, action) in [
        ("Warning: message 1abc delayed 24 hours", "delayed"),
        ("Warning: could not send message for past 4 hours", "delayed"),
        ("Delivery delayed: Invoice", "delayed"),
        ("Undeliverable: Delay in production", "failed"),
    ] {
        let mail = format!("From: Mailer-Daemon@example.net\nSubject: {subject}\n\nNo action is required.\n");
        assert_eq!(parse(mail.as_bytes()).origin.bounce.unwrap().action.as_deref(), Some(action), "{subject}");
    }
    for raw in [
        "From: no-reply@mail.example.jp\nSubject: =?utf-8?B?44Oh44O844Or44Ko44Op44O86YCa55+l?=\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n\
         Could not be delivered to: <a@example.jp>\n--x\nContent-Type: message/rfc822\n\nSubject: a\n\nb\n--x--\n",
        "Return-Path: <>\nFrom: System <it@example.com>\nSubject: Nachricht unzustellbar\n\nEmpfänger unbekannt\n",
        "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>\nSubject: Toimittaminen ei onnistu: Tulostin\n\nx\n",
        "From: System Administrator <it@example.com>\nSubject: Undeliverable: Printer\n\nYour message did not reach bob: <mx #5.1.1>\n",
        "From: Mail Router <mailrouter@example.com>\nSubject: DELIVERY FAILURE: User bob not listed in Domino Directory\n\nx\n",
        "From: no-reply@sns.amazonaws.com\nX-Amz-Sns-Message-Id: 1\nSubject: AWS\n\n{\"notificationType\": \"Bounce\", \"bounce\": {}}\n",
    ] {
        assert_eq!(kind(raw), Classification::Bounce, "{raw}");
    }
}

#[test]
fn a_report_of_success_is_a_receipt() {
    let report = "From: postmaster@example.net\nSubject: Delivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n\
        --x\n\nDone.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\nAction: ACTION\nStatus: 2.0.0\n--x--\n";
    assert_eq!(kind(&report.replace("ACTION", "delivered")), Classification::ReadReceipt);
    assert_eq!(kind(&report.replace("ACTION", "failed")), Classification::Bounce);
}

#[test]
fn machines_that_answer_are_known_by_their_words_and_people_are_not_taken_for_them() {
    for raw in [
        "From: ann@example.com\nSubject: Automatische Antwort: Frage\n\nIch bin bis Montag nicht im Haus.\n",
        "From: ann@example.com\nSubject: Frage\nReturn-Path: <>\n\nI am out of the office until Monday.\n",
        "From: ann@example.com\nSubject: Frage\nReturn-Path: <>\nIn-Reply-To: <a@b>\n\nOlen vuosilomalla.\n",
        "From: ann@example.com\nSubject: Poissa: Tulostin\nIn-Reply-To: <a@b>\n\nPalaan maanantaina.\n",
        "From: ann@example.com\nSubject: Frånvarande: Re: Skrivare\n\nTillbaka på måndag.\n",
        "From: ann@example.com\nSubject: 【自動返信】 お問い合わせ\n\nx\n",
        "From: ann@example.com\nSubject: AUTO: Ann Lee is out of the office (returning 11/11/2024)\n\nx\n",
        "From: ann@example.com\nSubject: Accepted: Review\nContent-Type: text/calendar; method=REPLY\n\n\
         BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.com\nEND:VEVENT\nEND:VCALENDAR\n",
    ] {
        assert_eq!(kind(raw), Classification::AutoReply, "{raw}");
    }
    for (raw, expected) in [
        (
            "From: ann@example.com\nSubject: Why could my mail not be delivered?\nX-Auto-Response-Suppress: All\n\n\
             I got: 550 5.1.1 User unknown. What does it mean?\n",
            Classification::New,
        ),
        (
            "From: ann@example.com\nSubject: Re: Undelivered Mail Returned to Sender\nIn-Reply-To: <a@b>\n\nSee below\n\n> 550 5.1.1 User unknown\n",
            Classification::Reply,
        ),
        ("From: ann@example.com\nSubject: Out of office next week\n\nPlease plan for it.\n", Classification::New),
        (
            "From: ann@example.com\nSubject: Out of office next week\nX-Auto-Response-Suppress: All\n\nPlease plan for it.\n",
            Classification::New,
        ),
        ("From: ann@example.com\nSubject: Abwesenheit: Herr Lee ab Montag\n\nBitte planen.\n", Classification::New),
        ("From: ann@example.com\nSubject: Poissa: Ann Lee\n\nLomalla maanantaihin.\n", Classification::New),
        (
            "From: ann@example.com\nSubject: Xyz: Printer\n\nSee below.\n\nFrom: Bob <bob@example.com>\nSent: Monday, 5 March 2024\n\
             To: Ann\nSubject: Printer\n\nIt is broken.\n",
            Classification::Forward,
        ),
        (
            "From: ann@example.com\nSubject: Form: Printer\n\nName: Bob\nSubject: Printer\nDate: 5 March\n",
            Classification::New,
        ),
        ("From: ann@example.com\nSubject: Auto: service is due\n\nPlease book it.\n", Classification::New),
        (
            "From: Postmaster <postmaster@example.com>\nReturn-Path: <postmaster@example.com>\nSubject: Re: Mail delivery problem\n\n\
             Your mail was not delivered: 550 5.1.1 User unknown\n",
            Classification::Reply,
        ),
        ("From: ann@example.com\nSubject: Re: Automatic reply: Question\n\nThanks\n", Classification::Reply),
        (
            "From: noreply@shop.example\nSubject: Your parcel\n\nYour parcel could not be delivered to you today.\n",
            Classification::New,
        ),
        (
            "From: ann@example.com\nSubject: Review\nContent-Type: text/calendar; method=REPLY\n\n\
             BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nCOMMENT:I will be late\nEND:VEVENT\nEND:VCALENDAR\n",
            Classification::New,
        ),
    ] {
        assert_eq!(kind(raw), expected, "{raw}");
    }
}
