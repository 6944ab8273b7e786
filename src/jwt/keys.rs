//! An issuer's keys: a JWK Set (RFC 7517 section 5), and which of them a token is checked with.

use std::fmt;

use jsonwebtoken::DecodingKey;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::jwk::{self, KeyFault, Outcome};
use super::refusal::{Reason, Refusal, quoted};
use super::{json, signature};

/// The usable keys of one issuer: at least one, at most a hundred, no two of one `kid`.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// What [`KeySet::parse`] made of a text.
#[derive(Debug)]
pub struct ParsedKeySet {
    /// The keys that will be used.
    pub keys: KeySet,
    /// The keys that will not, each worth a notice.
    pub skipped: Vec<SkippedKey>,
}

/// A key of the set that does not concern us, such as one for encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, where it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub reason: String,
}

impl KeySet {
    /// Reads a JWK Set.
    ///
    /// `allowed` is the issuer's list of algorithms, `None` where the administrator gave none. A key with `alg` is bound
    /// to that one, and skipped where the list has it not. A key without gets the list's algorithms that fit its type;
    /// without a list RS256 for RSA, and the only one there is for P-256, P-384 and Ed25519.
    ///
    /// Keys for another purpose (`use`, `key_ops`) and of types not known here are skipped, because the sets of real
    /// issuers contain them. A key that is *wrong* fails the whole set: its issuer, or the copy, is not to be trusted.
    ///
    /// # Errors
    /// A [`KeySetError`], which never shows key material.
    pub fn parse(jwks: &str, allowed: Option<&[Algorithm]>) -> Result<ParsedKeySet, KeySetError> {
        if jwks.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let set = json::parse(jwks.as_bytes()).map_err(|error| KeySetError::NotJson(error.to_string()))?;
        let mut keys: Vec<Key> = Vec::new();
        let mut skipped = Vec::new();
        for (index, jwk) in members(set)?.into_iter().enumerate() {
            match jwk::read(jwk, allowed) {
                Ok(Outcome::Usable(key)) => keys.push(key),
                Ok(Outcome::Skipped(key)) => skipped.push(key),
                Err((kid, fault)) => {
                    return Err(KeySetError::Key { position: index + 1, kid, fault });
                }
            }
        }
        if let Some(kid) = duplicate_kid(&keys) {
            return Err(KeySetError::DuplicateKid(kid));
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(skipped));
        }
        Ok(ParsedKeySet { keys: KeySet { keys }, skipped })
    }

    /// The keys, in the order of the set.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The one key a token with this header is checked with.
    ///
    /// A `kid` decides alone. Without one the key must be the only one for the algorithm: trying one after the other
    /// would let a token choose its key.
    pub(super) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refusal> {
        match kid {
            Some(kid) => self.select_by_kid(kid, algorithm),
            None => self.select_by_algorithm(algorithm),
        }
    }

    fn select_by_kid(&self, kid: &str, algorithm: Algorithm) -> Result<&Key, Refusal> {
        let named = self.keys.iter().find(|key| key.kid() == Some(kid));
        let key = named.ok_or_else(|| {
            Refusal::new(Reason::UnknownKid, format!("the issuer has no usable key with kid {}", quoted(kid)))
        })?;
        if key.algorithms.contains(&algorithm) {
            return Ok(key);
        }
        let detail = format!("the key with kid {} is not for {algorithm}", quoted(kid));
        Err(Refusal::new(Reason::AlgorithmNotAllowed, detail))
    }

    fn select_by_algorithm(&self, algorithm: Algorithm) -> Result<&Key, Refusal> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => {
                let detail = format!("the token has no kid and the issuer has no key for {algorithm}");
                Err(Refusal::new(Reason::NoMatchingKey, detail))
            }
            (Some(_), Some(_)) => {
                let detail = format!("the token has no kid and the issuer has several keys for {algorithm}");
                Err(Refusal::new(Reason::AmbiguousKey, detail))
            }
        }
    }
}

