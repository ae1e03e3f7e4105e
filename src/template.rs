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
    /// Takes a template that may name what a scope has. The error says what is wrong with it.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, String> {
        let template = ENGINE.template_from_str(text).map_err(|error| in_words(&error))?;
        let mut unknown: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        let is_own = |name: &str| names_set_in(text).any(|own| own == name);
        unknown.retain(|name| !scope.has(name) && !is_own(name) && !ENGINE.globals().any(|(global, _)| global == name));
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            return Err(format!("nothing is called `{name}` here"));
        }
        // Filters, tests and functions are looked for only when a branch comes to them.
        [&scope.sample, &Values::default()].into_iter().try_for_each(|values| tried(&template, values))?;
        Ok(Self(text.to_owned()))
    }

    /// Takes a template where it is not known what may be named.
    pub fn parse_unbound(text: &str) -> Result<Self, String> {
        let template = ENGINE.template_from_str(text).map_err(|error| in_words(&error))?;
        tried(&template, &Values::default())?;
        Ok(Self(text.to_owned()))
    }

    /// The template as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it comes to nothing where a message has nothing of what it names.
    pub fn may_be_empty(&self) -> bool {
        self.render(&Values::default()).is_ok_and(|text| text.trim().is_empty())
    }

    /// Fills it in. The error says why nothing came of it.
    pub fn render(&self, values: &Values) -> Result<String, String> {
        let rendered = ENGINE.render_str(&self.0, &values.0).map_err(|error| in_words(&error))?;
        let (rendered, _) = rendered.split_at_checked(rendered.floor_char_boundary(LONGEST)).unwrap_or((&rendered, ""));
        Ok(rendered.to_owned())
    }
}

/// Names that a template gives itself. One that is given in a branch of an `if` is known behind it, too, which the engine's own list
/// of names does not know.
fn names_set_in(text: &str) -> impl Iterator<Item = &str> {
    let statements = text.split("{%").skip(1).map(|statement| statement.trim_start_matches(['-', '+']).trim_start());
    let set = statements.filter_map(|statement| statement.strip_prefix("set ")?.split(['=', '%']).next());
    set.flat_map(|names| names.split(',')).map(|name| name.trim_matches(['(', ')', '-', ' ']))
}

/// What templates may name.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Each by its whole name: `subject`, `from.name`; `header.*` for whatever stands below it.
    pub names: Vec<String>,
    /// Something for each of them.
    pub sample: Values,
}

impl Scope {
    fn has(&self, name: &str) -> bool {
        let below = |known: &str| known.strip_suffix(".*").is_some_and(|root| is_below(name, root));
        self.names.iter().any(|known| known == name || below(known))
    }
}

fn is_below(name: &str, root: &str) -> bool {
    name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'))
}

/// What a template is filled in from.
#[derive(Debug, Clone, Default)]
pub struct Values(Value);

impl Values {
    /// Takes anything that serialises as an object.
    pub fn new(values: &impl Serialize) -> Self {
        Self(Value::from(Serde(values)))
    }
}

/// Whether all that a template calls is there, and called as it wants to be. Other trouble is the values'.
fn tried(template: &minijinja::Template<'_, '_>, values: &Values) -> Result<(), String> {
    match template.render(&values.0) {
        Err(error) if is_about_what_it_calls(&error) => Err(in_words(&error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_about_what_it_calls(error: &minijinja::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::MissingArgument
            | ErrorKind::TooManyArguments
    )
}

fn in_words(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        let names = ["subject", "env", "from", "from.name", "header", "header.*"].map(str::to_owned).to_vec();
        let sample = BTreeMap::from([("subject", "x"), ("env", "x")]);
        Template::parse(text, &Scope { names, sample: Values::new(&sample) })
    }

    #[test]
    fn what_a_sender_wrote_is_a_value_and_never_a_template() {
        let template = parse("[{{ env }}] {{ subject }}").unwrap();
        let values = Values::new(&BTreeMap::from([("subject", "{{ env }} {% for %}")]));
        assert_eq!(template.render(&values), Ok("[] {{ env }} {% for %}".to_owned()));
    }

    #[test]
    fn a_template_is_refused_for_its_syntax_and_for_names_that_nothing_has() {
        assert!(parse("{{ subject").is_err());
        for (text, words) in [
            ("{{ sbject }}", "nothing is called `sbject` here"),
            ("{{ from.adress }}", "nothing is called `from.adress` here"),
            ("{{ subject | uper }}", "uper"),
            ("{% if subject %}{{ subject | uper }}{% endif %}", "uper"),
            ("{% if not subject %}{{ subject | uper }}{% endif %}", "uper"),
            ("{{ subject.upper() }}", "subject.upper"),
            ("{{ subject | replace }}", "argument"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
        for text in [
            "{{ subject | upper | replace('A', 'b') }}",
            "{% for i in range(3) %}{{ i }}{{ loop.index }}{% endfor %}",
            "{{ from.name }} {{ header.x_a }} {{ header['x-a'] }} {{ subject[:5] }}",
            "{% if env == 'prod' %}{%- set p = 'High' %}{% else %}{% set p = 'Low' %}{% endif %}{{ p }}",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn a_template_of_words_alone_is_never_empty() {
        let may_be_empty = |text: &str| parse(text).unwrap().may_be_empty();
        assert!(may_be_empty("{{ env }}") && may_be_empty(" {{ header.x_a }} ") && may_be_empty(""));
        assert!(!may_be_empty("High") && !may_be_empty("{{ env or 'dev' }}"));
    }

    #[test]
    fn a_template_that_never_ends_runs_out_of_fuel() {
        let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(parse(loops).unwrap().render(&Values::new(&())).is_err());
    }
}
