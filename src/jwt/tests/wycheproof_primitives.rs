//! Wycheproof's attacks on the primitives, run against the function that checks a signature with a key of a key set.
//!
//! Every vector of a file is accounted for in its summary: accepted or refused as its authors say, refused although
//! they call it valid (because JOSE is stricter), or not run, with the reason and the number of each. The summaries are
//! compared with what is written here, so that neither a vector nor a refusal can go missing unnoticed.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use wycheproof::{HashFunction, TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use super::super::{Algorithm, Key, KeySet};
use super::support::base64url;

#[test]
fn ecdsa_on_p256() {
    let summary = elliptic(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Algorithm::ES256, "P-256");
    assert_eq!(summary, "173 accepted, 89 refused");
}

#[test]
fn ecdsa_on_p384() {
    let summary = elliptic(ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Algorithm::ES384, "P-384");
    assert_eq!(summary, "193 accepted, 87 refused");
}

fn elliptic(name: ecdsa::TestName, algorithm: Algorithm, curve: &str) -> String {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at((group.key.key.len() - 1) / 2);
        let jwk = json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)});
        let keys = key_set(jwk, algorithm).unwrap();
        for test in group.tests {
            tally.run(&keys.keys()[0], test.tc_id, test.result, &test.msg, &test.sig);
        }
    }
    tally.summary()
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&group.key.pk)});
        let keys = key_set(jwk, Algorithm::EdDSA).unwrap();
        for test in group.tests {
            tally.run(&keys.keys()[0], test.tc_id, test.result, &test.msg, &test.sig);
        }
    }
    assert_eq!(tally.summary(), "88 accepted, 63 refused");
}

#[test]
fn hmac() {
    let expected = "30 accepted, 54 refused; \
                    not run, since the key set refuses so short a key: 163-168; \
                    refused, since the tag is truncated: 82-162 172-174";
    for (name, algorithm, bits) in [
        (mac::TestName::HmacSha256, Algorithm::HS256, 256),
        (mac::TestName::HmacSha384, Algorithm::HS384, 384),
        (mac::TestName::HmacSha512, Algorithm::HS512, 512),
    ] {
        let mut tally = Tally::default();
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let keys = key_set(json!({"kty": "oct", "k": base64url(&test.key)}), algorithm);
                match keys {
                    None => {
                        assert!(group.key_size < bits, "tcId {}", test.tc_id);
                        tally.not_run("the key set refuses so short a key", test.tc_id);
                    }
                    Some(keys) if group.tag_size < bits => {
                        let key = &keys.keys()[0];
                        tally.must_refuse("the tag is truncated", key, test.tc_id, &test.msg, &test.tag);
                    }
                    Some(keys) => tally.run(&keys.keys()[0], test.tc_id, test.result, &test.msg, &test.tag),
                }
            }
        }
        assert_eq!(tally.summary(), expected, "{algorithm}");
    }
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::*;
    for (name, algorithm, accepted, refused) in [
        (Rsa2048Sha256, Algorithm::RS256, 9, 250),
        (Rsa3072Sha256, Algorithm::RS256, 8, 251),
        (Rsa4096Sha256, Algorithm::RS256, 7, 251),
        (Rsa8192Sha256, Algorithm::RS256, 7, 251),
        (Rsa2048Sha384, Algorithm::RS384, 7, 251),
        (Rsa3072Sha384, Algorithm::RS384, 7, 252),
        (Rsa4096Sha384, Algorithm::RS384, 7, 252),
        (Rsa8192Sha384, Algorithm::RS384, 7, 252),
        (Rsa2048Sha512, Algorithm::RS512, 8, 251),
        (Rsa3072Sha512, Algorithm::RS512, 8, 252),
        (Rsa4096Sha512, Algorithm::RS512, 7, 252),
        (Rsa8192Sha512, Algorithm::RS512, 7, 252),
    ] {
        let mut tally = Tally::default();
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let keys = key_set(rsa_jwk(&group.key.n, &group.key.e), algorithm).unwrap();
            for test in group.tests {
                tally.run(&keys.keys()[0], test.tc_id, test.result, &test.msg, &test.sig);
            }
        }
        // Without the NULL of its DigestInfo: acceptable to some, not to us.
        let expected = format!("{accepted} accepted, {refused} refused; refused though acceptable: 8");
        assert_eq!(tally.summary(), expected, "{name:?}");
    }
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName::*;
    for (name, expected) in [
        (RsaPss2048Sha256Mgf1SaltLen32, "63 accepted, 45 refused"),
        (RsaPss3072Sha256Mgf1SaltLen32, "63 accepted, 45 refused"),
        (RsaPss4096Sha256Mgf1SaltLen32, "63 accepted, 45 refused"),
        (RsaPss2048Sha384Mgf1SaltLen48, "95 accepted, 46 refused"),
        (RsaPss4096Sha384Mgf1SaltLen48, "95 accepted, 46 refused"),
        (RsaPss4096Sha512Mgf1SaltLen64, "132 accepted, 47 refused"),
        (
            RsaPss2048Sha256Mgf1SaltLen0,
            "0 accepted, 0 refused; \
             accepted, since the salt is as long as the hash: 69; \
             refused, since the salt is not as long as the hash: 1-68 70-103",
        ),
        (
            RsaPss4096Sha512Mgf1SaltLen32,
            "0 accepted, 0 refused; \
             refused, since the salt is not as long as the hash: 1-177",
        ),
        (
            RsaPss2048Sha256Mgf1Sha1_20,
            "0 accepted, 0 refused; \
             refused, since the mask is of another hash: 1-108",
        ),
        (
            RsaPssmisc,
            "3 accepted, 0 refused; \
             not run, since JOSE has no algorithm for the hash: 1-60; \
             refused, since the mask is of another hash: 61-72 79-108 115-144; \
             refused, since the salt is not as long as the hash: 73-75 77-78 109-112 114 145-149",
        ),
    ] {
        let mut tally = Tally::default();
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let algorithm = match group.hash {
                HashFunction::Sha2_256 => Some((Algorithm::PS256, 32)),
                HashFunction::Sha2_384 => Some((Algorithm::PS384, 48)),
                HashFunction::Sha2_512 => Some((Algorithm::PS512, 64)),
                _ => None,
            };
            for test in group.tests {
                let Some((algorithm, salt)) = algorithm else {
                    tally.not_run("JOSE has no algorithm for the hash", test.tc_id);
                    continue;
                };
                let keys = key_set(rsa_jwk(&group.key.n, &group.key.e), algorithm).unwrap();
                let key = &keys.keys()[0];
                let (tc_id, msg, sig) = (test.tc_id, &test.msg, &test.sig);
                if group.mgf_hash != Some(group.hash) {
                    tally.must_refuse("the mask is of another hash", key, tc_id, msg, sig);
                } else if group.salt_size == salt {
                    tally.run(key, tc_id, test.result, msg, sig);
                } else if test.comment == format!("s_len changed to {salt}") {
                    // Wrong for the group, which is about another salt; for JOSE it is the right one.
                    tally.must_accept("the salt is as long as the hash", key, tc_id, msg, sig);
                } else {
                    tally.must_refuse("the salt is not as long as the hash", key, tc_id, msg, sig);
                }
            }
        }
        assert_eq!(tally.summary(), expected, "{name:?}");
    }
}

