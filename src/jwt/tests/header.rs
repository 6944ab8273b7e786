//! What a header may and may not say.

use serde_json::json;

use super::super::{Algorithm, parse};
use super::support::*;

/// A token with this header, signed as EdDSA whatever it says.
fn with_header(header: &str) -> String {
    token_of(Algorithm::EdDSA, header, claims_with(json!({})).to_string())
}

#[test]
fn alg_is_a_known_name_in_exact_spelling() {
    assert!(parse(&with_header(r#"{"alg":"EdDSA"}"#)).is_ok());
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " ",
        "eddsa",
        "EDDSA",
        "EdDSA ",
        "EdDSA\u{1}",
        "ES512",
        "ES256K",
        "Ed25519",
        "HS1",
        "RSA-OAEP",
        "A256GCM",
        "dir",
    ] {
        let header = json!({"alg": alg, "kid": "ed"}).to_string();
        assert_refused(parse(&with_header(&header)), "unsupported_algorithm");
    }
    for header in [r#"{}"#, r#"{"alg":null}"#, r#"{"alg":["EdDSA"]}"#, r#"{"alg":1}"#, r#"{"Alg":"EdDSA"}"#] {
        assert_refused(parse(&with_header(header)), "unsupported_algorithm");
    }
}

#[test]
fn none_without_signature_is_refused() {
    let payload = base64url(claims_with(json!({})).to_string());
    for alg in ["none", "None", "NONE"] {
        let header = base64url(json!({"alg": alg}).to_string());
        assert_refused(parse(&format!("{header}.{payload}.")), "malformed");
        assert_refused(parse(&format!("{header}.{payload}.AA")), "unsupported_algorithm");
    }
}

#[test]
fn typ_is_absent_or_that_of_an_access_token() {
    for typ in ["JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        let token = with_header(&json!({"alg": "EdDSA", "typ": typ}).to_string());
        assert!(check(&token, &ed_keys(), &rules()).is_ok(), "{typ}");
    }
    assert!(check(&with_header(r#"{"alg":"EdDSA"}"#), &ed_keys(), &rules()).is_ok());
    for typ in [
        "secevent+jwt",
        "dpop+jwt",
        "logout+jwt",
        "token-introspection+jwt",
        "JOSE",
        "JWS",
        "JWE",
        "",
        "JWT ",
        "at",
        "text/at+jwt",
        "application/application/at+jwt",
    ] {
        let token = with_header(&json!({"alg": "EdDSA", "typ": typ}).to_string());
        assert_refused(parse(&token), "unsupported_type");
    }
    for header in [r#"{"alg":"EdDSA","typ":null}"#, r#"{"alg":"EdDSA","typ":["JWT"]}"#] {
        assert_refused(parse(&with_header(header)), "unsupported_type");
    }
}

#[test]
fn members_that_bring_a_key_or_change_the_reading_are_refused() {
    let own_key = KEYS.jwk(Algorithm::EdDSA);
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("jwk", own_key),
        ("jku", json!("https://mallory.example/jwks.json")),
        ("x5u", json!("https://mallory.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("jwk", json!(null)),
    ] {
        let header = with(json!({"alg": "EdDSA", "kid": "ed"}), json!({name: value})).to_string();
        assert_refused(parse(&with_header(&header)), "forbidden_header");
    }
}

#[test]
fn other_members_are_ignored() {
    for (name, value) in [
        ("x5t", json!("dGh1bWI")),
        ("x5t#S256", json!("dGh1bWI")),
        ("cty", json!("JWT")),
        ("cat", json!("cl_B7d4PD111AAA")),
        ("nonce", json!("x")),
        ("CRIT", json!(["x"])),
    ] {
        let header = with(json!({"alg": "EdDSA", "kid": "ed"}), json!({name: value})).to_string();
        assert!(check(&with_header(&header), &ed_keys(), &rules()).is_ok(), "{name}");
    }
}

#[test]
fn kid_is_a_string_or_absent() {
    assert_eq!(parse(&with_header(r#"{"alg":"EdDSA","kid":"ed"}"#)).unwrap().kid(), Some("ed"));
    assert_eq!(parse(&with_header(r#"{"alg":"EdDSA"}"#)).unwrap().kid(), None);
    for kid in ["null", "1", "[]", "{}", "true"] {
        let header = format!(r#"{{"alg":"EdDSA","kid":{kid}}}"#);
        assert_refused(parse(&with_header(&header)), "malformed");
    }
}

#[test]
fn the_header_is_a_strict_json_object() {
    for header in [
        r#"["EdDSA"]"#,
        r#""EdDSA""#,
        r#"null"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","alg":"none"}"#,
        r#"{"alg":"EdDSA",}"#,
        r#"{'alg':'EdDSA'}"#,
        r#"{"alg":"EdDSA"}x"#,
    ] {
        assert_refused(parse(&with_header(header)), "malformed");
    }
}

#[test]
fn what_is_unverified_is_only_what_finds_the_key() {
    let token = with_header(r#"{"alg":"EdDSA","kid":"ed"}"#);
    let unverified = parse(&token).unwrap();
    assert_eq!(unverified.issuer(), Some(ISSUER));
    assert_eq!(unverified.algorithm(), Algorithm::EdDSA);
    assert_eq!(parse(&ed_token(r#"{"iss":1}"#)).unwrap().issuer(), None);
    assert_eq!(parse(&ed_token("{}")).unwrap().issuer(), None);
}
