//! Key pairs of our own, and access tokens signed with them (EdDSA on Ed25519, RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature::{ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};

use super::base64url;

/// A new key pair: what is kept, and what is published.
pub struct SigningKey {
    /// The thumbprint of the public key (RFC 7638), so that no two keys ever have one name.
    pub kid: String,
    /// PKCS #8. The secret.
    pub private_key: Vec<u8>,
    /// The public half as JWK.
    pub jwk: Value,
}

impl SigningKey {
    /// Makes a key pair.
    ///
    /// # Errors
    /// Where the source of randomness fails.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        // The seed is all there is to an Ed25519 key (RFC 8032 section 5.1.5).
        let mut seed = [0; SEED_BYTES];
        random.fill(&mut seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Unspecified)?;
        let x = base64url::encode(&public_key(&pair)?);
        // Members in the order of their names and no white space: RFC 7638 section 3.
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = base64url::encode(digest(&SHA256, canonical.as_bytes()).as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig" });
        Ok(Self { kid, private_key: pair.to_pkcs8()?.as_ref().to_vec(), jwk })
    }
}

/// A compact JWS of these claims (RFC 7515 section 7.1), of the type of an access token (RFC 9068).
///
/// # Errors
/// Where the private key is none.
pub fn sign(kid: &str, private_key: &[u8], claims: Map<String, Value>) -> Result<String, Unspecified> {
    let pair = Ed25519KeyPair::from_pkcs8(private_key).map_err(|_| Unspecified)?;
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid });
    let segment = |value: Value| base64url::encode(value.to_string().as_bytes());
    let signing_input = format!("{}.{}", segment(header), segment(Value::Object(claims)));
    let signature = pair.sign(signing_input.as_bytes());
    Ok(format!("{signing_input}.{}", base64url::encode(signature.as_ref())))
}

fn public_key(pair: &Ed25519KeyPair) -> Result<[u8; ED25519_PUBLIC_KEY_LEN], Unspecified> {
    pair.public_key().as_ref().try_into().map_err(|_| Unspecified)
}

const SEED_BYTES: usize = 32;
