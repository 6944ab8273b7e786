//! Signatures and public keys that a careless verifier accepts, tried on the primitive and on ours.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use super::super::signature::is_valid;
use super::super::{Algorithm, KeyFault, KeySet, KeySetError};
use super::support::*;

/// A token with this signature, checked with our key of the algorithm.
#[track_caller]
fn assert_forgery_fails(algorithm: Algorithm, input: &str, signature: &[u8]) {
    let keys = key_set(&[with(KEYS.jwk(algorithm), json!({"alg": algorithm.name()}))]);
    let token = format!("{input}.{}", base64url(signature));
    assert_refused(check(&token, &keys, &rules()), "bad_signature");
}

/// Header and payload of a good token of this algorithm, as it is signed.
fn input(algorithm: Algorithm) -> String {
    let header = json!({"alg": algorithm.name()}).to_string();
    format!("{}.{}", base64url(header), base64url(claims_with(json!({})).to_string()))
}

fn fault(jwk: Value) -> KeyFault {
    match KeySet::parse(&json!({"keys": [jwk]}).to_string(), None).unwrap_err() {
        KeySetError::Key { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn the_good_twin_of_every_forgery_is_accepted() {
    for algorithm in Algorithm::ALL {
        let input = input(algorithm);
        let keys = key_set(&[with(KEYS.jwk(algorithm), json!({"alg": algorithm.name()}))]);
        let token = format!("{input}.{}", base64url(KEYS.sign(algorithm, input.as_bytes())));
        assert!(check(&token, &keys, &rules()).is_ok(), "{algorithm}");
    }
}

#[test]
fn ecdsa_zeros_are_not_a_signature() {
    for (algorithm, half) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48)] {
        let input = input(algorithm);
        let good = KEYS.sign(algorithm, input.as_bytes());
        assert_forgery_fails(algorithm, &input, &vec![0; 2 * half]);
        let r_zero = [vec![0; half], good[half..].to_vec()].concat();
        assert_forgery_fails(algorithm, &input, &r_zero);
        let s_zero = [good[..half].to_vec(), vec![0; half]].concat();
        assert_forgery_fails(algorithm, &input, &s_zero);
        assert_forgery_fails(algorithm, &input, &vec![0xFF; 2 * half]);
    }
}

#[test]
fn ecdsa_in_der_is_not_a_signature() {
    let input = input(Algorithm::ES256);
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let der = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    let point = pair.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..])});
    let token = format!("{input}.{}", base64url(der.as_ref()));
    assert_refused(check(&token, &key_set(&[jwk]), &rules()), "bad_signature");
}

#[test]
fn a_signature_has_exactly_its_length() {
    for algorithm in Algorithm::ALL {
        let input = input(algorithm);
        let good = KEYS.sign(algorithm, input.as_bytes());
        assert_forgery_fails(algorithm, &input, &good[..good.len() - 1]);
        assert_forgery_fails(algorithm, &input, &[&good[..], &[0]].concat());
        assert_forgery_fails(algorithm, &input, &[&[0], &good[..]].concat());
        assert_forgery_fails(algorithm, &input, &[0]);
        // HMAC: a truncated tag is a guess of fewer bits (RFC 2104 section 5 allows it, JOSE does not).
        assert_forgery_fails(algorithm, &input, &good[..good.len() / 2]);
    }
}

#[test]
fn an_ecdsa_signature_has_a_twin() {
    // A property of ECDSA, not a fault: the reason why a token is revoked by its id and not by its bytes.
    let input = input(Algorithm::ES256);
    let mut twin = KEYS.sign(Algorithm::ES256, input.as_bytes());
    let mut borrow = 0;
    for (byte, n) in twin[32..].iter_mut().rev().zip(hex(P256_ORDER).into_iter().rev()) {
        let difference = i16::from(n) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.rem_euclid(256) as u8;
    }
    let token = format!("{input}.{}", base64url(twin));
    assert!(check(&token, &key_set(&[KEYS.jwk(Algorithm::ES256)]), &rules()).is_ok());
}

#[test]
fn ed25519_s_must_be_reduced() {
    let input = input(Algorithm::EdDSA);
    let good = KEYS.sign(Algorithm::EdDSA, input.as_bytes());
    // S + L, little-endian: the same S to a verifier that reduces it first.
    let mut malleated = good;
    let mut carry = 0;
    for (byte, l) in malleated[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_forgery_fails(Algorithm::EdDSA, &input, &malleated);
}

#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    // With the neutral element as key, this is a signature over every text.
    let neutral: [u8; 32] = std::array::from_fn(|at| u8::from(at == 0));
    let universal = [neutral, [0; 32]].concat();
    let key = DecodingKey::from_ed_der(&neutral);
    assert!(is_valid(Algorithm::EdDSA, &key, b"any text", &universal), "which is why we look at the key");
    assert!(is_valid(Algorithm::EdDSA, &key, b"any other text", &universal));

    let jwk = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(x)});
    let with_sign = |x: [u8; 32]| {
        let mut x = x;
        x[31] |= 0x80;
        x
    };
    for x in SMALL_ORDER.map(hex) {
        assert!(matches!(fault(jwk(&x)), KeyFault::Weak(_)), "{x:x?}");
        assert!(matches!(fault(jwk(&with_sign(x))), KeyFault::Weak(_)), "{x:x?}");
    }
    for x in NOT_CANONICAL.map(hex) {
        assert!(matches!(fault(jwk(&x)), KeyFault::Weak(_)), "{x:x?}");
        assert!(matches!(fault(jwk(&with_sign(x))), KeyFault::Weak(_)), "{x:x?}");
    }
    assert!(matches!(fault(jwk(&[9; 31])), KeyFault::Malformed(_)));
    assert!(matches!(fault(jwk(&[9; 33])), KeyFault::Malformed(_)));
}

