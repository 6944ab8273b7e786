//! The claims of a token whose signature is good (RFC 7519 section 4).

use serde_json::{Map, Value};

use super::numeric_date::NumericDate;
use super::refusal::{Reason, Refusal, quoted};
use super::rules::Rules;

/// What the issuer says, each claim of the type it must have.
///
/// Made by [`super::verify`] alone, so that holding one means that a signature was good. Times go on to count: a cached
/// token is asked [`Claims::check_times`] at every use.
#[derive(Clone, Debug)]
pub struct Claims {
    json: Map<String, Value>,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    expires_at: NumericDate,
    issued_at: NumericDate,
    not_before: Option<NumericDate>,
    jti: Option<String>,
    session_id: Option<String>,
    tenant_id: Option<String>,
    scopes: Vec<String>,
    actor: Option<String>,
}

impl Claims {
    /// Reads the claims of a payload: what must be there is there, and nothing has a form that it must not have.
    pub(super) fn read(payload: &Map<String, Value>, subject_claim: &str) -> Result<Self, Refusal> {
        let expires_at = date(payload, "exp")?.ok_or_else(|| missing("exp"))?;
        // Optional in RFC 7519: but of a token that does not say when it was issued nobody could tell whether it is one of
        // those that `tokens_valid_after` has ended.
        let issued_at = date(payload, "iat")?.ok_or_else(|| missing("iat"))?;
        let not_before = date(payload, "nbf")?;
        for (name, start) in [("iat", Some(issued_at)), ("nbf", not_before)] {
            if start.is_some_and(|start| start.ceiling > expires_at.floor) {
                return Err(Refusal::new(Reason::ContradictoryTimes, format!("{name} is later than exp")));
            }
        }
        let session_claim = if payload.contains_key("session_id") { "session_id" } else { "sid" };
        Ok(Claims {
            issuer: issuer(payload)?,
            subject: subject(payload, subject_claim)?,
            audiences: audiences(payload)?,
            expires_at,
            issued_at,
            not_before,
            jti: name(payload, "jti")?,
            session_id: informative(payload, session_claim),
            tenant_id: informative(payload, "tenant_id"),
            scopes: scopes(payload)?,
            actor: actor(payload)?,
            json: payload.clone(),
        })
    }

    /// Whether the token is valid at `now`, in Unix seconds, give or take the leeway (RFC 7519 sections 4.1.4 to 4.1.6).
    ///
    /// # Errors
    /// A [`Refusal`] with the code `expired`, `not_yet_valid` or `issued_in_future`.
    pub fn check_times(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        self.check_expiry(rules, now)?;
        self.check_not_before(rules, now)?;
        self.check_issued_at(rules, now)
    }

    pub(super) fn check_expiry(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        let end = self.expires_at.floor.saturating_add(rules.leeway_seconds);
        if now < end {
            return Ok(());
        }
        Err(Refusal::new(Reason::Expired, format!("exp {} has passed, it is {now}", self.expires_at.floor)))
    }

    pub(super) fn check_not_before(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        match self.not_before {
            Some(start) if start.ceiling > now.saturating_add(rules.leeway_seconds) => {
                let detail = format!("nbf {} has not come, it is {now}", start.ceiling);
                Err(Refusal::new(Reason::NotYetValid, detail))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_issued_at(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        let start = self.issued_at.ceiling;
        if start <= now.saturating_add(rules.leeway_seconds) {
            return Ok(());
        }
        Err(Refusal::new(Reason::IssuedInFuture, format!("iat {start} is later than now, {now}")))
    }

    pub(super) fn check_issuer(&self, rules: &Rules) -> Result<(), Refusal> {
        if self.issuer == rules.issuer {
            return Ok(());
        }
        let detail = format!("iss is {}, not {}", quoted(&self.issuer), quoted(&rules.issuer));
        Err(Refusal::new(Reason::WrongIssuer, detail))
    }

    pub(super) fn check_audience(&self, rules: &Rules) -> Result<(), Refusal> {
        let Some(allowed) = &rules.audiences else {
            return Ok(());
        };
        if self.audiences.iter().any(|audience| allowed.contains(audience)) {
            return Ok(());
        }
        let detail = match self.audiences.as_slice() {
            [] => "the token has no aud".to_owned(),
            [audience] => format!("aud is {}", quoted(audience)),
            [audience, ..] => format!("aud is a list, {} and others, none of them allowed", quoted(audience)),
        };
        Err(Refusal::new(Reason::WrongAudience, detail))
    }

    pub(super) fn check_required(&self, rules: &Rules) -> Result<(), Refusal> {
        for (name, required) in &rules.required_claims {
            if !self.json.get(name).is_some_and(|claim| meets(claim, required)) {
                let detail = format!("the claim {} is missing or has a value that is not allowed", quoted(name));
                return Err(Refusal::new(Reason::WrongClaim, detail));
            }
        }
        Ok(())
    }

    /// The user, as the issuer names him: the subject claim of the rules.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer, equal to that of the rules.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When the token ends, in Unix seconds, without leeway; a fraction is cut off.
    pub fn expires_at(&self) -> i64 {
        self.expires_at.floor
    }

    /// When the token was made, in Unix seconds; a fraction is cut off, so that "issued before" errs towards yes.
    pub fn issued_at(&self) -> i64 {
        self.issued_at.floor
    }

    /// The token's own id, for revocation. A token is revoked by this and never by its bytes: whoever has one with an
    /// ECDSA signature (r, s) can write (r, n - s) in its place, which is as good.
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }

    /// The session: `session_id`, else `sid` (OpenID Connect Front-Channel Logout section 3).
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The claim `tenant_id`.
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }

    /// The scopes of `scope` (RFC 8693 section 4.2, or an array of them), else of `scp` (Entra, Okta). Empty both where
    /// a token states none and where it has neither claim; [`Claims::get`] tells the two apart.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Who acts for the subject: `act.sub` of the outermost actor (RFC 8693 section 4.1). Those within it are history.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The address that the issuer says it has verified: `email`, where `email_verified` is true (OpenID Connect Core
    /// section 5.1), or the text `true`, as Apple sends it. An address without that claim is whatever somebody typed.
    pub fn verified_email(&self) -> Option<&str> {
        let verified = match self.json.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let email = if verified { self.json.get("email")?.as_str() } else { None };
        email.filter(|email| email.len() <= MAX_EMAIL_BYTES && !email.chars().any(char::is_control))
    }

    /// Any claim, by its exact name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.json.get(name)
    }

