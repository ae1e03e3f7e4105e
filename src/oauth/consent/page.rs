//! The pages that a person sees in the browser at the end of a consent. Self-contained, without scripts, pictures or secrets.

use std::fmt::Write as _;

/// What the browser shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// All is well.
    Done(Opened),
    /// It did not work, with the reason.
    Failed(String),
    /// Somebody came to the right place without being expected.
    Unexpected,
    /// There is nothing at that address.
    NotFound,
}

/// What a consent opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The mailbox of that name.
    Mailbox(String),
    /// Jira.
    Jira,
}

impl Page {
    /// The page as a whole HTTP/1.1 answer that closes its connection. No store, no referrer: the address in the
    /// browser's bar holds the code (RFC 9700, 4.2.4).
    pub fn into_response(self) -> Vec<u8> {
        let (status, body) = (self.status(), self.html());
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Cache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Done(_) | Self::Failed(_) => "200 OK",
            Self::Unexpected => "400 Bad Request",
            Self::NotFound => "404 Not Found",
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Done(opened) => {
                let words = match opened {
                    Opened::Mailbox(name) => format!("mail2jira may now read the mailbox <b>{}</b>.", escape(name)),
                    Opened::Jira => "mail2jira may now write to Jira.".to_owned(),
                };
                render("#1a7f37", "Thank you, that worked", &words, "You can close this page.")
            }
            Self::Failed(reason) => render(
                "#b3261e",
                "That did not work",
                &escape(reason),
                "Nothing is broken by that. The terminal where you started says what to do next; you can close this page.",
            ),
            Self::Unexpected => render(
                "#8a6100",
                "This address has been used, or is not for here",
                "mail2jira is waiting for somebody to sign in, but this is not the answer to what it asked.",
                "Please go back to the terminal and open the address that stands there.",
            ),
            Self::NotFound => render("#57606a", "Nothing here", "There is no page at this address.", ""),
        }
    }
}

fn render(colour: &str, title: &str, text: &str, next: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - mail2jira</title>\
         <style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui,sans-serif;max-width:34em;\
         margin:15vh auto 0;padding:0 1.5em;overflow-wrap:anywhere}}h1{{font-size:1.5em;\
         border-left:.3em solid {colour};padding-left:.6em}}</style></head>\n\
         <body><main><h1>{title}</h1><p>{text}</p><p>{next}</p></main></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                let _infallible = write!(escaped, "&#{};", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_become_markup() {
        let page = Page::Failed("<script>alert('x')</script> & \"more\"".to_owned()).into_response();
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains("<script") && page.contains("&#60;script&#62;alert(&#39;x&#39;)"), "{page}");
    }

    #[test]
    fn a_page_loads_nothing_and_is_kept_nowhere() {
        let page = String::from_utf8(Page::Done(Opened::Mailbox("support".to_owned())).into_response()).unwrap();
        for header in ["Cache-Control: no-store", "Referrer-Policy: no-referrer", "default-src 'none'"] {
            assert!(page.contains(header), "{header}");
        }
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("));
    }
}
