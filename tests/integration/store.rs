//! The ledger on both of its databases: every fact below holds on SQLite and on PostgreSQL, by the same test.

mod audit;
mod bodies;
pub mod book;
mod claims;
mod commits;
mod delivery;
mod faults;
mod forecasts;
mod grants;
mod incidents;
mod intake;
mod people;
mod rekey;
mod run_lock;
mod schema;
mod status;
mod threads;
