//! `exp`, `nbf` and `iat`, to the second. The leeway of the rules is 30 s.

use serde_json::{Value, json};

use super::super::{Claims, Refusal, Rules};
use super::support::*;

fn times(changes: Value) -> Result<Claims, Refusal> {
    check_claims(changes, &rules())
}

#[test]
fn exp_is_the_first_second_of_refusal() {
    assert!(times(json!({"exp": NOW + 600})).is_ok());
    assert!(times(json!({"exp": NOW - 29})).is_ok(), "within the leeway");
    assert_refused(times(json!({"exp": NOW - 30})), "expired");
    assert_refused(times(json!({"exp": NOW - 31})), "expired");
    assert_refused(times(json!({"exp": 0, "iat": 0})), "expired");
    let strict = Rules { leeway_seconds: 0, ..rules() };
    assert!(check_claims(json!({"exp": NOW + 1}), &strict).is_ok());
    assert_refused(check_claims(json!({"exp": NOW}), &strict), "expired");
}

#[test]
fn nbf_may_be_ahead_by_the_leeway() {
    assert!(times(json!({"nbf": NOW})).is_ok());
    assert!(times(json!({"nbf": NOW + 29})).is_ok());
    assert!(times(json!({"nbf": NOW + 30})).is_ok());
    assert_refused(times(json!({"nbf": NOW + 31})), "not_yet_valid");
    let strict = Rules { leeway_seconds: 0, ..rules() };
    assert!(check_claims(json!({"nbf": NOW}), &strict).is_ok());
    assert_refused(check_claims(json!({"nbf": NOW + 1}), &strict), "not_yet_valid");
}

#[test]
fn iat_may_be_ahead_by_the_leeway() {
    assert!(times(json!({"iat": NOW + 29})).is_ok());
    assert!(times(json!({"iat": NOW + 30})).is_ok());
    assert_refused(times(json!({"iat": NOW + 31})), "issued_in_future");
    let strict = Rules { leeway_seconds: 0, ..rules() };
    assert!(check_claims(json!({"iat": NOW}), &strict).is_ok());
    assert_refused(check_claims(json!({"iat": NOW + 1}), &strict), "issued_in_future");
}

#[test]
fn exp_and_iat_are_always_required() {
    assert_refused(times(json!({"exp": null})), "missing_claim");
    assert_refused(times(json!({"iat": null})), "missing_claim");
    assert!(times(json!({"nbf": null})).is_ok());
}

#[test]
fn nothing_begins_after_its_end() {
    assert!(times(json!({"nbf": NOW + 20, "exp": NOW + 20})).is_ok());
    assert_refused(times(json!({"nbf": NOW + 21, "exp": NOW + 20})), "contradictory_times");
    assert!(times(json!({"iat": NOW + 20, "exp": NOW + 20})).is_ok());
    assert_refused(times(json!({"iat": NOW + 21, "exp": NOW + 20})), "contradictory_times");
}

#[test]
fn a_fraction_counts_against_the_token() {
    let at = |name: &str, text: &str| {
        let mut claims = claims_with(json!({name: null})).to_string();
        claims.truncate(claims.len() - 1);
        check(&ed_token(format!("{claims},\"{name}\":{text}}}")), &ed_keys(), &rules())
    };
    assert!(at("exp", &format!("{}.999", NOW - 29)).is_ok());
    assert_refused(at("exp", &format!("{}.999", NOW - 30)), "expired");
    assert!(at("nbf", &format!("{}.0", NOW + 30)).is_ok());
    assert_refused(at("nbf", &format!("{}.001", NOW + 30)), "not_yet_valid");
    assert!(at("iat", &format!("{}.0", NOW + 30)).is_ok());
    assert_refused(at("iat", &format!("{}.001", NOW + 30)), "issued_in_future");

    let claims = at("iat", &format!("{}.75", NOW - 10)).unwrap();
    assert_eq!(claims.issued_at(), NOW - 10, "before a revocation in the same second, not after it");
    assert_eq!(at("exp", &format!("{}.75", NOW + 10)).unwrap().expires_at(), NOW + 10);
}

#[test]
fn a_date_is_a_number_in_range() {
    for name in ["exp", "iat", "nbf"] {
        for text in [
            "\"1700000600\"",
            "\"75z\"",
            "null",
            "true",
            "[1700000600]",
            "{}",
            "-1",
            "-0",
            "1e400",
            "-1e400",
            "9223372036854775808",
            "18446744073709551616",
            "253402300800",
            "1e12",
        ] {
            let mut claims = claims_with(json!({name: null})).to_string();
            claims.truncate(claims.len() - 1);
            let token = ed_token(format!("{claims},\"{name}\":{text}}}"));
            assert_refused(check(&token, &ed_keys(), &rules()), "invalid_claim");
        }
        for text in ["NaN", "Infinity", "01", "1e1000", "+1", "0x10"] {
            assert_refused(check_raw(&format!("\"{name}x\":{text}")), "malformed");
        }
    }
    assert!(times(json!({"exp": 253_402_300_799_i64})).is_ok());
}

#[test]
fn a_cached_token_is_asked_again() {
    let claims = times(json!({"exp": NOW + 600, "nbf": NOW, "iat": NOW})).unwrap();
    assert!(claims.check_times(&rules(), NOW).is_ok());
    assert!(claims.check_times(&rules(), NOW + 629).is_ok());
    assert_refused(claims.check_times(&rules(), NOW + 630), "expired");
    assert_refused(claims.check_times(&rules(), i64::MAX), "expired");
    assert!(claims.check_times(&rules(), NOW - 30).is_ok());
    assert_refused(claims.check_times(&rules(), NOW - 31), "not_yet_valid");
    assert_refused(claims.check_times(&rules(), i64::MIN), "not_yet_valid");
    let without_nbf = times(json!({"iat": NOW})).unwrap();
    assert_refused(without_nbf.check_times(&rules(), NOW - 31), "issued_in_future");
}
