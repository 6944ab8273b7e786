//! Every change of a good token is refused, and no input makes the module panic.

use serde_json::json;

use super::super::{Algorithm, KeySet, explain, parse};
use super::support::*;

#[test]
fn every_changed_byte_is_refused() {
    for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256] {
        let keys = key_set(&[with(KEYS.jwk(algorithm), json!({"alg": algorithm.name()}))]);
        let header = json!({"alg": algorithm.name()}).to_string();
        let token = token_of(algorithm, header, claims_with(json!({})).to_string());
        assert!(check(&token, &keys, &rules()).is_ok());
        for at in 0..token.len() {
            for replacement in ["A", "B", "_", "=", ".", " ", "\0", "é", ""] {
                let changed = format!("{}{replacement}{}", &token[..at], &token[at + 1..]);
                if changed != token {
                    assert!(check(&changed, &keys, &rules()).is_err(), "{algorithm}: {replacement:?} at {at}");
                }
            }
        }
        for end in 0..token.len() {
            assert!(check(&token[..end], &keys, &rules()).is_err(), "{algorithm}: cut at {end}");
        }
    }
}

#[test]
fn every_changed_bit_of_header_and_payload_is_refused() {
    // Beneath base64url, where a change yields another text that is well formed more often.
    let header = r#"{"alg":"EdDSA","kid":"ed"}"#;
    let payload = claims_with(json!({})).to_string();
    let good = token_of(Algorithm::EdDSA, header, &payload);
    let signature = good.rsplit_once('.').unwrap().1;
    for bit in 0..8 * header.len() {
        let mut changed = header.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{}.{}.{signature}", base64url(changed), base64url(&payload));
        assert!(check(&token, &ed_keys(), &rules()).is_err(), "header bit {bit}");
    }
    for bit in 0..8 * payload.len() {
        let mut changed = payload.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{}.{}.{signature}", base64url(header), base64url(changed));
        assert!(check(&token, &ed_keys(), &rules()).is_err(), "payload bit {bit}");
    }
}

#[test]
fn no_noise_is_accepted_and_none_panics() {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let alphabet: Vec<char> = "AQgw09_-.={}[]\":,\\u0eE+ nulltrue\0é".chars().collect();
    for _ in 0..20_000 {
        let text: String = (0..noise.below(80)).map(|_| alphabet[noise.below(alphabet.len())]).collect();
        assert!(parse(&text).is_err(), "{text:?}");
        assert!(KeySet::parse(&text, None).is_err(), "{text:?}");
        let signed = ed_token(&text);
        assert!(check(&signed, &ed_keys(), &rules()).is_err(), "{text:?}");
        let checks = explain(&signed, NOW, &|_| None);
        assert!(!checks.last().unwrap().passed);
    }
}

#[test]
fn no_change_of_a_key_set_panics_or_shows_its_secret() {
    let secret = with(KEYS.jwk(Algorithm::HS256), json!({"alg": "HS256", "kid": "a"}));
    let k = secret["k"].as_str().unwrap().to_owned();
    let set = json!({"keys": [secret, KEYS.jwk(Algorithm::RS256), KEYS.jwk(Algorithm::ES256)]}).to_string();
    assert!(KeySet::parse(&set, None).is_ok());
    let mut noise = Noise(1);
    for at in 0..set.len() {
        let replacement = ["A", "\"", "}", "[", "0", ""][noise.below(6)];
        let changed = format!("{}{replacement}{}", &set[..at], &set[at + 1..]);
        if let Err(error) = KeySet::parse(&changed, None) {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&k[..20]) && !shown.contains(&k[k.len() - 20..]), "{shown}");
        }
    }
}

/// Numbers without pattern (xorshift64*), the same in each run so that a failure can be repeated.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}
