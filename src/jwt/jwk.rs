//! One JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2): usable, skipped, or wrong.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Family};
use super::base64url;
use super::keys::{Key, SkippedKey};
use super::refusal::quoted;
use super::weak_keys::{has_roca_fingerprint, is_small_order_or_not_canonical};

/// What a key is good for.
pub(super) enum Outcome {
    Usable(Key),
    Skipped(SkippedKey),
}

/// Reads one member of a set's `keys`. With a fault comes the `kid` of the key that has it.
pub(super) fn read(jwk: Value, allowed: Option<&[Algorithm]>) -> Result<Outcome, (Option<String>, KeyFault)> {
    let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
    match judge(&jwk, allowed) {
        Ok((algorithms, material)) => Ok(Outcome::Usable(Key { kid, algorithms, jwk, material })),
        Err(Problem::Skip(reason)) => Ok(Outcome::Skipped(SkippedKey { kid, reason })),
        Err(Problem::Fault(fault)) => Err((kid, fault)),
    }
}

/// Why a key is not used: it is for something else, or it is wrong.
enum Problem {
    Skip(String),
    Fault(KeyFault),
}

impl From<KeyFault> for Problem {
    fn from(fault: KeyFault) -> Self {
        Problem::Fault(fault)
    }
}

/// The checks that concern every key come first, a private key before all: also one that would be skipped has been
/// given away.
fn judge(jwk: &Value, allowed: Option<&[Algorithm]>) -> Result<(Vec<Algorithm>, DecodingKey), Problem> {
    let Value::Object(members) = jwk else {
        return Err(KeyFault::Malformed("it is not a JSON object").into());
    };
    let kty = text(members, "kty")?.ok_or(KeyFault::Malformed("it has no kty"))?;
    refuse_private(members, kty)?;
    if text(members, "kid")? == Some("") {
        return Err(KeyFault::Malformed("its kid is empty").into());
    }
    skip_other_purposes(members)?;
    let stated = stated_algorithm(members)?;
    let family = family(members, kty)?;
    let algorithms = bind(family, stated, allowed)?;
    let material = material(members, family, &algorithms)?;
    Ok((algorithms, material))
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. The member `k` is what an HMAC key consists of.
fn refuse_private(members: &Map<String, Value>, kty: &str) -> Result<(), KeyFault> {
    let is_private = PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name));
    let has_secret = kty != "oct" && members.contains_key("k");
    if is_private || has_secret { Err(KeyFault::Private) } else { Ok(()) }
}

/// RFC 7517 sections 4.2 and 4.3.
fn skip_other_purposes(members: &Map<String, Value>) -> Result<(), Problem> {
    match text(members, "use")? {
        None | Some("sig") => {}
        Some(other) => {
            return Err(Problem::Skip(format!("its use is {}, not sig", quoted(other))));
        }
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(Problem::Skip("its key_ops do not include verify".to_owned())),
        Some(_) => Err(KeyFault::Malformed("its key_ops is not an array").into()),
    }
}

fn stated_algorithm(members: &Map<String, Value>) -> Result<Option<Algorithm>, Problem> {
    match text(members, "alg")? {
        None => Ok(None),
        Some(name) => match name.parse() {
            Ok(algorithm) => Ok(Some(algorithm)),
            Err(_) => Err(Problem::Skip(format!("its algorithm {} is not supported", quoted(name)))),
        },
    }
}

fn family(members: &Map<String, Value>, kty: &str) -> Result<Family, Problem> {
    match kty {
        "oct" => Ok(Family::Hmac),
        "RSA" => Ok(Family::Rsa),
        "EC" | "OKP" => {
            let curve = text(members, "crv")?.ok_or(KeyFault::Malformed("it has no crv"))?;
            match (kty, curve) {
                ("EC", "P-256") => Ok(Family::P256),
                ("EC", "P-384") => Ok(Family::P384),
                ("OKP", "Ed25519") => Ok(Family::Ed25519),
                _ => Err(Problem::Skip(format!("its curve {} is not supported", quoted(curve)))),
            }
        }
        _ => Err(Problem::Skip(format!("its type {} is not supported", quoted(kty)))),
    }
}

/// The algorithms a key of this family may verify. Never empty, never of another family.
fn bind(family: Family, stated: Option<Algorithm>, allowed: Option<&[Algorithm]>) -> Result<Vec<Algorithm>, Problem> {
    if let Some(algorithm) = stated {
        if algorithm.family() != family {
            return Err(KeyFault::AlgorithmMismatch(algorithm).into());
        }
        return match allowed {
            Some(list) if !list.contains(&algorithm) => {
                Err(Problem::Skip(format!("its algorithm {algorithm} is not in the issuer's list")))
            }
            _ => Ok(vec![algorithm]),
        };
    }
    let Some(list) = allowed else {
        return Ok(vec![default_algorithm(family)?]);
    };
    let fitting: Vec<Algorithm> = list.iter().copied().filter(|algorithm| algorithm.family() == family).collect();
    if fitting.is_empty() {
        return Err(Problem::Skip("no algorithm of the issuer's list fits its type".to_owned()));
    }
    Ok(fitting)
}

/// What a key without `alg` is for where nobody said. RS256 is what OpenID Connect Core section 15.1 requires of every
/// issuer; an HMAC key gives no indication at all.
fn default_algorithm(family: Family) -> Result<Algorithm, KeyFault> {
    match family {
        Family::Rsa => Ok(Algorithm::RS256),
        Family::P256 => Ok(Algorithm::ES256),
        Family::P384 => Ok(Algorithm::ES384),
        Family::Ed25519 => Ok(Algorithm::EdDSA),
        Family::Hmac => Err(KeyFault::NoAlgorithm),
    }
}

