//! Canonical base64url (RFC 7515 section 2): no padding, no whitespace, no `+` or `/`, no stray trailing bits.
//!
//! One byte string has one spelling: two texts that differ are two tokens, and nothing hides between them.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Decodes `text`, or `None` when it is not canonical. The empty text is the empty string of bytes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// Encodes `bytes` in the one way that [`decode`] takes.
pub(super) fn encode(bytes: &[u8]) -> String {
    STRICT.encode(bytes)
}

/// Spelled out rather than taken from the crate's presets, since each of the three settings is a rule of ours.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);
