//! OAuth over real sockets: consent with a provider that checks it, and access tokens through every fault and kill.

mod consent;
mod provider;
mod store;
mod stub;
mod tokens;
