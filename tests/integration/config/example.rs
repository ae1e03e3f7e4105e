//! `config.example.toml`: every option, and the defaults that the program has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mail2jira::config::file;
use serde_json::Value;

use super::sound;

/// The example's text, and the same with every default written out.
fn example() -> (String, String) {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml")).expect("the example");
    let is_default = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    assert!(text.lines().filter(is_default).count() > 15, "options at their default");
    let spelt_out = text
        .lines()
        .map(|line| if is_default(&line) { line.trim_start_matches('#') } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    (text, spelt_out)
}

#[test]
fn the_defaults_in_the_example_are_the_program_s() {
    let (text, spelt_out) = example();
    assert_ne!(text, spelt_out);
    assert_eq!(sound(&text), sound(&spelt_out));
}

#[test]
fn the_example_has_every_option() {
    let (_, spelt_out) = example();
    let mut written = BTreeSet::new();
    let mut table = String::new();
    for line in spelt_out.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = header.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            written.insert(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") });
        }
    }
    let anonymous = |path: &String| {
        let mut parts: Vec<_> = path.split('.').collect();
        if matches!(parts[0], "mailbox" | "provider") && parts.len() > 1 {
            parts[1] = "NAME";
        }
        match parts.as_mut_slice() {
            ["rule", "fields", ..] => parts.truncate(2),
            ["mailbox", "NAME", "defaults", _] => parts.truncate(3),
            ["rule", "when", "header", name] => *name = "NAME",
            _ => {}
        }
        parts.join(".")
    };
    let written: BTreeSet<_> = written.iter().map(anonymous).collect();
    let schema = file::schema();
    let mut options = BTreeSet::new();
    collect_options(&schema, &schema, "", &mut options);
    assert!(options.len() > 40, "{options:?}");
    let missing: Vec<_> = options.difference(&written).collect();
    let unknown: Vec<_> = written.difference(&options).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "config.example.toml lacks {missing:?}, and has {unknown:?} that nobody reads"
    );
}

/// Every key of the schema that is not a table of further keys.
fn collect_options(root: &Value, node: &Value, path: &str, options: &mut BTreeSet<String>) {
    let node = match node["anyOf"].as_array() {
        Some(either) => &either[0],
        None => node,
    };
    let node =
        node["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#'))).unwrap_or(node);
    let join = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    if let Some(keys) = node["properties"].as_object() {
        keys.iter().for_each(|(key, child)| collect_options(root, child, &join(key), options));
    } else if node["additionalProperties"].is_object() {
        collect_options(root, &node["additionalProperties"], &join("NAME"), options);
    } else if path == "rule" {
        collect_options(root, &node["items"], path, options);
    } else {
        options.insert(path.to_owned());
    }
}