fn material(members: &Map<String, Value>, family: Family, algorithms: &[Algorithm]) -> Result<DecodingKey, KeyFault> {
    match family {
        Family::Hmac => hmac(members, algorithms),
        Family::Rsa => rsa(members),
        Family::P256 => elliptic(members, 32, &ECDSA_P256_SHA256_FIXED),
        Family::P384 => elliptic(members, 48, &ECDSA_P384_SHA384_FIXED),
        Family::Ed25519 => ed25519(members),
    }
}

/// RFC 7518 section 3.2: a key as long as the hash or longer, for every algorithm it is used with.
fn hmac(members: &Map<String, Value>, algorithms: &[Algorithm]) -> Result<DecodingKey, KeyFault> {
    let secret = bytes(members, "k")?;
    let needed = algorithms.iter().map(|algorithm| match algorithm {
        Algorithm::HS512 => 64,
        Algorithm::HS384 => 48,
        _ => 32,
    });
    if needed.max().is_none_or(|needed| secret.len() < needed) {
        return Err(KeyFault::Weak("its secret is shorter than the hash of its algorithm"));
    }
    Ok(DecodingKey::from_secret(&secret))
}

/// RFC 7518 section 6.3.1: big-endian integers without leading zeros; section 3.3: 2048 bits or more.
fn rsa(members: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    let (n, e) = (bytes(members, "n")?, bytes(members, "e")?);
    if n.first() == Some(&0) || e.first() == Some(&0) {
        return Err(KeyFault::Malformed("its n or e begins with a zero byte"));
    }
    let modulus_bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if modulus_bits < 2048 {
        return Err(KeyFault::Weak("its modulus is shorter than 2048 bits"));
    }
    if modulus_bits > 8192 {
        return Err(KeyFault::Malformed("its modulus is longer than 8192 bits"));
    }
    let is_even = |number: &[u8]| number.last().is_none_or(|last| last % 2 == 0);
    // An exponent of one makes every text its own signature; beyond 33 bits verification becomes a way to stall us.
    if is_even(&e) || e == [1] || e.len() > 5 || (e.len() == 5 && e[0] > 1) {
        return Err(KeyFault::Weak("its exponent is not an odd number from 3 to 2^33"));
    }
    if is_even(&n) || has_roca_fingerprint(&n) {
        return Err(KeyFault::Weak("its modulus can be factored"));
    }
    let components = RsaPublicKeyComponents { n: &n, e: &e };
    if components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_err() {
        return Err(KeyFault::Malformed("it is not an RSA public key"));
    }
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

/// RFC 7518 section 6.2.1: coordinates of full length, of a point that is on the curve.
fn elliptic(
    members: &Map<String, Value>,
    length: usize,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, KeyFault> {
    let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
    if x.len() != length || y.len() != length {
        return Err(KeyFault::Malformed("its x or y has the wrong length"));
    }
    let point = [&[UNCOMPRESSED_POINT], x.as_slice(), y.as_slice()].concat();
    if ParsedPublicKey::new(algorithm, &point).is_err() {
        return Err(KeyFault::Malformed("its x and y are not a point of its curve"));
    }
    Ok(DecodingKey::from_ec_der(&point))
}

/// RFC 8037 section 2. With a key of small order anybody can write signatures that are good for any text.
fn ed25519(members: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    let x = <[u8; 32]>::try_from(bytes(members, "x")?).map_err(|_| KeyFault::Malformed("its x is not 32 bytes"))?;
    if is_small_order_or_not_canonical(&x) {
        return Err(KeyFault::Weak("its x is of small order or not canonical"));
    }
    Ok(DecodingKey::from_ed_der(&x))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, KeyFault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFault::Malformed("a member that must be a string is not")),
    }
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyFault> {
    let encoded = text(members, name)?.ok_or(KeyFault::Malformed("a member of its type is missing"))?;
    let bytes = base64url::decode(encoded).ok_or(KeyFault::Malformed("a member is not canonical base64url"))?;
    Ok(bytes)
}

/// What is wrong with a key. Texts only of ours: nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It holds a private key.
    Private,
    /// It does not have the form its type prescribes.
    Malformed(&'static str),
    /// It does not protect anything.
    Weak(&'static str),
    /// Its `alg` is for keys of another type.
    AlgorithmMismatch(Algorithm),
    /// An HMAC key of which nobody said what it is for.
    NoAlgorithm,
}

impl KeyFault {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            KeyFault::Private => {
                "Give public keys only, and replace this key pair: it must be taken as known to others."
            }
            KeyFault::Malformed(_) => "Copy the key set from its issuer again, unchanged.",
            KeyFault::Weak(_) => {
                "Replace the key: RSA of 2048 to 8192 bits, an HMAC secret as long as the hash, or Ed25519."
            }
            KeyFault::AlgorithmMismatch(_) => "Correct the member alg of the key, or leave it out.",
            KeyFault::NoAlgorithm => "Add the member \"alg\" to the key, or give the issuer a list of algorithms.",
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::Private => f.write_str("it contains a private key"),
            KeyFault::Malformed(what) | KeyFault::Weak(what) => f.write_str(what),
            KeyFault::AlgorithmMismatch(algorithm) => {
                write!(f, "its algorithm {algorithm} does not fit its type")
            }
            KeyFault::NoAlgorithm => f.write_str("it is an HMAC key without algorithm"),
        }
    }
}

const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The first byte of a point given by both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED_POINT: u8 = 4;
