//! The map of modules in the crate's documentation, held by reading the sources: what a part may not mention, and the house
//! rules that no compiler checks.

use super::sources::{Source, code_of, sources};

/// Which files may not mention what, and why.
struct Rule {
    files: &'static [&'static str],
    except: &'static [&'static str],
    words: &'static [&'static str],
    because: &'static str,
}

/// Values in, values out. Whatever calls itself pure in its first lines stands here.
const PURE: &[&str] = &[
    "mail.rs",
    "mail/",
    "template.rs",
    "text.rs",
    "decide.rs",
    "decide/",
    "jira/plan.rs",
    "jira/plan/",
    "jira/document.rs",
    "jira/document/",
    "jira/auth/authority.rs",
    "jira/client/answer.rs",
    "jira/client/budget.rs",
    "jira/client/pace.rs",
    "jira/client/signs.rs",
    "jira/client/signs/",
    "mailbox/cursor.rs",
    "mailbox/cursor/",
    "mailbox/imap/name.rs",
    "mailbox/pop3/arrival.rs",
    "mailbox/pop3/dots.rs",
    "mailbox/pop3/seen.rs",
    "mailbox/sasl.rs",
    "mailbox/throttle.rs",
    "mailbox/words.rs",
    "oauth/claims.rs",
    "oauth/provider/answer.rs",
    "oauth/tokens/next.rs",
    "oauth/xoauth2.rs",
    "pipeline/backoff.rs",
    "pipeline/fingerprint.rs",
    "pipeline/gate.rs",
    "admin/metrics.rs",
    "admin/timeline.rs",
    "cli/init/answers.rs",
    "cli/test_connection/diagnosis.rs",
    "cli/test_connection/evidence.rs",
    "cli/test_connection/exchange.rs",
    "preview.rs",
    "preview/",
    "import.rs",
    "import/",
    "forecast.rs",
    "forecast/",
    "incident.rs",
    "incident/",
];

const RULES: &[Rule] = &[
    Rule {
        files: PURE,
        except: &[],
        words: &[
            "tokio",
            "rusqlite",
            "postgres::",
            "async ",
            ".await",
            "crate::pipeline",
            "crate::clock",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "std::fs",
            "std::net",
        ],
        because: "pure modules compute from values: no network, no store, no clock",
    },
    Rule {
        files: PURE,
        except: &["jira/client/answer.rs", "jira/client/signs.rs"], // to whom its status and headers are values
        words: &["reqwest"],
        because: "pure modules compute from values: no network",
    },
    Rule {
        files: PURE,
        except: &["pipeline/fingerprint.rs"], // to whom an entry is a value
        words: &["crate::store"],
        because: "pure modules compute from values: no store",
    },
    Rule {
        files: &["mail.rs", "mail/"],
        except: &[],
        words: &[
            "crate::config",
            "crate::decide",
            "crate::jira",
            "crate::mailbox",
            "crate::oauth",
            "crate::failure",
            "crate::cli",
        ],
        because: "what a message says depends on no other module",
    },
    Rule {
        files: &["mailbox.rs", "mailbox/"],
        except: &[],
        words: &[
            "crate::jira",
            "crate::store",
            "crate::pipeline",
            "crate::oauth::provider",
            "crate::oauth::consent",
            "crate::oauth::tokens",
            "crate::vault",
            "crate::dns",
            "crate::notify",
            "reqwest",
            "rusqlite",
        ],
        because: "a mailbox never sees Jira, the ledger or a provider; it is handed an access token",
    },
    Rule {
        files: &["jira.rs", "jira/"],
        except: &[],
        words: &[
            "crate::mailbox",
            "crate::store",
            "crate::pipeline",
            "crate::oauth::provider",
            "crate::oauth::consent",
            "crate::vault",
            "crate::dns",
            "crate::notify",
            "rusqlite",
        ],
        because: "Jira's side never sees a mailbox or the ledger",
    },
    Rule {
        files: &["jira.rs", "jira/"],
        except: &["jira/auth.rs", "jira/auth/"],
        words: &["crate::oauth"],
        because: "of Jira's side only jira::auth shows tokens that oauth hands out",
    },
    Rule {
        files: &["oauth.rs", "oauth/"],
        except: &[],
        words: &["crate::jira", "crate::mailbox", "crate::pipeline", "crate::dns", "crate::notify", "rusqlite"],
        because: "tokens are got for whoever asks, and OAuth does not know who that is",
    },
    Rule {
        files: &["oauth.rs", "oauth/"],
        except: &["oauth/tokens.rs", "oauth/tokens/"],
        words: &["crate::store", "crate::vault"],
        because: "of OAuth only oauth::tokens keeps something: grants, in the ledger",
    },
    Rule {
        files: &["notify.rs", "notify/"],
        except: &[],
        words: &["crate::jira", "crate::mailbox", "crate::oauth", "crate::store", "crate::pipeline", "rusqlite"],
        because: "whoever tells people is handed the event, and knows nothing else",
    },
    Rule {
        files: &["dns.rs", "dns/"],
        except: &[],
        words: &["crate::"],
        because: "whoever asks the DNS knows nothing of what the answer is for",
    },
    Rule {
        files: &["store.rs", "store/"],
        except: &[],
        words: &[
            "crate::pipeline",
            "crate::jira::client",
            "crate::jira::auth",
            "crate::mailbox::imap",
            "crate::mailbox::pop3",
            "crate::mailbox::connect",
            "crate::oauth::provider",
            "crate::oauth::consent",
            "crate::dns",
            "crate::notify",
            "reqwest",
        ],
        because: "the ledger keeps what it is told and speaks to nobody",
    },
    Rule {
        files: &[
            "vault.rs",
            "vault/",
            "tls.rs",
            "http.rs",
            "clock.rs",
            "failure.rs",
            "text.rs",
            "sync.rs",
            "config.rs",
            "config/",
        ],
        except: &[],
        words: &[
            "crate::pipeline",
            "crate::store",
            "crate::jira",
            "crate::mailbox",
            "crate::oauth",
            "crate::cli",
            "crate::admin",
        ],
        because: "what everybody uses depends on none of them",
    },
    Rule {
        files: &["pipeline.rs", "pipeline/"],
        except: &[],
        words: &["crate::cli", "crate::admin", "config::file"],
        because: "the pipeline does not know who started it, nor how the config file is written",
    },
    Rule {
        files: &["admin.rs", "admin/", "cli.rs", "cli/"],
        except: &[],
        words: &["reqwest", "rusqlite", "tokio_postgres", "async_imap", "imap_proto", "mail_parser"],
        because: "commands and pages ask modules, which speak the protocols",
    },
    Rule { files: &[""], except: &["mail/parse.rs"], words: &["mail_parser"], because: "one file knows the parser" },
    Rule {
        files: &[""],
        except: &["mailbox/imap.rs", "mailbox/imap/", "mailbox/connect.rs", "telemetry.rs"], // which filters its logs
        words: &["async_imap", "imap_proto"],
        because: "IMAP is spoken in one place",
    },
    Rule {
        files: &[""],
        except: &["store.rs", "store/", "telemetry.rs"], // which filters their logs
        words: &["rusqlite", "tokio_postgres"],
        because: "databases are known to the store alone",
    },
    Rule {
        files: &[""],
        except: &["cli/report.rs"],
        words: &["println!", "print!", "eprintln!", "eprint!", "io::stdout", "anstream", "annotate_snippets"],
        because: "cli/report.rs is the only printer",
    },
    Rule {
        files: &[""],
        except: &["cli/report.rs", "telemetry.rs", "telemetry/"],
        words: &["io::stderr"],
        because: "words to people go through cli/report.rs, logs through telemetry",
    },
    Rule {
        files: &[""],
        except: &["telemetry.rs"],
        words: &["use tracing::", "tracing::event!", "tracing::span!", "tracing::instrument"],
        because: "a log line is written as tracing::info!(…) and the like, where log_fields.rs finds its fields",
    },
    Rule {
        files: &[""],
        except: &[],
        words: &["#[allow(", "#![allow("],
        because: "silence is explained: #[expect(lint, reason = \"…\")]",
    },
];

