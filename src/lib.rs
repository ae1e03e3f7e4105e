//! mail2jira: mail in, Jira issues and comments out, exactly once. This page is the map.
//!
//! ```text
//!  mailbox ──fetch──▶ LEDGER ──parse──▶ decide ──▶ plan ──▶ LEDGER ──send──▶ Jira
//!  (IMAP, POP3)      (bytes are safe)   └──── pure ────┘   (intent is safe)   │
//!     ▲                                                                       ▼
//!     └───────────── acknowledge ◀───────────── LEDGER ◀──────── outcome ─────┘
//!                    (flag, move, delete)       (outcome is safe)
//! ```
//!
//! The program is a ledger of messages ([`store`]) and two kinds of worker that move them on ([`pipeline`]):
//!
//! * a **watcher** per mailbox ([`pipeline::watch`]) owns its session ([`mailbox`]). It fetches without touching flags,
//!   stores the bytes, and tells the mailbox what the ledger says has become of them. It never sees Jira;
//! * **deliveries** ([`pipeline::delivery`]) lease whatever is due, decide, plan, send and record. They never see a mailbox.
//!
//! They meet only in the ledger. Either may crash, be stopped or face a dead server without the other noticing. On
//! PostgreSQL several nodes share one ledger: a mailbox is watched by the node that holds its lease, deliveries go to
//! whoever claims them.
//!
//! # Stages
//!
//! A message goes through [`store::Stage`]: received, planned, sent, delivered. From any of the first three it may be
//! quarantined, for a person to look at. **Sent means maybe**: it is recorded before the request leaves, and what is found
//! in it is looked up in Jira by its marker ([`jira::plan::Marker`]) before anything is repeated. A plan with several
//! writes (an issue, each attachment) gives every write its own row and marker, in order. The plan is stored: a retry
//! repeats the same request even if the configuration has changed meanwhile.
//!
//! # Four rules
//!
//! 1. Bytes are in the ledger before the mailbox is told anything.
//! 2. Intent is in the ledger before Jira is told anything.
//! 3. Whoever changes an entry holds its [`store::Lease`], and hands it in.
//! 4. Not knowing is an outcome ([`failure::Verdict::Unknown`]). It is never rounded to yes or no.
//!
//! Work on one conversation is ordered ([`store::threads`]); everything else runs side by side. What a failure means is
//! said where it happens, as a [`failure::Verdict`], and the pipeline looks at nothing else. An outage of Jira is nobody's
//! fault: [`pipeline::gate`] shuts, and everything goes on in order when it is over.
//!
//! # Who may use whom
//!
//! What is pure takes values and gives values, and says so in its first lines: [`mail`], [`decide`](mod@decide),
//! [`jira::plan`], [`jira::document`], [`template`], [`preview`], [`import`], [`forecast`] and [`incident`] as a whole, and of
//! the others what they decide by, such as [`mailbox::cursor`] and [`pipeline::gate`].
//!
//! [`mailbox`], [`oauth`], [`dns`], [`jira::client`], [`store`], [`notify`] and [`vault`] are adapters, each to one thing
//! outside. Two pairs of them work together: [`store`] encrypts with [`vault`], and [`oauth::tokens`] keeps its grants in the
//! ledger; [`jira::auth`] is handed access tokens by it. Otherwise they know of each other at most plain values, such as the
//! steps of a plan that the ledger stores.
//!
//! [`pipeline`] is the only place where they meet. [`admin`] and [`cli`] sit on top and may use
//! everything. A test (`tests/integration/layering.rs`) reads the sources and fails with a sentence when this is broken.

// In reading order.
pub mod mail;
pub mod template;
pub mod decide;
pub mod jira;
pub mod mailbox;
pub mod oauth;
pub mod vault;
pub mod dns;
pub mod store;
pub mod pipeline;
pub mod admin;
pub mod config;
pub mod preview;
pub mod audit;
pub mod import;
pub mod cli;
pub mod status;
pub mod messages;
pub mod forecast;
pub mod incident;
pub mod notify;
pub mod failure;
pub mod clock;
pub mod dumps;
pub mod http;
pub mod tls;
pub mod telemetry;
pub mod text;
pub mod sync;
