//! Templates: text with places that a message fills in. Knows MiniJinja and nothing of mail. Pure, and bounded: a template has
//! so much fuel, and what a sender wrote is only ever a value in it, never a template.

use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

/// Instructions that one template may take.
const FUEL: u64 = 50_000;
/// Bytes that come of one template at most: more than any field of Jira takes.
const LONGEST: usize = 64 << 10;

/// A part of a message that did not take part (a group of an expression, a header field) is empty, not an error: a rule must
/// not fail on the one mail that lacks it. Names that nothing ever has are refused when the rules are read.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_fuel(Some(FUEL));
    engine
});

/// A template whose syntax and names are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Takes a template in which only `names` may be named. The error says what is wrong with it.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let template = ENGINE.template_from_str(text).map_err(|error| in_words(&error))?;
        let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        unknown.retain(|name| !names.contains(&name.as_str()) && !ENGINE.globals().any(|(global, _)| global == name));
        unknown.sort_unstable();
        match unknown.first() {
            None => Self::parse_unbound(text),
            Some(name) => Err(format!("nothing is called `{name}` here")),
        }
    }

    /// Takes a template where it is not known what may be named.
    pub fn parse_unbound(text: &str) -> Result<Self, String> {
        let template = ENGINE.template_from_str(text).map_err(|error| in_words(&error))?;
        // MiniJinja looks for filters, tests and functions only when it meets them.
        match template.render(()) {
            Err(error) if is_about_what_it_calls(&error) => Err(in_words(&error)),
            Ok(_) | Err(_) => Ok(Self(text.to_owned())),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fills it in. The error says why nothing came of it.
    pub fn render(&self, values: &Values) -> Result<String, String> {
        let rendered = ENGINE.render_str(&self.0, &values.0).map_err(|error| in_words(&error))?;
        let (rendered, _) = rendered.split_at_checked(rendered.floor_char_boundary(LONGEST)).unwrap_or((&rendered, ""));
        Ok(rendered.to_owned())
    }
}

/// What a template is filled in from.
#[derive(Debug, Clone)]
pub struct Values(Value);

impl Values {
    /// Takes anything that serialises as an object.
    pub fn new(values: &impl Serialize) -> Self {
        Self(Value::from(Serde(values)))
    }
}

fn is_about_what_it_calls(error: &minijinja::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction)
}

fn in_words(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_a_sender_wrote_is_a_value_and_never_a_template() {
        let template = Template::parse("[{{ env }}] {{ subject }}", &["env", "subject"]).unwrap();
        let values = Values::new(&BTreeMap::from([("subject", "{{ env }} {% for %}")]));
        assert_eq!(template.render(&values), Ok("[] {{ env }} {% for %}".to_owned()));
    }

    #[test]
    fn a_template_is_refused_for_its_syntax_and_for_names_that_nothing_has() {
        assert!(Template::parse("{{ subject", &["subject"]).is_err());
        assert_eq!(Template::parse("{{ sbject }}", &["subject"]), Err("nothing is called `sbject` here".to_owned()));
        assert!(Template::parse("{{ subject | uper }}", &["subject"]).unwrap_err().contains("uper"));
        assert!(Template::parse("{{ subject | upper | replace('A', 'b') }}", &["subject"]).is_ok());
        assert!(Template::parse("{% for i in range(3) %}{{ i }}{% endfor %}", &[]).is_ok());
    }

    #[test]
    fn a_template_that_never_ends_runs_out_of_fuel() {
        let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(Template::parse(loops, &[]).unwrap().render(&Values::new(&())).is_err());
    }
}
