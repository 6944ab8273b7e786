//! `iss`, `aud` and required claims: is the token for us, and from whom.

use serde_json::{Value, json};

use super::super::Rules;
use super::support::*;

fn audience(aud: Value) -> Result<super::super::Claims, super::super::Refusal> {
    check_claims(json!({"aud": aud}), &rules())
}

#[test]
fn iss_is_exactly_the_issuer() {
    assert_eq!(check_claims(json!({}), &rules()).unwrap().issuer(), ISSUER);
    for iss in [
        "https://id.example.com",
        "https://id.example.com//",
        "https://ID.example.com/",
        "http://id.example.com/",
        "https://id.example.com/ ",
        "https://id.example.com:443/",
        "https://id.example.com/\u{1}",
        "",
        "https://mallory.example/",
    ] {
        assert_refused(check_claims(json!({"iss": iss}), &rules()), "wrong_issuer");
    }
    for iss in [json!(1), json!([ISSUER]), json!({}), json!(true)] {
        assert_refused(check_claims(json!({"iss": iss}), &rules()), "invalid_claim");
    }
    assert_refused(check_claims(json!({"iss": null}), &rules()), "missing_claim");
    let null = claims_with(json!({"iss": null}));
    let null = with(null, json!({"iss": null})).to_string();
    assert_refused(check(&ed_token(null), &ed_keys(), &rules()), "invalid_claim");
}

#[test]
fn aud_names_an_allowed_audience() {
    for aud in [json!("api"), json!(["api"]), json!(["other", "api"]), json!(["api", "api"])] {
        assert!(audience(aud).is_ok());
    }
    for aud in [
        json!("other"),
        json!("API"),
        json!("api "),
        json!(""),
        json!("api,other"),
        json!(["other", "third"]),
        json!([""]),
    ] {
        assert_refused(audience(aud), "wrong_audience");
    }
}

#[test]
fn aud_has_the_right_form() {
    for aud in [
        json!([]),
        json!(7),
        json!(true),
        json!({}),
        json!({"api": 1}),
        json!(["api", 7]),
        json!(["api", null]),
        json!([["api"]]),
    ] {
        assert_refused(audience(aud), "invalid_claim");
    }
    let misnamed = json!({"aud": null, "Aud": "api", "aud ": "api", "audience": "api"});
    assert_refused(check_claims(misnamed, &rules()), "wrong_audience");
    let null = with(claims_with(json!({})), json!({"aud": null})).to_string();
    assert_refused(check(&ed_token(null), &ed_keys(), &rules()), "invalid_claim");
}

#[test]
fn a_missing_aud_is_refused_unless_the_rules_ask_for_another_claim() {
    let without = json!({"aud": null, "azp": "https://app.example.com"});
    assert_refused(check_claims(without.clone(), &rules()), "wrong_audience");
    let by_azp = |azp: Value| Rules {
        audiences: None,
        required_claims: json!({"azp": azp}).as_object().unwrap().clone(),
        ..rules()
    };
    assert!(check_claims(without.clone(), &by_azp(json!("https://app.example.com"))).is_ok());
    assert!(check_claims(without.clone(), &by_azp(json!(["https://b.example", "https://app.example.com"]))).is_ok());
    assert_refused(check_claims(without.clone(), &by_azp(json!(["https://b.example"]))), "wrong_claim");
    assert_refused(check_claims(json!({"aud": null}), &by_azp(json!(["https://app.example.com"]))), "wrong_claim");

    let neither = Rules { audiences: None, ..rules() };
    assert_refused(check_claims(without, &neither), "unusable_rules");
}

#[test]
fn several_audiences_may_be_allowed() {
    let rules = Rules { audiences: Some(vec!["web".to_owned(), "mobile".to_owned()]), ..rules() };
    for aud in [json!("web"), json!("mobile"), json!(["x", "mobile"])] {
        assert!(check_claims(json!({"aud": aud}), &rules).is_ok());
    }
    assert_refused(check_claims(json!({"aud": "api"}), &rules), "wrong_audience");
}

#[test]
fn required_claims_are_equal_or_listed() {
    let requiring =
        |value: Value| Rules { required_claims: json!({"x": value}).as_object().unwrap().clone(), ..rules() };
    for (required, claim) in [
        (json!("a"), json!("a")),
        (json!(true), json!(true)),
        (json!(1), json!(1)),
        (json!({"a": 1}), json!({"a": 1})),
        (json!(["a", "b"]), json!("b")),
        (json!(["a", "b"]), json!(["c", "b"])),
    ] {
        assert!(check_claims(json!({"x": claim}), &requiring(required)).is_ok());
    }
    for (required, claim) in [
        (json!("a"), json!("A")),
        (json!("a"), json!(["a"])),
        (json!(true), json!("true")),
        (json!(true), json!(1)),
        (json!(1), json!("1")),
        (json!(1), json!(1.5)),
        (json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!(["a", "b"]), json!("a b")),
        (json!(["a", "b"]), json!("c")),
        (json!(["a", "b"]), json!(["c", "A", 1])),
        (json!(["a", "b"]), json!([])),
        (json!(["a", "b"]), json!([["a"]])),
        (json!(["a", "b"]), json!({"a": true})),
        (json!(["1"]), json!(1)),
        (json!("a"), Value::Null),
        (json!(["a"]), Value::Null),
    ] {
        assert_refused(check_claims(json!({"x": claim}), &requiring(required)), "wrong_claim");
    }
}

#[test]
fn every_required_claim_counts() {
    let required = json!({"client_id": "c", "token_use": "access"});
    let rules = Rules { required_claims: required.as_object().unwrap().clone(), ..rules() };
    assert!(check_claims(required, &rules).is_ok());
    assert_refused(check_claims(json!({"client_id": "c"}), &rules), "wrong_claim");
    assert_refused(check_claims(json!({"client_id": "c", "token_use": "id"}), &rules), "wrong_claim");
}
