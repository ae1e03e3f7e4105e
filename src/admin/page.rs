//! Pages as answers: templates that escape what they are given, and headers that let a page load nothing but its own style
//! and script. Knows no page's meaning.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

/// What a page may load and do. `form-action` is left to `SameSite` cookies and the check of `Origin`: browsers apply it to
/// every address that a form is redirected to, and nobody can list those that a provider leads through.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Every template by name; those in `.html` escape.
const TEMPLATES: [(&str, &str); 7] = [
    ("layout.html", include_str!("assets/layout.html")),
    ("sign-in.html", include_str!("assets/sign-in.html")),
    ("status.html", include_str!("assets/status.html")),
    ("messages.html", include_str!("assets/messages.html")),
    ("message.html", include_str!("assets/message.html")),
    ("authorize.html", include_str!("assets/authorize.html")),
    ("notice.html", include_str!("assets/notice.html")),
];

/// The templates, ready.
pub struct Pages {
    environment: Environment<'static>,
    /// The path that stands before every other one; empty unless `public_url` has a path.
    pub base: String,
}

/// What surrounds a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// With the way to the other pages; it keeps itself fresh.
    Live,
    /// With the way to the other pages.
    Still,
    /// For somebody who is not signed in.
    Bare,
}

impl Pages {
    /// Makes the templates ready.
    pub fn new(base: String) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        environment.add_filter("ago", ago);
        environment.add_filter("tone", tone);
        environment.add_filter("words", |word: String| word.replace('_', " "));
        Ok(Self { environment, base })
    }

    /// A whole page.
    pub fn show(
        &self,
        status: StatusCode,
        frame: Frame,
        title: &str,
        (template, values): (&str, impl Serialize),
    ) -> Response {
        match self.render(frame, title, template, values) {
            Ok(html) => (status, headers("text/html; charset=utf-8"), html).into_response(),
            Err(error) => {
                tracing::error!(error = %error, "a page cannot be shown; this is a bug");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn render(
        &self,
        frame: Frame,
        title: &str,
        template: &str,
        values: impl Serialize,
    ) -> Result<String, minijinja::Error> {
        let values = context! { base => self.base.as_str(), ..minijinja::Value::from(Serde(values)) };
        let body = self.environment.get_template(template)?.render(values)?;
        let (signed_in, live) = match frame {
            Frame::Live => (true, true),
            Frame::Still => (true, false),
            Frame::Bare => (false, false),
        };
        self.environment
            .get_template("layout.html")?
            .render(context! { title, body, signed_in, live, base => self.base.as_str() })
    }
}

/// What every answer carries: nothing is kept, nothing is told to other sites, nothing is guessed.
pub fn headers(content_type: &'static str) -> HeaderMap {
    let all = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    all.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// A time as people say it.
fn ago(at: Option<String>, now: String) -> String {
    let parsed = (at.and_then(|at| at.parse::<Timestamp>().ok()), now.parse::<Timestamp>().ok());
    let (Some(at), Some(now)) = parsed else { return "never".to_owned() };
    match now.duration_since(at).as_secs() {
        ..=59 => "just now".to_owned(),
        seconds @ 60..=5_399 => format!("{} min ago", seconds / 60),
        seconds @ 5_400..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

/// How good a state is, as the style names it.
fn tone(state: String) -> &'static str {
    match state.as_str() {
        "watching" | "polling" | "ok" | "delivered" => "good",
        "needs_consent" | "needs_admin" | "misconfigured" | "stopped" | "quarantined" => "bad",
        "backing_off" | "deferred" => "warn",
        _ => "soft",
    }
}
