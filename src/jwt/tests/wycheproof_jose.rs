//! Wycheproof's attacks on JOSE libraries: signatures, keys, and both together.
//!
//! The files are not part of this repository. They are looked for beside it, in `shared/vectors/wycheproof`; where they
//! are missing, the tests say so and check nothing. They come from `testvectors_v1` of C2SP/wycheproof.
//!
//! Most payloads are no claims, so that the tests stop at the signature. Where the outcome is not the one the vector
//! states, it is in a table here with the reason, and the table must match exactly.

use std::io::Write;

use serde_json::{Value, json};

use super::super::KeySet;
use super::super::jws;

#[test]
fn json_web_signature() {
    let Some(vectors) = load("json_web_signature_test.json") else {
        return;
    };
    let differences = differences(&vectors, 401);
    let empty_payload = "malformed"; // An empty payload is no JWT.
    let mislabelled = "algorithm_not_allowed"; // A PS384 token and a key that says it is for RS256.
    let unknown = "key set has no usable key: its algorithm \"ES521\" is not supported"; // There is no such name.
    let padding_lost = "accepted"; // The padding is not in the file: the bytes are those of 357, which is valid.
    let not_base64url = "malformed"; // A question mark in the base64url, which RFC 7515 section 2 does not let pass.
    let expected = [
        (259, empty_payload),
        (264, empty_payload),
        (268, empty_payload),
        (272, empty_payload),
        (320, empty_payload),
        (325, empty_payload),
        (346, mislabelled),
        (347, unknown),
        (350, mislabelled),
        (351, unknown),
        (367, padding_lost),
        (370, padding_lost),
        (372, not_base64url),
        (373, not_base64url),
    ];
    assert_eq!(differences, expected.map(|(tc_id, outcome)| (tc_id, outcome.to_owned())));
    assert_eq!(token(&vectors, 367), token(&vectors, 357));
    assert_eq!(token(&vectors, 370), token(&vectors, 357));
}

#[test]
fn json_web_key() {
    let Some(vectors) = load("json_web_key_test.json") else {
        return;
    };
    // A set of both sorts of keys is no confusion here, where each key is bound to its own algorithms.
    assert_eq!(differences(&vectors, 26), [(1, "accepted".to_owned())]);
    // The others are refused, and not by chance.
    for (tc_id, reason) in [
        (3, "bad_signature"),
        (4, "a member is not canonical base64url"), // before it is seen that the two keys have one kid
        (6, "its use is \"enc\", not sig"),
        (7, "its modulus can be factored"),
        (8, "its modulus is shorter than 2048 bits"),
        (9, "its exponent is not an odd number from 3 to 2^33"),
        (10, "its secret is shorter than the hash"),
        (11, "its secret is shorter than the hash"),
        (12, "its secret is shorter than the hash"),
        (16, "its secret is shorter than the hash"),
        (17, "its secret is shorter than the hash"),
        (18, "its secret is shorter than the hash"),
        (19, "its algorithm \"ES521\" is not supported"),
        (20, "its algorithm \"ES224\" is not supported"),
        (21, "its use is \"enc\", not sig"),
        (22, "its x and y are not a point of its curve"),
        (23, "its algorithm ES256 does not fit its type"),
        (24, "its algorithm ES256 does not fit its type"),
        (25, "its algorithm \"A256GCM\" is not supported"),
        (26, "its algorithm \"A256KW\" is not supported"),
    ] {
        let (group, test) = tests(&vectors).find(|(_, test)| test["tcId"] == tc_id).unwrap();
        let outcome = outcome(group, test);
        assert!(outcome.contains(reason), "tcId {tc_id}: {outcome}");
    }
}

#[test]
fn json_web_crypto() {
    let Some(vectors) = load("json_web_crypto_test.json") else {
        return;
    };
    let expected = [
        // As vector 1 of the keys: a set of both sorts.
        (47, "accepted"),
        // Encrypted tokens, which are not supported: their keys cannot even be trusted.
        (50, "key set has no usable key: its use is \"enc\", not sig"),
        (67, "key 1 of the set, kid \"kid-ec-decrypt\": it contains a private key"),
    ];
    assert_eq!(differences(&vectors, 83), expected.map(|(tc_id, outcome)| (tc_id, outcome.to_owned())));
}

/// Runs every vector of a file: number and outcome of those that end otherwise than they state.
fn differences(vectors: &Value, number_of_tests: usize) -> Vec<(u64, String)> {
    assert_eq!(tests(vectors).count(), number_of_tests);
    let valid = tests(vectors).filter(|(_, test)| test["result"] == "valid").count();
    assert!(valid > 0 && valid < number_of_tests);
    tests(vectors)
        .map(|(group, test)| (test, outcome(group, test)))
        .filter(|(test, outcome)| (outcome == "accepted") != (test["result"] == "valid"))
        .map(|(test, outcome)| (test["tcId"].as_u64().unwrap(), outcome))
        .collect()
}

fn tests(vectors: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = vectors["testGroups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test)))
}

fn token(vectors: &Value, tc_id: u64) -> &str {
    let (_, test) = tests(vectors).find(|(_, test)| test["tcId"] == tc_id).unwrap();
    test["jws"].as_str().unwrap()
}

/// "accepted" where the token of a test verifies with the key of its group, or the first reason why not.
fn outcome(group: &Value, test: &Value) -> String {
    match verify(group, test) {
        Ok(()) => "accepted".to_owned(),
        Err(reason) => reason,
    }
}

fn verify(group: &Value, test: &Value) -> Result<(), String> {
    let key = group.get("public").unwrap_or(&group["private"]);
    let set = if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) };
    let keys = KeySet::parse(&set.to_string(), None).map_err(|error| error.to_string())?.keys;
    let token = match test.get("jws").or_else(|| test.get("jwe")) {
        Some(Value::String(token)) => token.clone(),
        Some(json_serialisation) => json_serialisation.to_string(),
        None => panic!("neither jws nor jwe"),
    };
    let envelope = jws::open(&token).map_err(|refusal| refusal.code().to_owned())?;
    let (algorithm, kid) = (envelope.header.algorithm, envelope.header.kid.as_deref());
    let key = keys.select(kid, algorithm).map_err(|refusal| refusal.code().to_owned())?;
    if key.verifies(algorithm, envelope.signing_input.as_bytes(), &envelope.signature) {
        Ok(())
    } else {
        Err("bad_signature".to_owned())
    }
}

fn load(file: &str) -> Option<Value> {
    let directory = "shared/vectors/wycheproof";
    match std::fs::read_to_string(format!("{}/../../../{directory}/{file}", env!("CARGO_MANIFEST_DIR"))) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            // Past the capture of what a passing test prints; on a line of its own, for pg_test/run.
            let note =
                format!("\n# note: {file} was not run: it is not in {directory} beside the checkout ({error})\n");
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            None
        }
    }
}
