//! The compact serialisation (RFC 7515 section 7.1) and its header.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::refusal::{Reason, Refusal, quoted};
use super::{base64url, json};

/// A token that is well formed, and of which nothing is to be believed yet: anybody can write one.
///
/// What it offers is what is needed to look for the keys, and nothing else.
pub struct Unverified<'a> {
    signing_input: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    payload: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    /// The issuer the token claims to be from, where `iss` is a string.
    pub fn issuer(&self) -> Option<&str> {
        self.payload.get("iss").and_then(Value::as_str)
    }

    /// The key the token claims to be signed with. To be compared, never to be used as a path, a query or a name.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm the token claims to be signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The text that is signed: header, dot, payload, as sent.
    pub(super) fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The claims, not to be believed before the signature is checked.
    pub(super) fn payload(&self) -> &Map<String, Value> {
        &self.payload
    }
}

/// Reads a token as a JWS in compact serialisation whose payload is a JSON object.
///
/// # Errors
/// A [`Refusal`] for anything that is not strictly that. Its detail holds nothing of a text that is not a token.
pub fn parse(token: &str) -> Result<Unverified<'_>, Refusal> {
    let envelope = open(token)?;
    Ok(Unverified {
        payload: object(&envelope.payload, "payload")?,
        signing_input: envelope.signing_input,
        signature: envelope.signature,
        algorithm: envelope.header.algorithm,
        kid: envelope.header.kid,
    })
}

/// A JWS, whatever its payload.
pub(super) struct Envelope<'a> {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) signing_input: &'a str,
}

/// What a header says that matters here.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

/// Takes a compact serialisation apart.
pub(super) fn open(token: &str) -> Result<Envelope<'_>, Refusal> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("longer than {MAX_TOKEN_BYTES} bytes")));
    }
    let not_three = || malformed("not three segments separated by dots");
    let (signing_input, signature) = token.rsplit_once('.').ok_or_else(not_three)?;
    let (header, payload) = signing_input.split_once('.').ok_or_else(not_three)?;
    if payload.contains('.') {
        return Err(not_three());
    }
    if header.is_empty() || payload.is_empty() || signature.is_empty() {
        return Err(malformed("a segment is empty"));
    }
    Ok(Envelope {
        header: read_header(&object(&decode(header, "header")?, "header")?)?,
        payload: decode(payload, "payload")?,
        signature: decode(signature, "signature")?,
        signing_input,
    })
}

fn decode(segment: &str, name: &str) -> Result<Vec<u8>, Refusal> {
    base64url::decode(segment).ok_or_else(|| malformed(format!("the {name} is not canonical base64url")))
}

fn object(text: &[u8], name: &str) -> Result<Map<String, Value>, Refusal> {
    match json::parse(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(malformed(format!("the {name} is not a JSON object"))),
        Err(error) => Err(malformed(format!("the {name} is not strict JSON: {error}"))),
    }
}

fn read_header(members: &Map<String, Value>) -> Result<Header, Refusal> {
    if let Some(name) = FORBIDDEN_MEMBERS.into_iter().find(|name| members.contains_key(*name)) {
        return Err(Refusal::new(Reason::ForbiddenHeader, format!("the header has the member {name}")));
    }
    let algorithm = read_algorithm(members.get("alg"))?;
    check_type(members.get("typ"))?;
    let kid = match members.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(malformed("the header member kid is not a string")),
    };
    Ok(Header { algorithm, kid })
}

fn read_algorithm(member: Option<&Value>) -> Result<Algorithm, Refusal> {
    let refused = |detail| Refusal::new(Reason::UnsupportedAlgorithm, detail);
    match member {
        Some(Value::String(name)) => {
            name.parse().map_err(|_| refused(format!("the algorithm {} is not supported", quoted(name))))
        }
        Some(_) => Err(refused("the header member alg is not a string".to_owned())),
        None => Err(refused("the header has no alg".to_owned())),
    }
}

/// A token says what it is (RFC 8725 section 3.11): a logout token or a DPoP proof of the same issuer, signed with the
/// same key, is no access token. Compared as media types are, without regard to case (RFC 7515 section 4.1.9).
fn check_type(member: Option<&Value>) -> Result<(), Refusal> {
    let refused = |detail| Err(Refusal::new(Reason::UnsupportedType, detail));
    match member {
        None => Ok(()),
        Some(Value::String(name)) if ACCEPTED_TYPES.iter().any(|accepted| accepted.eq_ignore_ascii_case(name)) => {
            Ok(())
        }
        Some(Value::String(name)) => refused(format!("the type {} is not that of an access token", quoted(name))),
        Some(_) => refused("the header member typ is not a string".to_owned()),
    }
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

/// Real tokens have a few kilobytes; a reader that takes more does an attacker's work.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Members that bring their own key (`jwk`, `jku`, `x5u`, `x5c`), that demand an extension (`crit`), or that change what
/// the payload is (`b64`, RFC 7797; `zip`, RFC 7516). `x5t` and `x5t#S256` only name a certificate and are ignored.
const FORBIDDEN_MEMBERS: [&str; 7] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"];

/// RFC 7519 section 5.1; RFC 9068 section 2.1, with and without the `application/` that may be left out.
const ACCEPTED_TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];
