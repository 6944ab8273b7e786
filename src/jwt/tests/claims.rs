//! The subject and the other claims that are read.

use serde_json::{Value, json};

use super::super::{Claims, Refusal, Rules};
use super::support::*;

fn claims(changes: Value) -> Result<Claims, Refusal> {
    check_claims(changes, &rules())
}

/// Null as a value, where `claims_with` would leave the claim out.
fn null(name: &str) -> Result<Claims, Refusal> {
    let payload = with(claims_with(json!({})), json!({name: null})).to_string();
    check(&ed_token(payload), &ed_keys(), &rules())
}

#[test]
fn the_subject_is_a_short_plain_string() {
    for sub in ["alice", "auth0|5f7c8ec7c33c6c004bbafe82", "é", " ", "x", &"x".repeat(255)] {
        assert_eq!(claims(json!({"sub": sub})).unwrap().subject(), sub);
    }
    for sub in ["", "a\u{1}", "a\nb", "\u{7f}", "\u{85}", &"x".repeat(256), &"é".repeat(128)] {
        assert_refused(claims(json!({"sub": sub})), "invalid_claim");
    }
    for sub in [json!(7), json!(true), json!(["alice"]), json!({"id": "alice"})] {
        assert_refused(claims(json!({"sub": sub})), "invalid_claim");
    }
    assert_refused(null("sub"), "invalid_claim");
    assert_refused(claims(json!({"sub": null})), "missing_claim");
}

#[test]
fn another_claim_may_name_the_subject() {
    let rules = Rules { subject_claim: "user_id".to_owned(), ..rules() };
    let token = json!({"user_id": "42", "sub": "alice"});
    assert_eq!(check_claims(token, &rules).unwrap().subject(), "42");
    assert_refused(check_claims(json!({"sub": "alice"}), &rules), "missing_claim");
}

#[test]
fn a_claim_of_the_issuers_own_may_name_the_subject_by_a_whole_number() {
    let rules = Rules { subject_claim: "user_id".to_owned(), ..rules() };
    for number in [json!(0), json!(42), json!(u64::MAX)] {
        assert_eq!(check_claims(json!({"user_id": number}), &rules).unwrap().subject(), number.to_string());
    }
    for text in ["42.0", "4.2e1", "-42", "-0", "18446744073709551616"] {
        let number: Value = serde_json::from_str(text).unwrap();
        assert_refused(check_claims(json!({"user_id": number}), &rules), "invalid_claim");
    }
}

#[test]
fn ids_are_strings_or_absent() {
    let read = claims(json!({"jti": "j", "session_id": "s", "tenant_id": "t"})).unwrap();
    assert_eq!((read.jti(), read.session_id(), read.tenant_id()), (Some("j"), Some("s"), Some("t")));
    let read = claims(json!({})).unwrap();
    assert_eq!((read.jti(), read.session_id(), read.tenant_id()), (None, None, None));
    for value in [json!(7), json!(""), json!(["x"]), json!("a\nb"), json!("x".repeat(256))] {
        assert_refused(claims(json!({"jti": value.clone()})), "invalid_claim");
        for name in ["session_id", "sid", "tenant_id"] {
            let read = claims(json!({name: value.clone()})).unwrap();
            assert_eq!((read.session_id(), read.tenant_id()), (None, None), "{name}: what is no name names nothing");
            assert_eq!(null(name).unwrap().session_id(), None);
        }
    }
    assert_refused(null("jti"), "invalid_claim");
}

#[test]
fn the_session_is_session_id_before_sid() {
    assert_eq!(claims(json!({"sid": "b"})).unwrap().session_id(), Some("b"));
    assert_eq!(claims(json!({"sid": "b", "session_id": "a"})).unwrap().session_id(), Some("a"));
}

