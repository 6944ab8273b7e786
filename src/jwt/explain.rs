//! Why a token is refused, for an administrator who has it in hand.

use std::sync::Arc;

use super::claims::Claims;
use super::jws::{Unverified, parse};
use super::keys::KeySet;
use super::refusal::{Reason, Refusal, quoted};
use super::rules::Rules;
use super::verify::{CLAIM_CHECKS, check_rules, check_signature};

/// Gives the keys and rules of an issuer, where it is trusted.
pub type FindIssuer<'a> = dyn Fn(&str) -> Option<(Arc<KeySet>, Rules)> + 'a;

/// One named check of a token and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name: `format`, `trusted_issuer`, `key`, `signature`, `claims`, `issuer`, `audience`, `required_claims`,
    /// `expiry`, `not_before` or `issued_at`.
    pub check: &'static str,
    /// Whether the token passed it.
    pub passed: bool,
    /// What was found, or the code and detail of the [`Refusal`].
    pub detail: String,
}

/// Runs the checks of [`super::verify`] by name, in order, to the first that fails.
///
/// `find` gives keys and rules of an issuer that is trusted. All checks passed means exactly that `verify` accepts.
pub fn explain(token: &str, now: i64, find: &FindIssuer<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Err((check, refusal)) = run(token, now, find, &mut checks) {
        checks.push(Check { check, passed: false, detail: format!("{}: {refusal}", refusal.code()) });
    }
    checks
}

/// Adds the checks that pass; the first that does not is the error, with its name.
fn run(token: &str, now: i64, find: &FindIssuer<'_>, checks: &mut Vec<Check>) -> Result<(), (&'static str, Refusal)> {
    let mut passed = |check, detail| checks.push(Check { check, passed: true, detail });

    let token = parse(token).map_err(|refusal| ("format", refusal))?;
    passed("format", describe_header(&token));

    let (keys, rules) = trusted(&token, find).map_err(|refusal| ("trusted_issuer", refusal))?;
    passed("trusted_issuer", quoted(&rules.issuer));

    let key = keys.select(token.kid(), token.algorithm()).map_err(|refusal| ("key", refusal))?;
    passed("key", key.kid().map_or_else(|| "the only key for the algorithm".to_owned(), quoted));

    check_signature(&token, key).map_err(|refusal| ("signature", refusal))?;
    passed("signature", format!("good by {}", token.algorithm()));

    let claims = Claims::read(token.payload(), &rules.subject_claim).map_err(|refusal| ("claims", refusal))?;
    passed("claims", format!("{} is {}", rules.subject_claim, quoted(claims.subject())));

    for check in CLAIM_CHECKS {
        (check.run)(&claims, &rules, now).map_err(|refusal| (check.name, refusal))?;
        passed(check.name, describe(check.name, &claims, &rules, now));
    }
    Ok(())
}

fn trusted(token: &Unverified<'_>, find: &FindIssuer<'_>) -> Result<(Arc<KeySet>, Rules), Refusal> {
    let unknown = |detail| Refusal::new(Reason::UnknownIssuer, detail);
    let issuer = token.issuer().ok_or_else(|| unknown("the token has no iss that is a string".to_owned()))?;
    let (keys, rules) = find(issuer).ok_or_else(|| unknown(format!("no trusted issuer is {}", quoted(issuer))))?;
    check_rules(&rules)?;
    Ok((keys, rules))
}

fn describe_header(token: &Unverified<'_>) -> String {
    match token.kid() {
        Some(kid) => format!("compact JWS, {}, kid {}", token.algorithm(), quoted(kid)),
        None => format!("compact JWS, {}, no kid", token.algorithm()),
    }
}

fn describe(check: &str, claims: &Claims, rules: &Rules, now: i64) -> String {
    match check {
        "expiry" => {
            format!("{} seconds left, and {} of leeway", claims.expires_at().saturating_sub(now), rules.leeway_seconds)
        }
        "issued_at" => format!("{} seconds ago", now.saturating_sub(claims.issued_at())),
        "audience" if rules.audiences.is_none() => "not asked for by the issuer's rules".to_owned(),
        "required_claims" => format!("{} required", rules.required_claims.len()),
        "not_before" if claims.get("nbf").is_none() => "the token has no nbf".to_owned(),
        _ => "as required".to_owned(),
    }
}
