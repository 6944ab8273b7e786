//! Which key a token is checked with.

use serde_json::{Value, json};

use super::super::{Algorithm, KeySet};
use super::support::*;

fn token(algorithm: Algorithm, kid: Option<&str>) -> String {
    let header = match kid {
        Some(kid) => json!({"alg": algorithm.name(), "kid": kid}),
        None => json!({"alg": algorithm.name()}),
    };
    token_of(algorithm, header.to_string(), claims_with(json!({})).to_string())
}

fn key(algorithm: Algorithm, kid: &str) -> Value {
    with(KEYS.jwk(algorithm), json!({"alg": algorithm.name(), "kid": kid}))
}

/// Another key pair's public half, with which none of our tokens verifies.
fn foreign_ed(kid: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn every_algorithm_verifies_with_its_own_key() {
    for algorithm in Algorithm::ALL {
        let keys = key_set(&[key(algorithm, "k")]);
        assert!(check(&token(algorithm, Some("k")), &keys, &rules()).is_ok(), "{algorithm}");
    }
}

#[test]
fn no_algorithm_verifies_with_a_key_of_another() {
    for of_key in Algorithm::ALL {
        let keys = key_set(&[key(of_key, "k")]);
        for of_token in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != of_key) {
            assert_refused(check(&token(of_token, Some("k")), &keys, &rules()), "algorithm_not_allowed");
            assert_refused(check(&token(of_token, None), &keys, &rules()), "no_matching_key");
        }
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    let public = KEYS.jwk(Algorithm::RS256);
    let keys = key_set(&[with(public.clone(), json!({"kid": "k"}))]);
    let input =
        format!("{}.{}", base64url(r#"{"alg":"HS256","kid":"k"}"#), base64url(claims_with(json!({})).to_string()));
    // Whatever form of the public key the attacker takes for the secret.
    for secret in [public.to_string(), public["n"].as_str().unwrap().to_owned()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let forged = format!("{input}.{}", base64url(aws_lc_rs::hmac::sign(&key, input.as_bytes())));
        assert_refused(check(&forged, &keys, &rules()), "algorithm_not_allowed");
    }
}

#[test]
fn a_set_of_all_types_binds_each_key_to_its_own_algorithms() {
    let keys = key_set(&[
        key(Algorithm::HS256, "hs"),
        key(Algorithm::RS256, "rs"),
        key(Algorithm::PS256, "ps"),
        key(Algorithm::ES256, "es"),
        key(Algorithm::EdDSA, "ed"),
    ]);
    let kids = [
        (Algorithm::HS256, "hs"),
        (Algorithm::RS256, "rs"),
        (Algorithm::PS256, "ps"),
        (Algorithm::ES256, "es"),
        (Algorithm::EdDSA, "ed"),
    ];
    for (algorithm, own) in kids {
        for (_, kid) in kids {
            let result = check(&token(algorithm, Some(kid)), &keys, &rules());
            if kid == own {
                assert!(result.is_ok());
            } else {
                assert_refused(result, "algorithm_not_allowed");
            }
        }
        assert!(check(&token(algorithm, None), &keys, &rules()).is_ok(), "the only key for {algorithm}");
    }
}

#[test]
fn a_kid_must_be_known() {
    let keys = ed_keys();
    assert!(check(&token(Algorithm::EdDSA, Some("ed")), &keys, &rules()).is_ok());
    for kid in [
        "",
        "Ed",
        "ed ",
        " ed",
        "e",
        "edd",
        "ed\u{1}",
        "../../../dev/null",
        "' OR '1'='1",
        "\"ed\"",
        "ed\n",
        "/etc/passwd",
        "https://mallory.example/jwks.json",
    ] {
        assert_refused(check(&token(Algorithm::EdDSA, Some(kid)), &keys, &rules()), "unknown_kid");
    }
    assert_refused(check(&token(Algorithm::EdDSA, Some("ed\0")), &keys, &rules()), "malformed");
    let long = "k".repeat(10_000);
    let refusal = check(&token(Algorithm::EdDSA, Some(&long)), &keys, &rules()).unwrap_err();
    assert!(refusal.to_string().len() < 300, "a token must not flood the log");
}

#[test]
fn a_strange_kid_is_compared_like_any_other() {
    for kid in ["' OR '1'='1", "../x", "a\u{1}b", "\"", "é", " "] {
        let keys = key_set(&[key(Algorithm::EdDSA, kid)]);
        assert!(check(&token(Algorithm::EdDSA, Some(kid)), &keys, &rules()).is_ok(), "{kid:?}");
    }
}

#[test]
fn without_kid_one_key_must_fit() {
    let alone = ed_keys();
    assert!(check(&token(Algorithm::EdDSA, None), &alone, &rules()).is_ok());
    let two = key_set(&[key(Algorithm::EdDSA, "ed"), foreign_ed("other")]);
    assert_refused(check(&token(Algorithm::EdDSA, None), &two, &rules()), "ambiguous_key");
    assert!(check(&token(Algorithm::EdDSA, Some("ed")), &two, &rules()).is_ok());
    assert_refused(check(&token(Algorithm::ES256, None), &two, &rules()), "no_matching_key");
}

#[test]
fn a_kid_is_not_a_hint_to_try_the_other_keys() {
    let keys = key_set(&[key(Algorithm::EdDSA, "ed"), foreign_ed("other")]);
    assert_refused(check(&token(Algorithm::EdDSA, Some("other")), &keys, &rules()), "bad_signature");
}

#[test]
fn a_key_without_kid_is_not_found_by_kid() {
    let keys = key_set(&[KEYS.jwk(Algorithm::EdDSA)]);
    assert!(check(&token(Algorithm::EdDSA, None), &keys, &rules()).is_ok());
    assert_refused(check(&token(Algorithm::EdDSA, Some("ed")), &keys, &rules()), "unknown_kid");
}

#[test]
fn a_key_with_a_list_verifies_each_of_the_list() {
    let jwks = json!({"keys": [with(KEYS.jwk(Algorithm::RS256), json!({"kid": "k"}))]}).to_string();
    let keys = KeySet::parse(&jwks, Some(&[Algorithm::RS256, Algorithm::PS512])).unwrap().keys;
    assert!(check(&token(Algorithm::RS256, Some("k")), &keys, &rules()).is_ok());
    assert!(check(&token(Algorithm::PS512, Some("k")), &keys, &rules()).is_ok());
    assert_refused(check(&token(Algorithm::RS512, Some("k")), &keys, &rules()), "algorithm_not_allowed");
}
