//! Secrets that are shown once and kept as a hash: of keys, refresh tokens and invitations.
//!
//! They have 256 bits of their own, so a plain SHA-256 keeps them: there is nothing to guess from it.

use crate::error::{Error, Result};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A new secret.
pub struct Secret {
    /// What its holder gets: 43 characters of base64url.
    pub text: String,
    /// What is kept.
    pub hash: Vec<u8>,
}

impl Secret {
    /// # Errors
    /// XX000 where the source of randomness fails.
    pub fn generate() -> Result<Self> {
        let text = URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?);
        let hash = hash(&text);
        Ok(Self { text, hash })
    }
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// Compares in a time that does not tell where they differ.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

/// Whether a text has the form of a secret.
pub fn is_secret(text: &str) -> bool {
    text.len() == SECRET_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Twelve random hexadecimal digits, by which a secret is found.
///
/// # Errors
/// XX000 where the source of randomness fails.
pub fn prefix() -> Result<String> {
    Ok(random::<PREFIX_BYTES>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a text has the form of such a prefix.
pub fn is_prefix(text: &str) -> bool {
    text.len() == 2 * PREFIX_BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Random bytes from the system.
///
/// # Errors
/// XX000 where the source of randomness fails.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the source of randomness has failed"))?;
    Ok(bytes)
}

const SECRET_BYTES: usize = 32;
/// Of that many bytes in base64url.
const SECRET_LENGTH: usize = 43;
const PREFIX_BYTES: usize = 6;
