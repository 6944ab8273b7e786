//! Why a token was refused: a stable code for the log, and a detail for whoever may ask.

use std::fmt;

/// A token that was not accepted.
///
/// The client never sees it: every credential failure looks the same from outside. It goes to one line of the server
/// log and to `explain_token`. Neither the code nor the detail contains any part of a signature, of a key, or of a text
/// that turned out not to be a token (which might be a password or an API key sent to the wrong place).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    detail: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Refusal { reason, detail: detail.into() }
    }

    /// The reason as a stable `snake_case` word.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}

/// The closed list of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Longer than any token we read.
    TooLarge,
    /// Not a compact JWS of strict base64url and strict JSON.
    Malformed,
    /// `alg` is missing, `none` or not ours.
    UnsupportedAlgorithm,
    /// `typ` says that this is some other kind of token.
    UnsupportedType,
    /// A header member that would change how the token is read or which key is used.
    ForbiddenHeader,
    /// Nobody trusts this issuer.
    UnknownIssuer,
    /// The issuer's keys have no such `kid`.
    UnknownKid,
    /// No `kid`, and no key for the algorithm.
    NoMatchingKey,
    /// No `kid`, and more than one key would do.
    AmbiguousKey,
    /// The key named by `kid` is not for this algorithm.
    AlgorithmNotAllowed,
    /// The signature is not of this key over this text.
    BadSignature,
    /// A claim that is always needed is absent.
    MissingClaim,
    /// A claim has the wrong type, form or range.
    InvalidClaim,
    /// `iss` is not the issuer whose keys were used.
    WrongIssuer,
    /// `aud` names none of the allowed audiences.
    WrongAudience,
    /// A claim that the issuer's rules require has another value.
    WrongClaim,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotYetValid,
    /// `iat` is later than now.
    IssuedInFuture,
    /// `nbf` or `iat` is later than `exp`.
    ContradictoryTimes,
    /// The issuer's rules are not fit for use.
    UnusableRules,
}

impl Reason {
    fn code(self) -> &'static str {
        match self {
            Reason::TooLarge => "too_large",
            Reason::Malformed => "malformed",
            Reason::UnsupportedAlgorithm => "unsupported_algorithm",
            Reason::UnsupportedType => "unsupported_type",
            Reason::ForbiddenHeader => "forbidden_header",
            Reason::UnknownIssuer => "unknown_issuer",
            Reason::UnknownKid => "unknown_kid",
            Reason::NoMatchingKey => "no_matching_key",
            Reason::AmbiguousKey => "ambiguous_key",
            Reason::AlgorithmNotAllowed => "algorithm_not_allowed",
            Reason::BadSignature => "bad_signature",
            Reason::MissingClaim => "missing_claim",
            Reason::InvalidClaim => "invalid_claim",
            Reason::WrongIssuer => "wrong_issuer",
            Reason::WrongAudience => "wrong_audience",
            Reason::WrongClaim => "wrong_claim",
            Reason::Expired => "expired",
            Reason::NotYetValid => "not_yet_valid",
            Reason::IssuedInFuture => "issued_in_future",
            Reason::ContradictoryTimes => "contradictory_times",
            Reason::UnusableRules => "unusable_rules",
        }
    }
}

/// A value out of a token, fit for a log line: quoted, escaped and short.
pub(super) fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(MAX_QUOTED_CHARS).collect();
    let cut = if shown.len() < value.len() { "…" } else { "" };
    format!("{shown:?}{cut}")
}

/// Long enough for an issuer's address, short enough that a token cannot flood the log.
const MAX_QUOTED_CHARS: usize = 100;
