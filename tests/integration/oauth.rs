//! OAuth over real sockets: consent with a provider that checks it, and access tokens through every fault and kill.

mod certified;
mod consent;
mod forms;
mod provider;
mod refusals;
mod store;
mod stub;
mod tokens;
