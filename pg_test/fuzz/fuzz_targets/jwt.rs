//! Arbitrary text as a token, as a key set, and as the signed content of a token.
#![no_main]

use std::sync::{Arc, LazyLock};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

#[allow(dead_code, unused_imports)]
#[path = "../../../src/jwt/mod.rs"]
mod jwt;

use jwt::{KeySet, Rules, explain, parse, verify};

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, text)) => key_set(&String::from_utf8_lossy(text)),
        Some((1, payload)) => token(&signed(br#"{"alg":"HS256","kid":"fuzz"}"#, payload)),
        Some((2, header)) => token(&signed(header, VALID_CLAIMS)),
        _ => token(&String::from_utf8_lossy(data)),
    }
});

fn key_set(text: &str) {
    match KeySet::parse(text, None) {
        Ok(parsed) => {
            assert!(!parsed.keys.keys().is_empty());
            assert!(
                parsed
                    .keys
                    .keys()
                    .iter()
                    .all(|key| !key.algorithms().is_empty())
            );
        }
        Err(error) => assert!(error.to_string().len() < 4096),
    }
}

fn token(token: &str) {
    let verified = parse(token).and_then(|token| verify(&token, &KEYS, &RULES, NOW));
    let checks = explain(token, NOW, &|issuer| {
        (issuer == RULES.issuer).then(|| (KEYS.clone(), RULES.clone()))
    });
    // An issuer that is not trusted is the one thing that `verify` finds at another step.
    assert_eq!(verified.is_ok(), checks.iter().all(|check| check.passed));
    match verified {
        Ok(claims) => {
            let payload = token
                .split('.')
                .nth(1)
                .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
            let read: Value =
                serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or_default();
            assert_eq!(&Value::Object(claims.json().clone()), &read);
            assert!((1..=255).contains(&claims.subject().len()));
            assert!(claims.expires_at() + RULES.leeway_seconds > NOW);
        }
        Err(refusal) => assert!(refusal.to_string().len() < 2048),
    }
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

static KEYS: LazyLock<Arc<KeySet>> = LazyLock::new(|| {
    let k = URL_SAFE_NO_PAD.encode(SECRET);
    let jwks = format!(r#"{{"keys":[{{"kty":"oct","alg":"HS256","kid":"fuzz","k":"{k}"}}]}}"#);
    match KeySet::parse(&jwks, None) {
        Ok(parsed) => Arc::new(parsed.keys),
        Err(error) => panic!("{error}"),
    }
});

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    issuer: "https://id.example.com".to_owned(),
    audiences: Some(vec!["api".to_owned()]),
    subject_claim: "sub".to_owned(),
    required_claims: Map::new(),
    leeway_seconds: 30,
});

const NOW: i64 = 1_700_000_000;
const SECRET: &[u8; 32] = b"no secret, only the fuzzer's own";
const VALID_CLAIMS: &[u8] =
    br#"{"iss":"https://id.example.com","aud":"api","sub":"alice","iat":1700000000,"exp":1700000600}"#;
