//! The pages that a person sees: the question, a device's code, and why there is no question. Self-contained: no
//! script, nothing fetched.

use super::{Endpoint, ProviderOptions};

const CONSENT: &str = include_str!("consent.html");
const DEVICE: &str = include_str!("device.html");
const REFUSAL: &str = include_str!("refusal.html");

/// The question, with `hint` filled in as the account.
pub(super) fn consent(options: &ProviderOptions, request: &str, hint: &str, scopes: &[String]) -> String {
    let account = if hint.is_empty() { options.accounts.first().map_or("", String::as_str) } else { hint };
    let suggestions = options.accounts.iter().map(|account| format!("<option value=\"{}\">", escaped(account)));
    let wishes = scopes.iter().map(|scope| format!("<li>{}</li>", in_words(scope)));
    fill(
        CONSENT,
        &[
            ("client", &escaped(&options.client_id)),
            ("action", Endpoint::Decision.path()),
            ("request", &escaped(request)),
            ("account", &escaped(account)),
            ("suggestions", &suggestions.collect::<String>()),
            ("wishes", &wishes.collect::<String>()),
        ],
    )
}

/// Where a device's code is typed in.
pub(super) fn device(options: &ProviderOptions, code: &str, said: &str) -> String {
    let account = options.accounts.first().map_or("", String::as_str);
    let values =
        [("action", Endpoint::Device.path()), ("code", &escaped(code)), ("account", &escaped(account)), ("said", said)];
    fill(DEVICE, &values)
}

/// Why the question is not asked.
pub(super) fn refusal(why: &str) -> String {
    fill(REFUSAL, &[("why", &escaped(why))])
}

fn in_words(scope: &str) -> String {
    match scope {
        "mail" => "Read the mail in this mailbox, mark it as read, and move it".to_owned(),
        "offline_access" => "Go on doing so while you are away, until you take it back".to_owned(),
        "openid" => "Know that it is you".to_owned(),
        "email" => "See your mail address".to_owned(),
        other => format!("<code>{}</code>", escaped(other)),
    }
}

/// In one pass over the template, so that what is filled in is never taken for a place to fill.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = template.split("[[");
    let before = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(before, |page, piece| {
        let (name, rest) = piece.split_once("]]").unwrap_or((piece, ""));
        let found = values.iter().find(|(key, _)| *key == name);
        page + found.map_or("", |(_, value)| value) + rest
    })
}

/// For text and for attributes in double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
