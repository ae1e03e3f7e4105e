//! The fields of log lines, held by reading the sources: the table in the documentation of `src/telemetry.rs` lists every
//! field that something is logged with, and no other.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Source, code_of, sources};

const CALLS: [&str; 5] =
    ["tracing::trace!(", "tracing::debug!(", "tracing::info!(", "tracing::warn!(", "tracing::error!("];

#[test]
fn the_table_lists_every_field_that_something_is_logged_with_and_no_other() {
    let sources = sources();
    let logged: BTreeMap<String, String> = sources.iter().flat_map(logged).collect();
    let listed = listed(&sources);
    assert!(logged.len() > 10 && listed.len() > 10, "fields are read: {logged:?} and {listed:?}");
    let unlisted = logged.iter().filter(|(field, _)| !listed.contains(*field));
    let unlisted = unlisted.map(|(field, path)| format!("src/{path} logs `{field}`, which the table does not list"));
    let unused = listed.iter().filter(|field| !logged.contains_key(*field));
    let unused = unused.map(|field| format!("the table lists `{field}`, which nothing is logged with"));
    let wrong: Vec<String> = unlisted.chain(unused).collect();
    assert!(wrong.is_empty(), "the table of fields in src/telemetry.rs is not true:\n{}", wrong.join("\n"));
}

#[test]
fn fields_stand_before_the_message_and_are_not_looked_for_in_it() {
    let text = "fn f() {\n    tracing::warn!(\n        entry = id(1, \"a, b\"),\n        %error,\n        \"lost {}, by\",\n        reason\n    );\n}\n";
    let source = Source { path: "x.rs".into(), text: text.into(), code: code_of(text) };
    let fields: Vec<String> = logged(&source).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["entry", "error"]);
}

/// The fields that a file logs with, and the file.
fn logged(source: &Source) -> Vec<(String, String)> {
    let code: String = source.code.iter().map(|(_, line)| format!("{line}\n")).collect();
    let calls = CALLS.iter().flat_map(|call| code.split(call).skip(1).map(arguments));
    let fields = calls.flat_map(|arguments| {
        let fields = arguments.into_iter().take_while(|argument| !argument.starts_with('"'));
        fields.filter(|field| !field.is_empty()).map(|field| name(&field)).collect::<Vec<_>>()
    });
    fields.map(|field| (field, source.path.clone())).collect()
}

/// `%error`, `?error` and `error = …` are all called `error`.
fn name(field: &str) -> String {
    let name = field.split_once(" = ").map_or(field, |(name, _)| name);
    name.trim_start_matches(['%', '?']).to_owned()
}

/// The arguments of a macro call, of which `rest` begins with the first.
fn arguments(rest: &str) -> Vec<String> {
    let (mut arguments, mut argument) = (Vec::new(), String::new());
    let (mut depth, mut is_quoted, mut is_escaped) = (0, false, false);
    for c in rest.chars() {
        match c {
            '"' if !is_escaped => is_quoted = !is_quoted,
            '(' | '[' | '{' if !is_quoted => depth += 1,
            ')' | ']' | '}' if !is_quoted && depth == 0 => break,
            ')' | ']' | '}' if !is_quoted => depth -= 1,
            ',' if !is_quoted && depth == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
        argument.push(c);
    }
    arguments.push(argument);
    arguments.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

fn listed(sources: &[Source]) -> BTreeSet<String> {
    let telemetry = sources.iter().find(|source| source.path == "telemetry.rs").expect("src/telemetry.rs");
    let rows = telemetry.text.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.filter_map(|row| row.split_once('`')).map(|(field, _)| field.to_owned()).collect()
}
