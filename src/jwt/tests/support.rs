//! Keys that sign, and tokens made with them.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::super::{Algorithm, Claims, KeySet, Refusal, Rules, parse, verify};

/// The present of all tests.
pub const NOW: i64 = 1_700_000_000;
pub const ISSUER: &str = "https://id.example.com/";

/// One key pair of each kind, made once for a run: an RSA key takes a while.
pub struct KeyPairs {
    pub rsa: RsaKeyPair,
    pub p256: EcdsaKeyPair,
    pub p384: EcdsaKeyPair,
    pub ed25519: Ed25519KeyPair,
    pub secret: Vec<u8>,
}

pub static KEYS: LazyLock<KeyPairs> = LazyLock::new(|| KeyPairs {
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
    ed25519: Ed25519KeyPair::generate().unwrap(),
    secret: (0..64).collect(),
});

impl KeyPairs {
    /// A signature over `message` by the key of that algorithm's kind.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        let hmac = |hash| hmac::sign(&hmac::Key::new(hash, &self.secret), message).as_ref().to_vec();
        match algorithm {
            Algorithm::HS256 => hmac(hmac::HMAC_SHA256),
            Algorithm::HS384 => hmac(hmac::HMAC_SHA384),
            Algorithm::HS512 => hmac(hmac::HMAC_SHA512),
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::PS256 => rsa(&RSA_PSS_SHA256),
            Algorithm::PS384 => rsa(&RSA_PSS_SHA384),
            Algorithm::PS512 => rsa(&RSA_PSS_SHA512),
            Algorithm::ES256 => self.p256.sign(&random, message).unwrap().as_ref().to_vec(),
            Algorithm::ES384 => self.p384.sign(&random, message).unwrap().as_ref().to_vec(),
            Algorithm::EdDSA => self.ed25519.sign(message).as_ref().to_vec(),
        }
    }

    /// The public half (the secret, for HMAC) as a JWK without `alg` and `kid`.
    pub fn jwk(&self, algorithm: Algorithm) -> Value {
        let elliptic = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at((point.len() - 1) / 2);
            json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
        };
        match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                json!({"kty": "oct", "k": base64url(&self.secret)})
            }
            Algorithm::ES256 => elliptic("P-256", self.p256.public_key().as_ref()),
            Algorithm::ES384 => elliptic("P-384", self.p384.public_key().as_ref()),
            Algorithm::EdDSA => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(self.ed25519.public_key().as_ref())})
            }
            _ => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
                json!({"kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e)})
            }
        }
    }
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A JWK with further members.
pub fn with(mut jwk: Value, members: Value) -> Value {
    let members = members.as_object().unwrap().clone();
    jwk.as_object_mut().unwrap().extend(members);
    jwk
}

pub fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(&json!({"keys": jwks}).to_string(), None).unwrap().keys
}

/// The Ed25519 key with kid "ed", which signs whatever a test is about something else than the key.
pub fn ed_keys() -> KeySet {
    key_set(&[with(KEYS.jwk(Algorithm::EdDSA), json!({"kid": "ed"}))])
}

/// A token of exactly these texts, signed.
pub fn token_of(algorithm: Algorithm, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature = KEYS.sign(algorithm, input.as_bytes());
    format!("{input}.{}", base64url(signature))
}

/// An EdDSA token with this payload and a header that nobody can object to.
pub fn ed_token(payload: impl AsRef<[u8]>) -> String {
    token_of(Algorithm::EdDSA, r#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#, payload)
}

/// Claims that meet [`rules`], with some changed; `null` leaves one out.
pub fn claims_with(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "api", "sub": "alice", "iat": NOW - 60, "exp": NOW + 600,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            _ => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

pub fn rules() -> Rules {
    Rules {
        issuer: ISSUER.to_owned(),
        audiences: Some(vec!["api".to_owned()]),
        subject_claim: "sub".to_owned(),
        required_claims: Map::new(),
        leeway_seconds: 30,
    }
}

pub fn check(token: &str, keys: &KeySet, rules: &Rules) -> Result<Claims, Refusal> {
    verify(&parse(token)?, keys, rules, NOW)
}

/// Verifies an EdDSA token of these claims under these rules.
pub fn check_claims(changes: Value, rules: &Rules) -> Result<Claims, Refusal> {
    check(&ed_token(claims_with(changes).to_string()), &ed_keys(), rules)
}

/// Verifies an EdDSA token with one more member, as text: for what `json!` cannot write.
pub fn check_raw(member: &str) -> Result<Claims, Refusal> {
    let claims = claims_with(json!({})).to_string();
    let payload = format!("{},{member}}}", claims.strip_suffix('}').unwrap());
    check(&ed_token(payload), &ed_keys(), &rules())
}

#[track_caller]
pub fn assert_refused<T>(result: Result<T, Refusal>, code: &str) {
    match result {
        Ok(_) => panic!("accepted, expected {code}"),
        Err(refusal) => assert_eq!(refusal.code(), code, "{refusal}"),
    }
}
