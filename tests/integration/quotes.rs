//! Whose words a message's text is: what mail programs write around what people write, in many languages, as plain text and as
//! HTML; and that nothing is left out, whatever the text.

use mail2jira::mail::{Body, parse};
use proptest::prelude::*;

/// A message of `tests/mail/quotes.txt`.
struct Case {
    name: &'static str,
    /// Whose words, and the line.
    lines: Vec<(char, &'static str)>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../mail/quotes.txt");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("== ") {
            Some(name) => cases.push(Case { name, lines: Vec::new() }),
            None => {
                let voice = line.chars().next().unwrap();
                cases.last_mut().unwrap().lines.push((voice, line.get(2..).unwrap_or_default()));
            }
        }
    }
    cases
}

impl Case {
    fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\r\n")).collect()
    }

    fn said_by(&self, voice: char) -> String {
        let lines = self.lines.iter().filter(|(of, _)| *of == voice).map(|(_, line)| *line);
        lines.collect::<Vec<_>>().join("\n")
    }

    fn subject(&self) -> &'static str {
        match self.name.split([' ', ':']).next() {
            Some("new") => "Printer",
            Some("forward") => "Fwd: Printer",
            Some(_) | None => "Re: Printer",
        }
    }

    fn read(&self, media_type: &str, text: &str) -> Body {
        let header = format!("From: bob@example.com\r\nSubject: {}\r\nContent-Type: {media_type}\r\n", self.subject());
        parse(format!("{header}\r\n{text}").as_bytes()).body
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_mail_programs_write_around_what_people_write_is_known() {
    let cases = cases();
    assert!(cases.len() > 70);
    let mut wrong = Vec::new();
    for case in &cases {
        let body = case.read("text/plain; charset=utf-8", &case.text());
        let got = [&body.text, &body.quoted, &body.signature];
        if got.map(|text| words(text)) != ['N', 'Q', 'S'].map(|voice| words(&case.said_by(voice))) {
            wrong.push(format!("{}:\n{got:#?}", case.name));
        }
    }
    println!("{} of {} as expected", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_same_is_known_in_html_without_any_hint() {
    let mut wrong = Vec::new();
    for case in &cases() {
        let text = case.text().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let html: String = text.lines().map(|line| format!("<div>{line}<br></div>\r\n")).collect();
        let body = case.read("text/html; charset=utf-8", &html);
        let got = [&body.text, &body.quoted, &body.signature];
        if got.map(|text| words(text)) != ['N', 'Q', 'S'].map(|voice| words(&case.said_by(voice))) {
            wrong.push(format!("{}:\n{got:#?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn html(html: &str) -> Body {
    let mail = format!("From: bob@example.com\r\nSubject: Re: Printer\r\nContent-Type: text/html\r\n\r\n{html}");
    parse(mail.as_bytes()).body
}

#[test]
fn what_mail_programs_mark_in_html_needs_no_words() {
    for reply in [
        "<div dir=ltr>Works.</div><br><div class=gmail_quote><div class=gmail_attr>Ann:<br></div><blockquote class=gmail_quote>old</blockquote></div>",
        "<p>Works.</p><hr><div id=divRplyFwdMsg>Ann</div><div>old</div>",
        "Works.<div class=moz-cite-prefix>Ann:</div><blockquote type=cite>old</blockquote>",
        "Works.<div><blockquote type=cite><div>On Mar 5, 2024, at 10:23, Ann wrote:</div>old</blockquote></div>",
        "<div>Works.</div><div class=yahoo_quoted>Ann <p>old</div>",
        "<div>Works.</div><div class=protonmail_quote>Ann <blockquote>old</blockquote></div>",
    ] {
        let body = html(reply);
        assert_eq!(body.text, "Works.", "{reply}");
        assert!(body.quoted.contains("old") && body.quoted.contains("Ann"), "{body:?}");
        assert_eq!(body.parts.written.text(), "Works.");
    }
    let notes = html(
        "<p>Works.</p><table><tr><td><b>Ann &lt;ann@example.com&gt;</b><p>04.11.2024 10:23</p></td><td><table><tr><td>To</td><td>bob</td></tr>\
         <tr><td>cc</td><td></td></tr><tr><td>Subject</td><td>Printer</td></tr></table></td></tr></table><p>old</p>",
    );
    assert_eq!(notes.text, "Works.");
    for signed in [
        "<p>Works.</p><div class=gmail_signature>Bob</div><div class=gmail_quote>old</div>",
        "<div dir=ltr>Works.</div><div dir=ltr><br id=lineBreakAtBeginningOfSignature><div dir=ltr>Bob</div>\
         <div dir=ltr><br><blockquote type=cite>old</blockquote></div></div>",
    ] {
        let signed = html(signed);
        let quoted = signed.quoted.trim_start_matches("> ");
        assert_eq!((&*signed.text, &*signed.signature, quoted), ("Works.", "Bob", "old"));
    }
}

#[test]
fn a_forward_within_the_mark_up_of_a_quote_is_kept() {
    let body = html(
        "<p>See below.</p><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message ---------<br>From: Ann</div>It hums.</div>",
    );
    assert!(body.text.contains("See below.") && body.text.contains("It hums."), "{body:?}");
}

#[test]
fn floods_of_what_looks_like_quotes_cost_time_in_proportion() {
    for line in [
        "> ",
        "On On On wrote:\n",
        "From: a@b\n",
        "--\n",
        "x:\n\n\n\n",
        "On 5 Mar 2024 a@b wrote\n> x\n",
        "Regards,\nBob\n",
    ] {
        let text = line.repeat((256 << 10) / line.len());
        parse(format!("Subject: Re: x\n\n{text}").as_bytes());
        parse(format!("Subject: Re: x\n\n{}", text.replace('\n', " ")).as_bytes());
    }
}

/// Lines that mean something to the rules, and some that do not.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}( [a-z]{1,8}){0,5}",
        "> [a-z]{0,8}",
        Just(String::new()),
        Just("-- ".to_owned()),
        Just("_____".to_owned()),
        Just("On Tue, Mar 5, 2024 at 10:23 AM Ann <ann@example.com> wrote:".to_owned()),
        Just("-----Original Message-----".to_owned()),
        Just("---------- Forwarded message ---------".to_owned()),
        Just("From: Ann <ann@example.com>".to_owned()),
        Just("Sent: Tuesday".to_owned()),
        Just("Subject: printer".to_owned()),
        Just("Regards,".to_owned()),
        Just("Sent from my iPhone".to_owned()),
        Just("yes--- On Wed, 4/4/12, Ann <ann@example.com> wrote:".to_owned()),
        "\\PC{0,20}",
    ]
}

fn visible(text: &str) -> Vec<char> {
    let mut visible: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    visible.sort_unstable();
    visible
}

#[test]
fn answers_within_gmails_quote_stay_with_what_they_answer() {
    let body = html(
        "<div dir=ltr>Hi<div class=gmail_quote><div class=gmail_attr>On Mon Bob &lt;bob@example.org&gt; wrote:<br></div>\
         <blockquote class=gmail_quote>which printer?</blockquote><div>The second floor.</div>\
         <blockquote class=gmail_quote>since when?</blockquote><div>Monday.</div><blockquote class=gmail_quote>Bob</blockquote></div></div>",
    );
    assert_eq!(body.text, "Hi\n\n> which printer?\n\nThe second floor.\n\n> since when?\n\nMonday.");
    assert_eq!(body.quoted, "On Mon Bob <bob@example.org> wrote:\n\n> Bob");
}

proptest! {
    #[test]
    fn the_three_parts_together_hold_all_visible_text(
        lines in prop::collection::vec(line(), 0..25),
        subject in prop::sample::select(vec!["x", "Re: x", "Fwd: x"]),
    ) {
        let text = lines.join("\n");
        let header = format!("Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n");
        let body = parse(format!("{header}{text}").as_bytes()).body;
        let parts = [body.text, body.quoted, body.signature].concat();
        prop_assert_eq!(visible(&parts), visible(text.trim_start_matches('\u{feff}')));
    }

    #[test]
    fn so_do_the_three_trees(lines in prop::collection::vec("[a-z> ]{0,12}|On 5/3/24, a@b wrote:|-- |From: a@b|Sent: x", 0..25)) {
        let text = lines.join("\n").replace('>', "&gt;");
        let body = html(&text.split("\n").map(|line| format!("{line}<br>")).collect::<String>());
        let parts = [&body.parts.written, &body.parts.quoted, &body.parts.signature].map(|part| part.text()).concat();
        prop_assert_eq!(visible(&parts), visible(&lines.concat()));
    }
}
