//! JSON Web Tokens, from the text a client sent to claims that can be trusted.
//!
//! Pure Rust: no Postgres, no clock, no randomness, no I/O and no `unsafe`. The time is an argument, the keys are an
//! argument, and nothing here panics on any input. The order in which a token is judged is the order of the files:
//!
//! 1. [`parse`] (`jws.rs`): the text is one strict compact JWS with a header this project understands.
//! 2. [`verify`] (`verify.rs`): the issuer's [`KeySet`] (`keys.rs`) has exactly one key for it, the signature is good
//!    (`signature.rs`, the only file that calls `jsonwebtoken`), and the [`Claims`] (`claims.rs`) meet the [`Rules`].
//! 3. [`explain`] (`explain.rs`) runs the same checks by name, for an administrator who asks why.
//!
//! Beside the way is `sign.rs`: key pairs and access tokens of our own, which are judged like anybody's.
//!
//! # Invariants
//!
//! * A key carries the algorithms it may verify, so that a token cannot choose another for it.
//! * Nothing of a payload is believed before its signature; until then it is [`Unverified`].
//! * No error shows a secret, a signature or a key.
//!
//! Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 7519 (JWT), RFC 8037 (EdDSA), RFC 8725 (best
//! practices), RFC 9068 (access tokens), RFC 8693 (scopes and actors).
#![forbid(unsafe_code)]

mod algorithm;
mod base64url;
mod claims;
mod explain;
pub mod json;
mod jwk;
mod jws;
mod keys;
mod numeric_date;
mod refusal;
mod rules;
mod sign;
mod signature;
mod verify;
mod weak_keys;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::Claims;
pub use explain::{Check, FindIssuer, explain};
pub use jwk::KeyFault;
pub use jws::{Unverified, parse};
pub use keys::{Key, KeySet, KeySetError, ParsedKeySet, SkippedKey};
pub use refusal::Refusal;
pub use rules::{Rules, RulesError};
pub use sign::{SigningKey, sign};
pub use verify::verify;

#[cfg(test)]
mod tests;
