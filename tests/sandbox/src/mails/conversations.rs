//! Answers: to the requests, beside one another, deep in a thread, and to Jira itself.

use super::letter::domain;
use super::part::Part;
use super::requests::{BADGE, VPN};
use super::{Head, Letter, Occasion, Outcome, Sample};

pub(super) fn samples(occasion: &Occasion) -> Vec<Sample> {
    vec![reply(occasion), sibling(occasion), reply_from_phone(occasion), long_thread(occasion), forward(occasion)]
}

fn id_of(occasion: &Occasion, head: &Head) -> String {
    occasion.id(head.name, domain(head.from))
}

fn reply(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "badge-reply",
        about: "the sender adds to her request, quoting it",
        outcome: Outcome::CommentOn("badge"),
        from: BADGE.from,
        subject: "Re: My badge no longer opens the side door",
        minutes_ago: 120,
        zone: 1,
    };
    let text = "One thing I forgot: the badges of my two colleagues do work at that door,\nso it is not the door.\n\nAnn\n\n\
                On 22/11/2026 09:12, Ann Field wrote:\n> since this morning my badge (number 40217) opens the main entrance \
                but not\n> the side door by the bicycle stands.\n> [...]\n\n-- \nAnn Field\nHarbour Books, front desk\n";
    Letter::new(occasion, head)
        .header("User-Agent: Mozilla Thunderbird")
        .answering(&[id_of(occasion, &BADGE)])
        .with(Part::ascii(text))
}

/// Not an answer to the answer: both answer the request, and only the request ties them together.
fn sibling(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "badge-sibling",
        about: "a colleague answers the same request, not knowing of the other answer",
        outcome: Outcome::CommentOn("badge"),
        from: "Sam Rowe <sam.rowe@harbour.example>",
        subject: "RE: My badge no longer opens the side door",
        minutes_ago: 118,
        zone: 1,
    };
    let text = "Same here with badge 40233, also since this morning.\n\nSam\n\n________________________________\n\
                From: Ann Field <ann.field@harbour.example>\nSubject: My badge no longer opens the side door\n\n\
                Hello,\n\nsince this morning my badge (number 40217) opens the main entrance but not\nthe side door.\n";
    Letter::new(occasion, head)
        .header("Thread-Topic: My badge no longer opens the side door")
        .answering(&[id_of(occasion, &BADGE)])
        .with(Part::text(text))
}

fn reply_from_phone(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "badge-thanks",
        about: "an answer with In-Reply-To alone",
        outcome: Outcome::CommentOn("badge"),
        from: BADGE.from,
        subject: "Re: My badge no longer opens the side door",
        minutes_ago: 90,
        zone: 1,
    };
    let parent = occasion.id("badge-reply", domain(BADGE.from));
    Letter::new(occasion, head)
        .header(format!("In-Reply-To: <{parent}>"))
        .header("X-Mailer: Pocket Mail 9.1")
        .with(Part::ascii("It works again, thank you!\n"))
}

fn long_thread(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "vpn-long-thread",
        about: "the fifteenth answer; of its ancestors only the first was ever sent to the mailbox",
        outcome: Outcome::CommentOn("vpn"),
        from: "Eva Lund <eva.lund@harbour.example>",
        subject: "AW: RE: Re: AW: VPN drops every ten minutes",
        minutes_ago: 85,
        zone: 1,
    };
    let mut ancestors = vec![id_of(occasion, &VPN)];
    ancestors.extend((1..15).map(|number| occasion.id(&format!("vpn-{number}"), "harbour.example")));
    let mut text =
        "We found it: the new access points force a new key every ten minutes. Turned off on the second floor; \
                    please tell us whether it holds.\n\nEva\n\n"
            .to_owned();
    for depth in 1..8 {
        let quote = ">".repeat(depth);
        text += &format!("{quote} Peter, is it better today? (question {depth})\n{quote}\n");
    }
    Letter::new(occasion, head).answering(&ancestors).with(Part::text(&text))
}

fn forward(occasion: &Occasion) -> Sample {
    let head = Head {
        name: "forward",
        about: "a customer's mail, forwarded within the text",
        outcome: Outcome::NewIssue,
        from: "Rosa Weiss <rosa.weiss@harbour.example>",
        subject: "Fwd: Signed copies?",
        minutes_ago: 80,
        zone: 1,
    };
    let text = "Could somebody answer this customer?\n\nRosa\n\n---------- Forwarded message ---------\n\
                From: Hugo Blanc <hugo@blanc.example>\nDate: Sat, 21 Nov 2026 at 17:40\nSubject: Signed copies?\n\
                To: Rosa Weiss <rosa.weiss@harbour.example>\n\n\nDo you still have signed copies of the atlas? I would take \
                two.\n\nHugo Blanc\n";
    Letter::new(occasion, head).with(Part::text(text))
}

pub(super) fn reply_to_jira(occasion: &Occasion, notification_id: &str) -> Sample {
    let head = Head {
        name: "jira-reply",
        about: "an answer to Jira's own notification, tied to it by In-Reply-To alone",
        outcome: Outcome::CommentOnNotified,
        from: BADGE.from,
        subject: "Re: Your request was received",
        minutes_ago: 0,
        zone: 1,
    };
    let text = "Thank you. Please note that I am away tomorrow; Sam Rowe can let you in.\n\nAnn\n\n\
                Jira wrote:\n> Your request was received. We will be in touch.\n";
    Letter::new(occasion, head).answering(&[notification_id.to_owned()]).with(Part::ascii(text))
}
