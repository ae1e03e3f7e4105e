//! Says where in a JSON value the trouble really is. A schema that allows many kinds of node answers only "none of
//! them", far above the fault; the kind that was meant tells more.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::Complaint;

/// One reading of what is wrong.
struct Reading {
    path: String,
    what: String,
    /// The node is of another kind than the schema speaks of, so what else that schema says does not matter.
    other_kind: bool,
}

/// Everything that `validator` has against `instance`, which stands at `place`.
pub(super) fn complaints(validator: &Validator, instance: &Value, place: &str) -> Vec<Complaint> {
    let readings = validator.iter_errors(instance).map(|error| reading(&error, instance));
    let mut complaints: Vec<Complaint> =
        readings.map(|reading| Complaint::new(format!("{place}{}", reading.path), reading.what)).collect();
    complaints.dedup();
    complaints
}

fn reading(error: &ValidationError<'_>, instance: &Value) -> Reading {
    let path = error.instance_path().as_str().to_owned();
    let branches = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context,
        kind => {
            let names_kind = matches!(kind, ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. });
            let other_kind = names_kind && path.ends_with("/type");
            return Reading { path, what: shorten(&error.to_string()), other_kind };
        }
    };
    let meant = branches.iter().filter_map(|branch| {
        let readings: Vec<Reading> = branch.iter().map(|error| reading(error, instance)).collect();
        let about_this = |found: &Reading| found.path == path || found.path == format!("{path}/type");
        let other = readings.iter().any(|found| found.other_kind && about_this(found));
        if other { None } else { readings.into_iter().max_by_key(|found| depth(&found.path)) }
    });
    meant.max_by_key(|found| depth(&found.path)).unwrap_or_else(|| {
        let kind = instance.pointer(&path).and_then(|node| node.get("type")).and_then(Value::as_str);
        let what = kind.map_or_else(|| shorten(&error.to_string()), |kind| format!("a `{kind}` is not allowed here"));
        Reading { path, what, other_kind: true }
    })
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

/// Messages quote the whole value, which may be a whole mail.
fn shorten(text: &str) -> String {
    const MOST: usize = 240;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let half = MOST / 2;
    let count = text.chars().count();
    let (start, end): (String, String) = (text.chars().take(half).collect(), text.chars().skip(count - half).collect());
    format!("{start} … {end}")
}
