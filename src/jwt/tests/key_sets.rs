//! JWK Sets: what is used, what is skipped, what is refused.

use serde_json::{Value, json};

use super::super::{Algorithm, KeyFault, KeySet, KeySetError, ParsedKeySet};
use super::support::*;

fn parse(jwks: &[Value], allowed: Option<&[Algorithm]>) -> Result<ParsedKeySet, KeySetError> {
    KeySet::parse(&json!({"keys": jwks}).to_string(), allowed)
}

/// The algorithms the one key of the set is bound to.
fn bound(jwk: Value, allowed: Option<&[Algorithm]>) -> Vec<Algorithm> {
    let set = parse(&[jwk], allowed).unwrap().keys;
    assert_eq!(set.keys().len(), 1);
    set.keys()[0].algorithms().to_vec()
}

/// The fault of a key that fails its set.
#[track_caller]
fn fault(jwk: Value, allowed: Option<&[Algorithm]>) -> KeyFault {
    match parse(&[jwk], allowed).unwrap_err() {
        KeySetError::Key { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

/// The reason for which a key is skipped, beside one that is used.
#[track_caller]
fn skipped(jwk: Value, allowed: Option<&[Algorithm]>) -> String {
    let used = with(KEYS.jwk(Algorithm::EdDSA), json!({"kid": "used"}));
    let mut parsed = parse(&[jwk, used], allowed).unwrap();
    assert_eq!(parsed.keys.keys().len(), 1);
    assert_eq!(parsed.keys.keys()[0].kid(), Some("used"));
    assert_eq!(parsed.skipped.len(), 1);
    parsed.skipped.remove(0).reason
}

fn rsa() -> Value {
    KEYS.jwk(Algorithm::RS256)
}

fn secret(bytes: usize) -> Value {
    json!({"kty": "oct", "k": base64url(vec![7; bytes])})
}

#[test]
fn the_text_is_a_key_set() {
    let good = json!({"keys": [rsa()], "issuer": "ignored"}).to_string();
    assert!(KeySet::parse(&good, None).is_ok());
    let refused = |text: &str| KeySet::parse(text, None).unwrap_err();
    for text in ["", "x", "{", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"] {
        assert!(matches!(refused(text), KeySetError::NotJson(_)), "{text}");
    }
    for text in ["[]", "null", "\"x\"", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"issuer":"x","jwks_uri":"y"}"#]
    {
        assert_eq!(refused(text), KeySetError::NotAKeySet, "{text}");
    }
    assert_eq!(refused(&rsa().to_string()), KeySetError::BareKey);
    assert_eq!(refused(r#"{"keys":[]}"#), KeySetError::NoUsableKey(Vec::new()));
    let doubled = good.replacen("{\"", "{\"keys\":[],\"", 1);
    assert!(matches!(refused(&doubled), KeySetError::NotJson(_)));
    let member_doubled = good.replace("\"kty\":\"RSA\"", "\"kty\":\"RSA\",\"kty\":\"oct\"");
    assert_ne!(member_doubled, good);
    assert!(matches!(refused(&member_doubled), KeySetError::NotJson(_)));
}

#[test]
fn the_text_and_the_number_of_keys_are_bounded() {
    let text = json!({"keys": [rsa()]}).to_string();
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert!(KeySet::parse(&padded(256 * 1024), None).is_ok());
    assert_eq!(KeySet::parse(&padded(256 * 1024 + 1), None).unwrap_err(), KeySetError::TooLarge);
    let keys = |count: usize| -> Vec<Value> {
        (0..count).map(|kid| with(secret(32), json!({"alg": "HS256", "kid": kid.to_string()}))).collect()
    };
    assert_eq!(parse(&keys(100), None).unwrap().keys.keys().len(), 100);
    assert_eq!(parse(&keys(101), None).unwrap_err(), KeySetError::TooManyKeys);
}

#[test]
fn a_key_with_alg_is_bound_to_it() {
    for algorithm in Algorithm::ALL {
        let jwk = with(KEYS.jwk(algorithm), json!({"alg": algorithm.name()}));
        assert_eq!(bound(jwk.clone(), None), [algorithm]);
        assert_eq!(bound(jwk, Some(&Algorithm::ALL)), [algorithm]);
    }
}

#[test]
fn a_key_without_alg_gets_its_algorithms_from_type_and_list() {
    assert_eq!(bound(rsa(), None), [Algorithm::RS256]);
    assert_eq!(bound(KEYS.jwk(Algorithm::ES256), None), [Algorithm::ES256]);
    assert_eq!(bound(KEYS.jwk(Algorithm::ES384), None), [Algorithm::ES384]);
    assert_eq!(bound(KEYS.jwk(Algorithm::EdDSA), None), [Algorithm::EdDSA]);
    assert_eq!(fault(secret(64), None), KeyFault::NoAlgorithm);

    let list = [Algorithm::PS256, Algorithm::ES256, Algorithm::RS512, Algorithm::HS384];
    assert_eq!(bound(rsa(), Some(&list)), [Algorithm::PS256, Algorithm::RS512]);
    assert_eq!(bound(KEYS.jwk(Algorithm::ES256), Some(&list)), [Algorithm::ES256]);
    assert_eq!(bound(secret(64), Some(&list)), [Algorithm::HS384]);
}

#[test]
fn a_key_outside_the_list_is_skipped() {
    let list = [Algorithm::EdDSA];
    let stated = with(rsa(), json!({"alg": "RS256"}));
    assert!(skipped(stated, Some(&list)).contains("RS256 is not in the issuer's list"));
    assert!(skipped(rsa(), Some(&list)).contains("no algorithm of the issuer's list"));
    assert!(matches!(parse(&[rsa()], Some(&[])).unwrap_err(), KeySetError::NoUsableKey(_)));
}

#[test]
fn a_key_for_something_else_is_skipped() {
    for (members, reason) in [
        (json!({"use": "enc"}), "use"),
        (json!({"use": "SIG"}), "use"),
        (json!({"use": ""}), "use"),
        (json!({"key_ops": ["encrypt"]}), "key_ops"),
        (json!({"key_ops": []}), "key_ops"),
        (json!({"alg": "RSA-OAEP"}), "algorithm"),
        (json!({"alg": "none"}), "algorithm"),
        (json!({"alg": "RS1"}), "algorithm"),
        (json!({"kty": "AKP"}), "type"),
        (json!({"kty": "rsa"}), "type"),
    ] {
        let reason_given = skipped(with(rsa(), members), None);
        assert!(reason_given.contains(reason), "{reason_given}");
    }
    for (kty, crv) in [("EC", "P-521"), ("EC", "secp256k1"), ("EC", "Ed25519"), ("OKP", "Ed448"), ("OKP", "X25519")] {
        let jwk = with(KEYS.jwk(Algorithm::ES256), json!({"kty": kty, "crv": crv}));
        assert!(skipped(jwk, None).contains("curve"));
    }
    for members in
        [json!({"use": "sig"}), json!({"key_ops": ["verify"]}), json!({"key_ops": ["sign", "verify"], "ext": true})]
    {
        assert_eq!(bound(with(rsa(), members), None), [Algorithm::RS256]);
    }
}

#[test]
fn a_set_with_nothing_usable_is_refused() {
    let error = parse(&[with(rsa(), json!({"use": "enc", "kid": "e"}))], None).unwrap_err();
    assert_eq!(error.to_string(), "key set has no usable key: its use is \"enc\", not sig");
    assert!(matches!(error, KeySetError::NoUsableKey(skipped) if skipped[0].kid.as_deref() == Some("e")));
}

#[test]
fn a_private_key_fails_the_set_even_where_it_would_be_skipped() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(fault(with(rsa(), json!({member: "AQAB"})), None), KeyFault::Private, "{member}");
        let unused = with(rsa(), json!({member: "AQAB", "use": "enc"}));
        assert_eq!(fault(unused, None), KeyFault::Private, "{member}");
    }
    let elliptic = with(KEYS.jwk(Algorithm::ES256), json!({"d": "AQAB"}));
    assert_eq!(fault(elliptic, None), KeyFault::Private);
    assert_eq!(bound(with(secret(32), json!({"alg": "HS256"})), None), [Algorithm::HS256]);
    assert_eq!(fault(with(secret(32), json!({"alg": "HS256", "d": "AQAB"})), None), KeyFault::Private);
}

#[test]
fn kids_are_unique_among_usable_keys_and_not_empty() {
    let named = |jwk: Value, kid: &str| with(jwk, json!({"kid": kid}));
    let (first, second) = (rsa(), KEYS.jwk(Algorithm::EdDSA));
    assert!(parse(&[named(first.clone(), "a"), named(second.clone(), "b")], None).is_ok());
    let error = parse(&[named(first.clone(), "a"), named(second.clone(), "a")], None).unwrap_err();
    assert_eq!(error, KeySetError::DuplicateKid("a".to_owned()));
    let unused = with(named(first.clone(), "a"), json!({"use": "enc"}));
    assert!(parse(&[unused, named(second.clone(), "a")], None).is_ok());
    assert!(parse(&[first.clone(), second], None).is_ok(), "two keys without kid");
    assert!(matches!(fault(named(first.clone(), ""), None), KeyFault::Malformed(_)));
    assert!(matches!(fault(with(first, json!({"kid": 7})), None), KeyFault::Malformed(_)));
}

#[test]
fn an_algorithm_must_fit_the_type() {
    for (jwk, alg) in [
        (rsa(), Algorithm::ES256),
        (rsa(), Algorithm::HS256),
        (secret(64), Algorithm::RS256),
        (KEYS.jwk(Algorithm::ES256), Algorithm::ES384),
        (KEYS.jwk(Algorithm::ES384), Algorithm::ES256),
        (KEYS.jwk(Algorithm::EdDSA), Algorithm::ES256),
    ] {
        assert_eq!(fault(with(jwk, json!({"alg": alg.name()})), None), KeyFault::AlgorithmMismatch(alg));
    }
}

#[test]
fn an_hmac_secret_is_as_long_as_the_hash() {
    for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let stated = |bytes| with(secret(bytes), json!({"alg": algorithm.name()}));
        assert_eq!(bound(stated(length), None), [algorithm]);
        assert!(matches!(fault(stated(length - 1), None), KeyFault::Weak(_)));
        assert!(matches!(fault(stated(0), None), KeyFault::Weak(_)));
    }
    let list = [Algorithm::HS256, Algorithm::HS512];
    assert!(matches!(fault(secret(32), Some(&list)), KeyFault::Weak(_)), "too short for one of the two");
}

#[test]
fn members_are_canonical_base64url_and_of_the_right_type() {
    for (name, value) in
        [("n", json!("AQ=")), ("n", json!("A+B/")), ("e", json!("AQAB\n")), ("e", json!(65537)), ("n", json!(null))]
    {
        assert!(matches!(fault(with(rsa(), json!({name: value})), None), KeyFault::Malformed(_)), "{name}");
    }
    for missing in ["n", "e", "kty"] {
        let mut jwk = rsa();
        jwk.as_object_mut().unwrap().remove(missing);
        assert!(matches!(fault(jwk, None), KeyFault::Malformed(_)), "{missing}");
    }
    for jwk in [json!(1), json!("x"), json!(null), json!([]), json!({}), json!({"kty": 1})] {
        assert!(matches!(fault(jwk, None), KeyFault::Malformed(_)));
    }
    for members in [json!({"use": 1}), json!({"alg": null}), json!({"key_ops": "verify"})] {
        assert!(matches!(fault(with(rsa(), members), None), KeyFault::Malformed(_)));
    }
}

#[test]
fn a_jwk_is_kept_as_given_and_never_shown() {
    let jwk = with(secret(32), json!({"alg": "HS256", "kid": "hs", "x-note": [1, "two"]}));
    let parsed = parse(std::slice::from_ref(&jwk), None).unwrap();
    assert_eq!(parsed.keys.keys()[0].jwk(), &jwk);
    let k = jwk["k"].as_str().unwrap();
    assert!(!format!("{parsed:?}").contains(k));
    let weak = with(jwk.clone(), json!({"alg": "HS512"}));
    let error = parse(&[weak], None).unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.hint()).contains(k));
    assert_eq!(error.to_string(), "key 1 of the set, kid \"hs\": its secret is shorter than the hash of its algorithm");
}

#[test]
fn a_key_set_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<KeySet>();
}