    /// All claims, those unknown here included.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }
}

/// A required value is equal; a required list, of strings only, has the claim or one of its entries as a member.
fn meets(claim: &Value, required: &Value) -> bool {
    let Value::Array(allowed) = required else {
        return claim == required;
    };
    match claim {
        Value::String(_) => allowed.contains(claim),
        Value::Array(entries) => entries.iter().any(|entry| allowed.contains(entry)),
        _ => false,
    }
}

fn issuer(payload: &Map<String, Value>) -> Result<String, Refusal> {
    match payload.get("iss") {
        None => Err(missing("iss")),
        Some(Value::String(issuer)) => Ok(issuer.clone()),
        Some(_) => Err(invalid("iss", "is not a string")),
    }
}

/// A string, or a list of strings with at least one (RFC 7519 section 4.1.3). None at all is for the rules to judge.
fn audiences(payload: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    match payload.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(audience)) => Ok(vec![audience.clone()]),
        Some(Value::Array(list)) if !list.is_empty() => {
            strings(list).ok_or_else(|| invalid("aud", "is not of strings"))
        }
        Some(_) => Err(invalid("aud", "is neither a string nor a list of strings")),
    }
}

fn strings(list: &[Value]) -> Option<Vec<String>> {
    list.iter().map(|entry| entry.as_str().map(str::to_owned)).collect()
}

fn date(payload: &Map<String, Value>, name: &str) -> Result<Option<NumericDate>, Refusal> {
    match payload.get(name) {
        None => Ok(None),
        Some(value) => NumericDate::read(value).map(Some).ok_or_else(|| invalid(name, "is not a date in Unix seconds")),
    }
}

/// The subject claim: a name. In a claim of the issuer's own also a whole number, as simplejwt before 5.5 sends its
/// `user_id`: it can be written in one way only (leading zeros are no JSON, 7.0 and 7e0 are refused). `sub` is a string
/// (RFC 7519 section 4.1.2).
fn subject(payload: &Map<String, Value>, claim: &str) -> Result<String, Refusal> {
    match payload.get(claim).and_then(Value::as_u64) {
        Some(number) if claim != "sub" => Ok(number.to_string()),
        _ => name(payload, claim)?.ok_or_else(|| missing(claim)),
    }
}

/// A claim that names something: a non-empty string of at most 255 bytes (RFC 7519 section 4.1.2 speaks of ASCII
/// characters) without control characters. A number is refused, since 7, 7.0 and "7" would be three names or one,
/// depending on who reads.
fn name(payload: &Map<String, Value>, claim: &str) -> Result<Option<String>, Refusal> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(name)) => {
            if is_name(name) {
                Ok(Some(name.clone()))
            } else {
                Err(invalid(claim, "is empty, longer than 255 bytes or has control characters"))
            }
        }
        Some(_) => Err(invalid(claim, "is not a string")),
    }
}

/// A claim that no RFC defines and providers use as they like: what is not a name says nothing.
fn informative(payload: &Map<String, Value>, claim: &str) -> Option<String> {
    payload.get(claim).and_then(Value::as_str).filter(|text| is_name(text)).map(str::to_owned)
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn scopes(payload: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let claim = if payload.contains_key("scope") { "scope" } else { "scp" };
    let scopes: Vec<String> = match payload.get(claim) {
        None => return Ok(Vec::new()),
        Some(Value::String(joined)) => joined.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        Some(Value::Array(list)) => strings(list).ok_or_else(|| invalid(claim, "is not of strings"))?,
        Some(_) => return Err(invalid(claim, "is neither a string nor a list of strings")),
    };
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(invalid(claim, "has an entry that is not a scope"));
    }
    Ok(scopes)
}

/// RFC 6749 section 3.3: printable ASCII without space, quote and backslash.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// Each actor of the chain must say who it is: one that does not would act for the user unnamed.
fn actor(payload: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let mut actors = Vec::new();
    let mut holder = payload;
    while let Some(act) = holder.get("act") {
        let Value::Object(members) = act else {
            return Err(invalid("act", "is not an object"));
        };
        actors.push(name(members, "sub")?.ok_or_else(|| missing("act.sub"))?);
        if actors.len() > MAX_ACTORS {
            return Err(invalid("act", "is nested more than 16 deep"));
        }
        holder = members;
    }
    Ok(actors.into_iter().next())
}

fn missing(claim: &str) -> Refusal {
    Refusal::new(Reason::MissingClaim, format!("the claim {} is missing", quoted(claim)))
}

fn invalid(claim: &str, what: &str) -> Refusal {
    Refusal::new(Reason::InvalidClaim, format!("the claim {} {what}", quoted(claim)))
}

const MAX_NAME_BYTES: usize = 255;

/// The longest address that RFC 5321 allows: 64 for the mailbox, 255 for its domain.
const MAX_EMAIL_BYTES: usize = 320;

/// Delegations within delegations; nobody has a use for more, and each is an object to walk through.
const MAX_ACTORS: usize = 16;
