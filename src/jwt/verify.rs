//! From an unverified token to its claims.

use super::claims::Claims;
use super::jws::Unverified;
use super::keys::{Key, KeySet};
use super::refusal::{Reason, Refusal};
use super::rules::Rules;

/// Verifies a token: key, signature, claims, in this order, so that no claim is looked at before the signature is good.
///
/// `now` is the time in Unix seconds.
///
/// # Errors
/// The first check that fails, as a [`Refusal`]; the caller shows the client none of it.
pub fn verify(token: &Unverified<'_>, keys: &KeySet, rules: &Rules, now: i64) -> Result<Claims, Refusal> {
    check_rules(rules)?;
    let key = keys.select(token.kid(), token.algorithm())?;
    check_signature(token, key)?;
    let claims = Claims::read(token.payload(), &rules.subject_claim)?;
    for check in CLAIM_CHECKS {
        (check.run)(&claims, rules, now)?;
    }
    Ok(claims)
}

/// Rules that [`Rules::check`] would not have let in let nobody in.
pub(super) fn check_rules(rules: &Rules) -> Result<(), Refusal> {
    rules.check().map_err(|error| Refusal::new(Reason::UnusableRules, error.to_string()))
}

pub(super) fn check_signature(token: &Unverified<'_>, key: &Key) -> Result<(), Refusal> {
    if key.verifies(token.algorithm(), token.signing_input().as_bytes(), token.signature()) {
        return Ok(());
    }
    Err(Refusal::new(Reason::BadSignature, format!("the {} signature is not of this key", token.algorithm())))
}

/// A check of claims against rules, with the name it has in an explanation.
pub(super) struct ClaimCheck {
    pub(super) name: &'static str,
    pub(super) run: fn(&Claims, &Rules, i64) -> Result<(), Refusal>,
}

/// One list for verifying and explaining, so that the two cannot come to different ends.
pub(super) const CLAIM_CHECKS: [ClaimCheck; 6] = [
    ClaimCheck { name: "issuer", run: |claims, rules, _| claims.check_issuer(rules) },
    ClaimCheck { name: "audience", run: |claims, rules, _| claims.check_audience(rules) },
    ClaimCheck { name: "required_claims", run: |claims, rules, _| claims.check_required(rules) },
    ClaimCheck { name: "expiry", run: Claims::check_expiry },
    ClaimCheck { name: "not_before", run: Claims::check_not_before },
    ClaimCheck { name: "issued_at", run: Claims::check_issued_at },
];