#[test]
fn an_elliptic_point_is_on_its_curve_and_written_in_full() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        let jwk = KEYS.jwk(algorithm);
        assert!(KeySet::parse(&json!({"keys": [jwk]}).to_string(), None).is_ok());
        let length = if algorithm == Algorithm::ES256 { 32 } else { 48 };
        for coordinate in ["x", "y"] {
            for wrong in
                [vec![1; length], vec![0; length], vec![0xFF; length], vec![1; length - 1], vec![0; length + 1], vec![]]
            {
                let off = with(jwk.clone(), json!({coordinate: base64url(&wrong)}));
                assert!(matches!(fault(off), KeyFault::Malformed(_)), "{coordinate} {wrong:x?}");
            }
        }
        let zero = with(jwk, json!({"x": base64url(vec![0; length]), "y": base64url(vec![0; length])}));
        assert!(matches!(fault(zero), KeyFault::Malformed(_)));
    }
}

#[test]
fn an_rsa_key_has_a_sane_size_and_exponent() {
    let odd = |bytes: usize, first: u8| {
        let mut number = vec![0x5A; bytes];
        number[0] = first;
        number[bytes - 1] = 0x5B;
        number
    };
    let jwk = |n: &[u8], e: &[u8]| json!({"kty": "RSA", "n": base64url(n), "e": base64url(e)});
    let accepted = |n: &[u8], e: &[u8]| KeySet::parse(&json!({"keys": [jwk(n, e)]}).to_string(), None).is_ok();
    let e = [1, 0, 1];
    let n = odd(256, 0x80);

    assert!(accepted(&n, &e), "2048 bits");
    assert!(accepted(&odd(1024, 0x80), &e), "8192 bits");
    assert!(matches!(fault(jwk(&odd(256, 0x7F), &e)), KeyFault::Weak(_)), "2047 bits");
    assert!(matches!(fault(jwk(&odd(128, 0x80), &e)), KeyFault::Weak(_)), "1024 bits");
    assert!(matches!(fault(jwk(&odd(1025, 0x01), &e)), KeyFault::Malformed(_)), "8193 bits");
    assert!(matches!(fault(jwk(&[], &e)), KeyFault::Weak(_)));

    assert!(accepted(&n, &[3]));
    assert!(accepted(&n, &[1, 0, 0, 0, 1]), "33 bits");
    for e in [&[][..], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
        assert!(matches!(fault(jwk(&n, e)), KeyFault::Weak(_)), "{e:?}");
    }
    for (n, e) in [([&[0], &n[..]].concat(), vec![1, 0, 1]), (n.clone(), vec![0, 1, 0, 1]), (n.clone(), vec![0])] {
        assert!(matches!(fault(jwk(&n, &e)), KeyFault::Malformed(_)), "a zero byte in front");
    }
    let mut even = n;
    even[255] = 0x5A;
    assert!(matches!(fault(jwk(&even, &e)), KeyFault::Weak(_)));
}

#[test]
fn an_rsa_key_of_the_broken_generator_is_refused() {
    // One more than a multiple of every small prime is the zeroth power of 65537 modulo each: the fingerprint.
    let mut n = [0_u8; 256];
    n[255] = 1;
    for prime in (3..=167).filter(|n| (2..*n).all(|divisor| n % divisor != 0)) {
        multiply(&mut n, prime);
    }
    while n[0] < 0x80 {
        multiply(&mut n, 2);
    }
    n[255] += 1;
    let jwk = |n: &[u8]| json!({"kty": "RSA", "n": base64url(n), "e": "AQAB"});
    assert_eq!(fault(jwk(&n)), KeyFault::Weak("its modulus can be factored"));
    n[255] += 2;
    assert!(KeySet::parse(&json!({"keys": [jwk(&n)]}).to_string(), None).is_ok());
}

/// Multiplies a big-endian number that has room for the product.
fn multiply(number: &mut [u8; 256], factor: u32) {
    let mut carry = 0;
    for byte in number.iter_mut().rev() {
        let product = u32::from(*byte) * factor + carry;
        *byte = (product & 0xFF) as u8;
        carry = product >> 8;
    }
    assert_eq!(carry, 0);
}

fn hex(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

/// The order of P-256's group, big-endian (SEC 2 section 2.4.2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// The order of Ed25519's group, little-endian (RFC 8032 section 5.1).
const GROUP_ORDER: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The y coordinates of the points of order 4, 1, 2, 8 and 8.
const SMALL_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
];

/// p, p + 1, p + 2 and 2^255 - 1: second names of 0, 1, 2 and 18.
const NOT_CANONICAL: [&str; 4] = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
