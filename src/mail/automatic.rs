//! Who or what sent a message: a table of rules over its header and its structure, each with its reason.
//! The wording of the text counts only where a machine sent it; `X-Auto-Response-Suppress` is no sign at all, since Exchange
//! puts it on what people write, of absences, too.

use super::quotes::Occasion;
use super::thread::JiraMessageId;
use super::{Classification, MailingList, Origin, bounce, calendar};
use words::WORDS;

pub(super) use evidence::Evidence;

mod evidence;
mod words;

/// One sign by which mail of some kind is known.
struct Rule {
    /// What a message is where the rule holds.
    means: Classification,
    /// Why, for people.
    because: &'static str,
    /// Whether it does.
    holds: fn(&Evidence<'_>) -> bool,
}

/// The kind of the first rule that holds counts. What must never be answered comes first; a list's headers come before
/// `auto-generated`, since newsletters are both; what people write comes last.
const RULES: &[Rule] = &[
    Rule {
        means: Classification::Loop,
        because: "X-JIRA-FingerPrint: a Jira sent it",
        holds: |e| e.fields.has("x-jira-fingerprint"),
    },
    Rule {
        means: Classification::Loop,
        because: "its Message-ID has the form of Jira's notifications",
        holds: |e| e.mail.message_id.as_ref().is_some_and(|id| JiraMessageId::recognise(id).is_some()),
    },
    Rule {
        means: Classification::Loop,
        because: "X-Mail2jira: this program sent it",
        holds: |e| e.fields.fields.iter().any(|(name, _)| name.starts_with("x-mail2jira")),
    },
    Rule {
        means: Classification::FeedbackReport,
        because: "it is a feedback report (RFC 5965)",
        holds: |e| e.is_report("feedback-report") || e.root.find(&["message/feedback-report"]).is_some(),
    },
    Rule {
        means: Classification::FeedbackReport,
        because: "the subject of a complaint about abuse, and the mail that it is about",
        holds: |e| e.subject_starts(&WORDS.complaints) && e.root.find(bounce::ORIGINALS).is_some(),
    },
    Rule {
        means: Classification::FeedbackReport,
        because: "Amazon SES reports a complaint",
        holds: |e| e.is_sns_notification("complaint"),
    },
    Rule {
        means: Classification::ReadReceipt,
        because: "it is a disposition notification (RFC 8098)",
        holds: |e| {
            e.is_report("disposition-notification") || e.root.find(&["message/disposition-notification"]).is_some()
        },
    },
    Rule {
        means: Classification::ReadReceipt,
        because: "it reports that everything was delivered (RFC 3464)",
        holds: |e| bounce::reports_success(e.root),
    },
    Rule {
        means: Classification::Bounce,
        because: "it is a delivery status notification (RFC 3464)",
        holds: |e| e.is_report("delivery-status") || e.root.find(&["message/delivery-status"]).is_some(),
    },
    Rule {
        means: Classification::Bounce,
        because: "X-Failed-Recipients: Exim could not deliver",
        holds: |e| e.fields.has("x-failed-recipients"),
    },
    Rule {
        means: Classification::Bounce,
        because: "MAILER-DAEMON sent it",
        holds: |e| e.is_from(&["mailer-daemon", "mail-daemon", "mailerdaemon"]),
    },
    Rule {
        means: Classification::Bounce,
        because: "a mail server sent it about a mail that failed",
        // A postmaster can be a person, too.
        holds: |e| {
            let is_about_failure = || e.subject_has(&WORDS.failures) && !e.is_answer();
            e.is_from(&WORDS.mail_servers) && (e.has_null_return_path() || is_about_failure())
        },
    },
    Rule {
        means: Classification::Bounce,
        because: "the null return path, and a subject about a mail that failed",
        holds: |e| e.has_null_return_path() && e.subject_has(&WORDS.failures) && !e.mail.subject.starts_with("Re:"),
    },
    Rule {
        means: Classification::Bounce,
        because: "a machine says that a mail failed, and gives it back or says why",
        holds: |e| {
            (e.is_from_machine() || e.is_called(&WORDS.mail_servers) || e.has_null_return_path())
                && !e.is_answer()
                && (e.subject_has(&WORDS.failures) || e.text_has(&WORDS.failures_in_text))
                && e.gives_original_back()
        },
    },
    Rule {
        means: Classification::Bounce,
        because: "Amazon SES reports a bounce",
        holds: |e| e.is_sns_notification("bounce"),
    },
    Rule {
        means: Classification::AutoReply,
        because: "Auto-Submitted: auto-replied (RFC 3834)",
        holds: |e| e.auto_submitted() == "auto-replied",
    },
    Rule {
        means: Classification::AutoReply,
        because: "a header of an answering machine",
        holds: |e| {
            WORDS.answering_machines.iter().any(|name| e.fields.has(name))
                || e.fields.text("x-post-messageclass").to_lowercase().contains("autoresponder")
                || e.word("x-fc-machinegenerated") == "true"
                || e.word("delivered-to") == "autoresponder"
                || ["precedence", "preference"].iter().any(|name| e.word(name).starts_with("auto"))
        },
    },
    Rule {
        means: Classification::AutoReply,
        because: "the subject says that it is an automatic answer to another",
        holds: |e| e.subject_starts(&WORDS.answers_of_machines) || e.is_tagged_answer(),
    },
    Rule {
        means: Classification::AutoReply,
        because: "the null return path, and the words of an absence note",
        holds: |e| e.has_null_return_path() && e.text_has(&WORDS.absences_in_text),
    },
    Rule {
        means: Classification::AutoReply,
        because: "a calendar answers an invitation (RFC 5546), and its owner wrote nothing to it",
        holds: |e| e.root.find(&["text/calendar"]).is_some_and(|part| calendar::is_mere_answer(&part.text().0)),
    },
    Rule {
        means: Classification::AutoReply,
        because: "GroupWise's or iCloud's header of an answering machine",
        holds: |e| e.word("x-autogenerated") == "reply" || e.word("x-apple-action").starts_with("vacation"),
    },
    Rule {
        means: Classification::AutoReply,
        because: "the subject of an absence note, and a header that no person sets",
        holds: |e| e.subject_starts(&WORDS.absences) && e.has_machine_header(),
    },
    Rule {
        means: Classification::AutoReply,
        because: "the subject of an absence note before that of what it answers",
        holds: |e| {
            (e.names_what_it_answers() && e.subject_says(&WORDS.absences))
                || (e.subject_starts(&WORDS.absences) && e.subject_names_answered())
        },
    },
    Rule {
        means: Classification::AutoReply,
        because: "Notes says in the subject that its user is away",
        holds: |e| e.subject_says(&["auto"]) && e.subject_has(&WORDS.absences_in_text),
    },
    Rule {
        means: Classification::Bulk,
        because: "it came through a mailing list (RFC 2369, RFC 2919)",
        holds: |e| ["list-id", "list-post", "list-unsubscribe", "list-help"].iter().any(|name| e.fields.has(name)),
    },
    Rule {
        means: Classification::Bulk,
        because: "Precedence says that it is bulk mail",
        holds: |e| matches!(e.word("precedence").as_str(), "bulk" | "list" | "junk"),
    },
    Rule {
        means: Classification::AutoGenerated,
        because: "the null return path: no person sends what cannot be answered (RFC 5321, 4.5.5)",
        holds: |e| e.has_null_return_path(),
    },
    Rule {
        means: Classification::AutoGenerated,
        because: "Auto-Submitted says that no person sent it (RFC 3834)",
        holds: |e| !matches!(e.auto_submitted().as_str(), "" | "no"),
    },
    Rule {
        means: Classification::Forward,
        because: "the subject says forwarded",
        holds: |e| e.subject_says(&WORDS.forwards),
    },
    Rule {
        means: Classification::Forward,
        because: "it holds another mail, whose subject is its own behind a mark that nobody knows",
        holds: |e| !e.names_what_it_answers() && !e.subject_says(&WORDS.replies) && e.holds_mail_of_its_subject(),
    },
    Rule {
        means: Classification::Reply,
        because: "In-Reply-To or References name what it answers",
        holds: |e| e.names_what_it_answers(),
    },
    Rule { means: Classification::Reply, because: "the subject says reply", holds: |e| e.subject_says(&WORDS.replies) },
    Rule { means: Classification::New, because: "a person's message that answers nothing", holds: |_| true },
];

/// What stands there until the rules were asked.
pub(super) fn unknown() -> Origin {
    Origin { classification: Classification::New, reasons: Vec::new(), bounce: None, list: None }
}

/// Asks the rules.
pub(super) fn origin(evidence: &Evidence<'_>) -> Origin {
    let holding: Vec<&Rule> = RULES.iter().filter(|rule| (rule.holds)(evidence)).collect();
    let (classification, reasons) = verdict(holding.iter().copied());
    let list = (classification == Classification::Bulk).then(|| {
        let apart = holding.iter().copied().filter(|rule| rule.means != Classification::Bulk);
        let (classification_apart, reasons_apart) = verdict(apart);
        MailingList { posts_to: evidence.list_addresses(), classification_apart, reasons_apart }
    });
    let bounce =
        (classification == Classification::Bounce).then(|| bounce::read(evidence.root, evidence.mail, evidence.fields));
    Origin { classification, reasons, bounce, list }
}

/// Why a person wrote the message. What a list passed on is seen as it was before.
pub(super) fn occasion(origin: &Origin) -> Occasion {
    let classification = origin.list.as_ref().map_or(origin.classification, |list| list.classification_apart);
    match classification {
        Classification::Forward => Occasion::Forward,
        Classification::Reply | Classification::AutoReply | Classification::ReadReceipt => Occasion::Answer,
        Classification::New
        | Classification::Bounce
        | Classification::AutoGenerated
        | Classification::Bulk
        | Classification::FeedbackReport
        | Classification::Loop => Occasion::Fresh,
    }
}

/// The kind of the first rule, and what all rules of that kind have to say.
fn verdict<'r>(mut holding: impl Iterator<Item = &'r Rule>) -> (Classification, Vec<String>) {
    let Some(first) = holding.next() else {
        return (Classification::New, Vec::new());
    };
    let same = std::iter::once(first).chain(holding.filter(|rule| rule.means == first.means));
    (first.means, same.map(|rule| rule.because.to_owned()).collect())
}
