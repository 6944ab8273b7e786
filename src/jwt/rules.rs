//! What an administrator said about an issuer's tokens.

use std::fmt;

use serde_json::{Map, Value};

/// What a token of one issuer must say.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The exact `iss`. Not an address to be normalised: another slash or case is another issuer.
    pub issuer: String,
    /// `aud` must name one of these. `None` where the issuer sends no `aud`: then `required_claims` must say for whom.
    pub audiences: Option<Vec<String>>,
    /// The claim that names the user, `sub` nearly always.
    pub subject_claim: String,
    /// Claims that must be there. A value other than an array must be equal to the claim (a number as it is written: 1 is
    /// not 1.0). An array lists the allowed strings: the claim must be one of them, or an array that contains one.
    pub required_claims: Map<String, Value>,
    /// How far the issuer's clock may be from ours, in seconds, 0 to 300.
    pub leeway_seconds: i64,
}

impl Rules {
    /// Whether the rules are fit for use. Every token is refused under rules that are not.
    ///
    /// # Errors
    /// The first rule that would let in tokens meant for somebody else, or none at all.
    pub fn check(&self) -> Result<(), RulesError> {
        if self.issuer.is_empty() {
            return Err(RulesError::EmptyIssuer);
        }
        match &self.audiences {
            Some(audiences) if audiences.is_empty() => return Err(RulesError::NoAudience),
            Some(audiences) if audiences.iter().any(String::is_empty) => {
                return Err(RulesError::EmptyAudience);
            }
            None if self.required_claims.is_empty() => return Err(RulesError::AnyAudience),
            _ => {}
        }
        if self.subject_claim.is_empty() {
            return Err(RulesError::EmptySubjectClaim);
        }
        for (name, value) in &self.required_claims {
            if name.is_empty() || !is_requirement(value) {
                return Err(RulesError::VagueRequiredClaim(name.clone()));
            }
        }
        if !(0..=MAX_LEEWAY_SECONDS).contains(&self.leeway_seconds) {
            return Err(RulesError::LeewayOutOfRange);
        }
        Ok(())
    }
}

/// A value that some tokens have and others have not. An empty list can be met by none, `null` would be met by a claim
/// that says nothing.
fn is_requirement(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(allowed) => !allowed.is_empty() && allowed.iter().all(Value::is_string),
        _ => true,
    }
}

/// Why [`Rules`] are not fit for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// The issuer is the empty text.
    EmptyIssuer,
    /// The list of audiences has no entry.
    NoAudience,
    /// An audience is the empty text.
    EmptyAudience,
    /// Neither audiences nor required claims: tokens made for any other application would be let in.
    AnyAudience,
    /// The name of the subject claim is the empty text.
    EmptySubjectClaim,
    /// A required claim, by name, whose value is null, an empty list, or a list of other things than strings.
    VagueRequiredClaim(String),
    /// The leeway is negative or above five minutes.
    LeewayOutOfRange,
}

impl RulesError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            RulesError::EmptyIssuer => "Give the issuer exactly as the claim iss of its tokens has it.",
            RulesError::NoAudience | RulesError::EmptyAudience => {
                "Name the audience your application has at this issuer, as the claim aud has it."
            }
            RulesError::AnyAudience => {
                "Name the audience, or, where the tokens have no aud, the claim that says which application they are \
                 for, such as {\"azp\": [\"https://app.example.com\"]} or {\"client_id\": [\"…\"]}."
            }
            RulesError::EmptySubjectClaim => "Name the claim that holds the user, usually sub.",
            RulesError::VagueRequiredClaim(_) => {
                "Give the value the claim must have, or a list of strings of which it must be one."
            }
            RulesError::LeewayOutOfRange => "Use 0 to 300 seconds; 30 suits machines whose clocks are synchronised.",
        }
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulesError::EmptyIssuer => f.write_str("issuer must not be empty"),
            RulesError::NoAudience => f.write_str("list of audiences must not be empty"),
            RulesError::EmptyAudience => f.write_str("audience must not be empty"),
            RulesError::AnyAudience => f.write_str("issuer needs audiences or required claims"),
            RulesError::EmptySubjectClaim => f.write_str("subject claim must not be empty"),
            RulesError::VagueRequiredClaim(name) => {
                write!(f, "required claim {name:?} has no usable value")
            }
            RulesError::LeewayOutOfRange => f.write_str("leeway must be between 0 and 300 seconds"),
        }
    }
}

impl std::error::Error for RulesError {}

/// Five minutes, the most that RFC 7519 section 4.1.4 calls leeway ("no more than a few minutes").
const MAX_LEEWAY_SECONDS: i64 = 300;
