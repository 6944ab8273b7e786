//! The explanation says what verification does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Check, KeySet, Rules, explain};
use super::support::*;

fn find(issuer: &str) -> Option<(Arc<KeySet>, Rules)> {
    (issuer == ISSUER).then(|| (Arc::new(ed_keys()), rules()))
}

fn names(checks: &[Check]) -> Vec<&str> {
    checks.iter().map(|check| check.check).collect()
}

/// The last check, which failed, and that those before it passed.
#[track_caller]
fn failing(token: &str) -> (&'static str, String) {
    let mut checks = explain(token, NOW, &find);
    let last = checks.pop().unwrap();
    assert!(!last.passed && checks.iter().all(|check| check.passed), "{checks:?} {last:?}");
    (last.check, last.detail)
}

fn token(changes: Value) -> String {
    ed_token(claims_with(changes).to_string())
}

#[test]
fn a_good_token_passes_every_check() {
    let checks = explain(&token(json!({})), NOW, &find);
    assert_eq!(
        names(&checks),
        [
            "format",
            "trusted_issuer",
            "key",
            "signature",
            "claims",
            "issuer",
            "audience",
            "required_claims",
            "expiry",
            "not_before",
            "issued_at",
        ]
    );
    assert!(checks.iter().all(|check| check.passed));
    assert_eq!(checks[8].detail, "600 seconds left, and 30 of leeway");
    assert_eq!(checks[10].detail, "60 seconds ago");
}

#[test]
fn the_first_failing_check_is_named_and_the_last() {
    let good = token(json!({}));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", token(json!({"sub": "bob"})).rsplit_once('.').unwrap().0);
    let unknown_kid =
        token_of(super::super::Algorithm::EdDSA, r#"{"alg":"EdDSA","kid":"x"}"#, claims_with(json!({})).to_string());
    for (token, check, code) in [
        (input.to_owned(), "format", "malformed"),
        (token(json!({"iss": "https://mallory.example/"})), "trusted_issuer", "unknown_issuer"),
        (token(json!({"iss": null})), "trusted_issuer", "unknown_issuer"),
        (unknown_kid, "key", "unknown_kid"),
        (forged, "signature", "bad_signature"),
        (token(json!({"sub": 7})), "claims", "invalid_claim"),
        (token(json!({"aud": "other"})), "audience", "wrong_audience"),
        (token(json!({"exp": NOW - 30})), "expiry", "expired"),
        (token(json!({"nbf": NOW + 31})), "not_before", "not_yet_valid"),
        (token(json!({"iat": NOW + 31})), "issued_at", "issued_in_future"),
    ] {
        let (failed, detail) = failing(&token);
        assert_eq!(failed, check);
        assert!(detail.starts_with(&format!("{code}: ")), "{detail}");
    }
}

#[test]
fn it_agrees_with_verification() {
    let changes = [
        json!({}),
        json!({"aud": "x"}),
        json!({"aud": null}),
        json!({"exp": NOW - 29}),
        json!({"exp": NOW - 30}),
        json!({"nbf": NOW + 30}),
        json!({"nbf": NOW + 31}),
        json!({"iat": NOW + 31}),
        json!({"iat": null}),
        json!({"sub": ""}),
        json!({"scope": "a b"}),
        json!({"scope": 1}),
        json!({"act": {"sub": "x"}}),
        json!({"act": 1}),
        json!({"iss": "https://id.example.com"}),
    ];
    let mut accepted = 0;
    for changes in changes {
        let token = token(changes.clone());
        let verified = check(&token, &ed_keys(), &rules()).is_ok();
        let explained = explain(&token, NOW, &find).iter().all(|check| check.passed);
        assert_eq!(verified, explained, "{changes}");
        accepted += usize::from(verified);
    }
    assert_eq!(accepted, 5);
}

#[test]
fn rules_of_another_issuer_do_not_do() {
    let other = |_: &str| Some((Arc::new(ed_keys()), Rules { issuer: "https://other.example/".to_owned(), ..rules() }));
    let last = explain(&token(json!({})), NOW, &other).pop().unwrap();
    assert_eq!((last.check, last.passed), ("issuer", false));
    let unusable = |_: &str| Some((Arc::new(ed_keys()), Rules { audiences: None, ..rules() }));
    let last = explain(&token(json!({})), NOW, &unusable).pop().unwrap();
    assert_eq!((last.check, last.passed), ("trusted_issuer", false));
    assert!(last.detail.starts_with("unusable_rules: "));
}

#[test]
fn it_shows_no_signature() {
    let good = token(json!({}));
    let signature = good.rsplit_once('.').unwrap().1;
    let forged = format!("{}.{signature}", token(json!({"sub": "bob"})).rsplit_once('.').unwrap().0);
    for text in [good.as_str(), &forged] {
        for check in explain(text, NOW, &find) {
            for part in signature.as_bytes().windows(8) {
                assert!(!check.detail.contains(std::str::from_utf8(part).unwrap()), "{check:?}");
            }
        }
    }
}