/// A key set of this one key, or `None` where it is refused.
fn key_set(mut jwk: Value, algorithm: Algorithm) -> Option<KeySet> {
    jwk["alg"] = json!(algorithm.name());
    KeySet::parse(&json!({"keys": [jwk]}).to_string(), None).ok().map(|parsed| parsed.keys)
}

/// The vectors have integers with a sign, and so with a zero byte in front, which a JWK must not have.
fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    let unsigned = |number: &[u8]| {
        let start = number.iter().position(|&byte| byte != 0).unwrap();
        base64url(&number[start..])
    };
    json!({"kty": "RSA", "n": unsigned(n), "e": unsigned(e)})
}

/// What became of the vectors of one file.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    listed: BTreeMap<String, Vec<usize>>,
}

impl Tally {
    /// Checks one vector. What is merely acceptable must be refused.
    fn run(&mut self, key: &Key, tc_id: usize, result: TestResult, msg: &[u8], sig: &[u8]) {
        let accepted = key.verifies(key.algorithms()[0], msg, sig);
        assert_eq!(accepted, result == TestResult::Valid, "tcId {tc_id}, expected {result:?}");
        if result == TestResult::Acceptable {
            self.list("refused though acceptable", tc_id);
        }
        self.accepted += usize::from(accepted);
        self.refused += usize::from(!accepted);
    }

    /// Checks one vector that JOSE has no room for, whatever its authors say.
    fn must_refuse(&mut self, reason: &str, key: &Key, tc_id: usize, msg: &[u8], sig: &[u8]) {
        assert!(!key.verifies(key.algorithms()[0], msg, sig), "tcId {tc_id}: {reason}");
        self.list(&format!("refused, since {reason}"), tc_id);
    }

    /// Checks one vector that is good for JOSE, whatever its authors say.
    fn must_accept(&mut self, reason: &str, key: &Key, tc_id: usize, msg: &[u8], sig: &[u8]) {
        assert!(key.verifies(key.algorithms()[0], msg, sig), "tcId {tc_id}: {reason}");
        self.list(&format!("accepted, since {reason}"), tc_id);
    }

    fn not_run(&mut self, reason: &str, tc_id: usize) {
        self.list(&format!("not run, since {reason}"), tc_id);
    }

    fn list(&mut self, reason: &str, tc_id: usize) {
        self.listed.entry(reason.to_owned()).or_default().push(tc_id);
    }

    fn summary(&self) -> String {
        let mut summary = format!("{} accepted, {} refused", self.accepted, self.refused);
        for (reason, tc_ids) in &self.listed {
            write!(summary, "; {reason}: {}", ranges(tc_ids)).unwrap();
        }
        summary
    }
}

/// `1-3 7` for 1, 2, 3 and 7.
fn ranges(numbers: &[usize]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => one.to_string(),
        _ => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    runs.collect::<Vec<String>>().join(" ")
}