#[test]
fn no_module_mentions_what_its_layer_must_not_know() {
    let broken: Vec<String> =
        sources().iter().flat_map(|source| RULES.iter().flat_map(|rule| breaches(source, rule))).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn whatever_calls_itself_pure_is_held_to_it() {
    let says_so = |source: &Source| {
        let opening: Vec<&str> = source.text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let opening = opening.join("");
        opening.contains(" Pure") && !opening.contains(" Pure but for")
    };
    let free: Vec<_> = sources().into_iter().filter(|source| says_so(source) && !is_in(&source.path, PURE)).collect();
    let free: Vec<&str> = free.iter().map(|source| source.path.as_str()).collect();
    assert!(free.is_empty(), "these files call themselves pure and are missing in PURE: {}", free.join(", "));
}

#[test]
fn every_file_opens_with_the_sentence_that_says_what_it_is() {
    let silent: Vec<_> =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "these files do not open with `//! `: {}", silent.join(", "));
}

#[test]
fn modules_stand_beside_their_directories() {
    let old: Vec<_> =
        sources().into_iter().filter(|source| source.path.ends_with("mod.rs")).map(|source| source.path).collect();
    assert!(old.is_empty(), "name these foo.rs beside foo/: {}", old.join(", "));
}

#[test]
fn the_main_file_only_leads_to_the_commands() {
    let sources = sources();
    let main = sources.iter().find(|source| source.path == "main.rs").expect("src/main.rs");
    let lines = main.text.lines().count();
    assert!(lines < 40, "src/main.rs has {lines} lines; commands belong in src/cli/");
}

#[test]
fn a_breach_is_found_in_code_and_not_in_comments_or_tests() {
    let text =
        "//! About tokio.\nfn wait() { tokio::task::yield_now(); }\n#[cfg(test)]\nmod tests { use tokio::time; }\n";
    let source = Source { path: "decide.rs".into(), text: text.into(), code: code_of(text) };
    let found: Vec<_> = RULES.iter().flat_map(|rule| breaches(&source, rule)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/decide.rs:2 mentions `tokio`"), "{found:?}");
}

fn breaches(source: &Source, rule: &Rule) -> Vec<String> {
    if !is_in(&source.path, rule.files) || is_in(&source.path, rule.except) {
        return Vec::new();
    }
    let mentions = |(number, line): &(usize, String)| {
        let word = rule.words.iter().find(|word| mentions_word(line, word))?;
        Some(format!("src/{}:{number} mentions `{}`: {}", source.path, word.trim(), rule.because))
    };
    source.code.iter().filter_map(mentions).collect()
}

fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || (place.ends_with('/') || place.is_empty()) && path.starts_with(place))
}

/// The word itself, not the end of a longer one: `print!` is not in `eprint!`.
fn mentions_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
