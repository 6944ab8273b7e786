//! Which rules are fit for use.

use serde_json::{Value, json};

use super::super::{Rules, RulesError};
use super::support::rules;

fn refused(rules: Rules) -> RulesError {
    rules.check().unwrap_err()
}

fn requiring(claims: Value) -> Rules {
    Rules { required_claims: claims.as_object().unwrap().clone(), ..rules() }
}

#[test]
fn an_issuer_and_a_subject_claim_are_needed() {
    assert_eq!(rules().check(), Ok(()));
    assert_eq!(refused(Rules { issuer: String::new(), ..rules() }), RulesError::EmptyIssuer);
    assert_eq!(refused(Rules { subject_claim: String::new(), ..rules() }), RulesError::EmptySubjectClaim);
}

#[test]
fn tokens_for_everybody_are_not_accepted() {
    assert_eq!(refused(Rules { audiences: Some(Vec::new()), ..rules() }), RulesError::NoAudience);
    let empty = Some(vec!["api".to_owned(), String::new()]);
    assert_eq!(refused(Rules { audiences: empty, ..rules() }), RulesError::EmptyAudience);
    assert_eq!(refused(Rules { audiences: None, ..rules() }), RulesError::AnyAudience);
    assert_eq!(Rules { audiences: None, ..requiring(json!({"azp": ["a"]})) }.check(), Ok(()));
    let both = Rules { audiences: Some(Vec::new()), ..requiring(json!({"azp": ["a"]})) };
    assert_eq!(refused(both), RulesError::NoAudience);
}

#[test]
fn a_required_claim_says_something() {
    for value in [json!("a"), json!(["a"]), json!(true), json!(false), json!(1), json!({"a": 1})] {
        assert_eq!(requiring(json!({"x": value})).check(), Ok(()));
    }
    for value in [json!(null), json!([]), json!([1]), json!(["a", null]), json!([["a"]])] {
        assert_eq!(refused(requiring(json!({"x": value}))), RulesError::VagueRequiredClaim("x".to_owned()));
    }
    assert_eq!(refused(requiring(json!({"": "a"}))), RulesError::VagueRequiredClaim(String::new()));
}

#[test]
fn the_leeway_is_at_most_five_minutes() {
    for leeway_seconds in [0, 30, 300] {
        assert_eq!(Rules { leeway_seconds, ..rules() }.check(), Ok(()));
    }
    for leeway_seconds in [-1, 301, i64::MIN, i64::MAX] {
        assert_eq!(refused(Rules { leeway_seconds, ..rules() }), RulesError::LeewayOutOfRange);
    }
}

#[test]
fn messages_are_in_the_style_of_postgres() {
    for error in [
        RulesError::EmptyIssuer,
        RulesError::NoAudience,
        RulesError::EmptyAudience,
        RulesError::AnyAudience,
        RulesError::EmptySubjectClaim,
        RulesError::VagueRequiredClaim("azp".to_owned()),
        RulesError::LeewayOutOfRange,
    ] {
        let message = error.to_string();
        assert!(message.starts_with(char::is_lowercase) && !message.ends_with('.'), "{message}");
        assert!(error.hint().starts_with(char::is_uppercase) && error.hint().ends_with('.'), "{}", error.hint());
    }
}