#[test]
fn scopes_come_in_four_shapes() {
    for (changes, expected) in [
        (json!({"scope": "read write"}), vec!["read", "write"]),
        (json!({"scope": ["read", "write"]}), vec!["read", "write"]),
        (json!({"scp": "User.Read offline_access"}), vec!["User.Read", "offline_access"]),
        (json!({"scp": ["a:b", "https://example.com/x"]}), vec!["a:b", "https://example.com/x"]),
        (json!({"scope": "read", "scp": "write"}), vec!["read"]),
        (json!({"scope": "", "scp": "write"}), vec![]),
        (json!({"scope": ""}), vec![]),
        (json!({"scope": []}), vec![]),
        (json!({}), vec![]),
    ] {
        assert_eq!(claims(changes).unwrap().scopes(), expected);
    }
}

#[test]
fn what_is_not_a_scope_is_refused() {
    for name in ["scope", "scp"] {
        for value in [
            json!(7),
            json!(true),
            json!({}),
            json!(["read", 7]),
            json!(["read write"]),
            json!([""]),
            json!("a\tb"),
            json!("a\nb"),
            json!("a\"b"),
            json!("a\\b"),
            json!("é"),
            json!("a\u{1}"),
            json!("a\u{a0}b"),
        ] {
            assert_refused(claims(json!({name: value})), "invalid_claim");
        }
        assert_refused(null(name), "invalid_claim");
    }
}

#[test]
fn the_actor_is_the_outermost() {
    assert_eq!(claims(json!({})).unwrap().actor(), None);
    let chain = json!({"sub": "agent", "act": {"sub": "earlier"}});
    assert_eq!(claims(json!({"act": chain})).unwrap().actor(), Some("agent"));
}

#[test]
fn an_actor_chain_is_at_most_sixteen_deep() {
    let chain = |depth: usize| {
        (1..depth).fold(json!({"sub": "a0"}), |inner, at| json!({"sub": format!("a{at}"), "act": inner}))
    };
    assert_eq!(claims(json!({"act": chain(16)})).unwrap().actor(), Some("a15"));
    assert_refused(claims(json!({"act": chain(17)})), "invalid_claim");
    assert_refused(claims(json!({"act": chain(30)})), "invalid_claim");
    assert_refused(claims(json!({"act": chain(100)})), "malformed");
}

#[test]
fn every_actor_says_who_it_is() {
    for act in [
        json!("agent"),
        json!(7),
        json!([]),
        json!({"sub": 7}),
        json!({"sub": ""}),
        json!({"sub": "a\n"}),
        json!({"sub": "a", "act": 7}),
        json!({"sub": "a", "act": null}),
    ] {
        assert_refused(claims(json!({"act": act})), "invalid_claim");
    }
    for act in [json!({}), json!({"client_id": "x"}), json!({"sub": "a", "act": {}})] {
        assert_refused(claims(json!({"act": act})), "missing_claim");
    }
    assert_refused(null("act"), "invalid_claim");
}

#[test]
fn unknown_claims_are_kept() {
    let read = claims(json!({"email": "a@example.com", "n": {"deep": [1, 2.50]}})).unwrap();
    assert_eq!(read.get("email"), Some(&json!("a@example.com")));
    assert_eq!(read.json().len(), 7);
    assert_eq!(read.get("absent"), None);
    let kept = check_raw(r#""n":1.10000000000000000000000000001"#).unwrap();
    assert_eq!(kept.get("n").unwrap().to_string(), "1.10000000000000000000000000001");
}

#[test]
fn claims_are_read_only_after_the_signature() {
    let good = ed_token(claims_with(json!({})).to_string());
    let nonsense = ed_token(r#"{"exp":"never"}"#);
    let signature = good.rsplit_once('.').unwrap().1;
    let forged = format!("{}.{signature}", nonsense.rsplit_once('.').unwrap().0);
    assert_refused(check(&forged, &ed_keys(), &rules()), "bad_signature");
    assert_refused(check(&nonsense, &ed_keys(), &rules()), "invalid_claim");
}