/// One key and the algorithms it may verify: all of its own family, at least one.
pub struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) jwk: Value,
    pub(super) material: DecodingKey,
}

impl Key {
    /// The key's name in its set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms it may verify.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The JWK as it was given. Of an HMAC key (`kty` "oct") it contains the secret.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Whether `signature` is this key's over `message`, by an algorithm the key is for.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.algorithms.contains(&algorithm) && signature::is_valid(algorithm, &self.material, message, signature)
    }
}

/// Written by hand, so that no log of ours ever holds an HMAC secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

fn members(set: Value) -> Result<Vec<Value>, KeySetError> {
    let Value::Object(mut set) = set else {
        return Err(KeySetError::NotAKeySet);
    };
    match set.remove("keys") {
        Some(Value::Array(keys)) if keys.len() > MAX_KEYS => Err(KeySetError::TooManyKeys),
        Some(Value::Array(keys)) => Ok(keys),
        None if set.contains_key("kty") => Err(KeySetError::BareKey),
        _ => Err(KeySetError::NotAKeySet),
    }
}

fn duplicate_kid(keys: &[Key]) -> Option<String> {
    let mut kids: Vec<&str> = keys.iter().filter_map(Key::kid).collect();
    kids.sort_unstable();
    kids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned())
}

/// Why a key set was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// Longer than 256 KiB.
    TooLarge,
    /// Not strict JSON; where and why, without the content.
    NotJson(String),
    /// JSON, but no object with an array `keys`.
    NotAKeySet,
    /// A single JWK where a set is needed.
    BareKey,
    /// More than a hundred keys.
    TooManyKeys,
    /// A key that is wrong.
    Key {
        /// Its place in the set, from 1.
        position: usize,
        /// Its `kid`, where it has one.
        kid: Option<String>,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// Two usable keys of this `kid`.
    DuplicateKid(String),
    /// Nothing is left after skipping these.
    NoUsableKey(Vec<SkippedKey>),
}

impl KeySetError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            KeySetError::NotJson(_) | KeySetError::NotAKeySet => {
                "Give the JWK Set itself, {\"keys\": [...]}, which the issuer serves at its jwks_uri; a PEM key must be \
                 converted first."
            }
            KeySetError::BareKey => "Put the key into a set: {\"keys\": [ ... ]}.",
            KeySetError::TooLarge | KeySetError::TooManyKeys => "Leave out the keys that no longer sign tokens.",
            KeySetError::Key { fault, .. } => fault.hint(),
            KeySetError::DuplicateKid(_) => "Every key needs a kid of its own.",
            KeySetError::NoUsableKey(_) => {
                "The set needs a public signing key of a supported type, and the list of algorithms must have its own."
            }
        }
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySetError::TooLarge => write!(f, "key set is longer than {MAX_KEY_SET_BYTES} bytes"),
            KeySetError::NotJson(error) => write!(f, "key set is not strict JSON: {error}"),
            KeySetError::NotAKeySet => f.write_str("key set is not a JSON object with an array \"keys\""),
            KeySetError::BareKey => f.write_str("this is a single key, not a key set"),
            KeySetError::TooManyKeys => write!(f, "key set has more than {MAX_KEYS} keys"),
            KeySetError::Key { position, kid: Some(kid), fault } => {
                write!(f, "key {position} of the set, kid {}: {fault}", quoted(kid))
            }
            KeySetError::Key { position, kid: None, fault } => write!(f, "key {position} of the set: {fault}"),
            KeySetError::DuplicateKid(kid) => {
                write!(f, "key set has two keys with kid {}", quoted(kid))
            }
            KeySetError::NoUsableKey(skipped) => {
                f.write_str("key set has no usable key")?;
                for (separator, key) in [": ", "; ", "; "].iter().zip(skipped) {
                    write!(f, "{separator}{}", key.reason)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for KeySetError {}

/// The largest sets of public issuers have a few kilobytes.
const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// An issuer has two or three keys at a time.
const MAX_KEYS: usize = 100;
