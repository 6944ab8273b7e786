//! What the functions that give tokens answer: OAuth 2.0 (RFC 6749 sections 5.1 and 5.2), in a row.
//!
//! A refusal is an answer and no error: an error would undo nothing (what was counted is committed), but end the
//! client's transaction.

use crate::error::Result;
use crate::{refusals, scope_checks};

/// Tokens.
pub struct Granted {
    pub access_token: String,
    /// In seconds.
    pub expires_in: i32,
    pub refresh_token: Option<String>,
    pub scopes: Vec<String>,
}

/// Why there are none, as far as the client may know.
#[derive(Clone, Copy)]
pub enum Denied {
    /// For whatever is wrong with the credential.
    InvalidGrant,
    InvalidScope,
    /// Whatever was asked for: a token with all of them would be longer than one may be.
    TooManyScopes,
    InvalidRequest(&'static str),
    NotAllowed(&'static str),
    /// RFC 8628 section 3.5, and the seconds to wait.
    SlowDown(i32),
}

pub type Answer = std::result::Result<Granted, Denied>;

impl Denied {
    fn error(self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope | Self::TooManyScopes => "invalid_scope",
            Self::InvalidRequest(_) => "invalid_request",
            Self::NotAllowed(_) => "access_denied",
            Self::SlowDown(_) => "slow_down",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::InvalidGrant => "authentication failed",
            Self::InvalidScope => "a scope is asked for that cannot be granted, or there is none to grant",
            Self::TooManyScopes => "more scopes than a token holds: name those that are needed",
            Self::InvalidRequest(description) | Self::NotAllowed(description) => description,
            Self::SlowDown(_) => "too many failed attempts",
        }
    }
}

/// Denies, and says to the operator why: in one line of the server log, without a secret.
pub fn deny(function: &str, denied: Denied, reason: &str, fields: &[(&str, Option<&str>)]) -> Result<Answer> {
    refusals::log(function, reason, fields);
    Ok(Err(denied))
}

/// What a task has answered in place of a session.
pub fn denied_by_task(reason: &str) -> Denied {
    match reason {
        "too_many_sessions" => Denied::NotAllowed("the user has as many sessions as may be"),
        "invalid_scope" => Denied::InvalidScope,
        _ => Denied::InvalidGrant,
    }
}

/// The row of `login` and `refresh`: access_token, token_type, expires_in, refresh_token, scope, error, error_description,
/// retry_after. NULL is what OAuth leaves out.
pub type Row = (
    Option<String>,
    Option<String>,
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i32>,
);

pub fn row(answer: Answer) -> Row {
    match answer {
        Ok(granted) => (
            Some(granted.access_token),
            Some("Bearer".to_owned()),
            Some(granted.expires_in),
            granted.refresh_token,
            Some(granted.scopes.join(" ")),
            None,
            None,
            None,
        ),
        Err(denied) => {
            let retry_after = if let Denied::SlowDown(seconds) = denied { Some(seconds) } else { None };
            let (error, description) = (denied.error().to_owned(), denied.description().to_owned());
            (None, None, None, None, None, Some(error), Some(description), retry_after)
        }
    }
}

/// The scopes that a caller names: each once, none of them NULL, no more than a token holds.
///
/// # Errors
/// What the caller is answered.
pub fn asked(scopes: Option<Vec<Option<String>>>) -> std::result::Result<Option<Vec<String>>, Denied> {
    let Some(scopes) = scopes else { return Ok(None) };
    let mut named = scopes.into_iter().collect::<Option<Vec<_>>>().ok_or(Denied::InvalidScope)?;
    named.sort();
    named.dedup();
    if fit(&named) { Ok(Some(named)) } else { Err(Denied::TooManyScopes) }
}

/// Whether a token can hold the scopes.
fn fit(scopes: &[String]) -> bool {
    scopes.iter().map(|scope| scope.len() + 1).sum::<usize>() <= ROOM_FOR_SCOPES
}

/// What of `held` is granted to who names these scopes: all of them, or nothing; what the caller is answered otherwise.
pub fn narrow(
    held: Vec<String>,
    scopes: Option<Vec<Option<String>>>,
) -> Result<std::result::Result<Vec<String>, Denied>> {
    let granted = match asked(scopes) {
        Err(denied) => return Ok(Err(denied)),
        Ok(None) => held,
        Ok(Some(asked)) if scope_checks::covered(asked.clone(), &held)? == asked => asked,
        Ok(Some(_)) => Vec::new(),
    };
    Ok(match granted {
        none if none.is_empty() => Err(Denied::InvalidScope),
        many if !fit(&many) => Err(Denied::TooManyScopes),
        granted => Ok(granted),
    })
}

/// In bytes, with a space after each. A token has at most 16 KiB, a third more than its claims; and a task answers them as
/// JSON, which at worst takes twice as much (`autonomous.rs`).
const ROOM_FOR_SCOPES: usize = 8000;
