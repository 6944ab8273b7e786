//! The compact serialisation: segments, base64url, size.

use super::super::parse;
use super::support::*;

fn good() -> String {
    ed_token(claims_with(serde_json::json!({})).to_string())
}

#[test]
fn a_token_has_exactly_three_segments() {
    let token = good();
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments[..] else { panic!("not three") };
    assert!(parse(&token).is_ok());
    for wrong in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{payload}.{signature}"),
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
    ] {
        assert_refused(parse(&wrong), "malformed");
    }
}

#[test]
fn a_token_has_no_whitespace_around_or_within() {
    let token = good();
    let dot = token.find('.').unwrap();
    for space in [" ", "\n", "\t", "\r\n", "\u{a0}", "\0"] {
        assert_refused(parse(&format!("{space}{token}")), "malformed");
        assert_refused(parse(&format!("{token}{space}")), "malformed");
        let within = format!("{}{space}{}", &token[..dot], &token[dot..]);
        assert_refused(parse(&within), "malformed");
    }
    assert_refused(parse(&format!("Bearer {token}")), "malformed");
}

#[test]
fn json_serialisation_is_not_a_token() {
    let token = good();
    let segments: Vec<&str> = token.split('.').collect();
    let general = serde_json::json!({
        "payload": segments[1],
        "signatures": [{"protected": segments[0], "signature": segments[2]}],
    });
    let flattened = serde_json::json!({
        "payload": segments[1], "protected": segments[0], "signature": segments[2],
    });
    assert_refused(parse(&general.to_string()), "malformed");
    assert_refused(parse(&flattened.to_string()), "malformed");
}

#[test]
fn padding_is_refused() {
    let token = good();
    let segments: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        for padding in ["=", "=="] {
            let mut padded: Vec<String> = segments.iter().map(|part| (*part).to_owned()).collect();
            padded[at].push_str(padding);
            assert_refused(parse(&padded.join(".")), "malformed");
        }
    }
}

#[test]
fn the_other_base64_alphabet_is_refused() {
    // A payload whose encoding needs the last two characters of the alphabet.
    let payload = claims_with(serde_json::json!({"x": "???>>>~~~ÿÿÿ"})).to_string();
    let token = (0..3)
        .map(|shift| ed_token(format!("{}{payload}", " ".repeat(shift))))
        .find(|token| {
            let payload = token.split('.').nth(1).unwrap();
            payload.contains('-') || payload.contains('_')
        })
        .unwrap();
    assert!(check(&token, &ed_keys(), &rules()).is_ok());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let rewritten = format!("{}.{signature}", input.replace('-', "+").replace('_', "/"));
    assert_ne!(rewritten, token);
    assert_refused(parse(&rewritten), "malformed");
}

#[test]
fn trailing_bits_must_be_zero() {
    let token = good();
    // 64 bytes of signature leave four unused bits in the last character, which is one of these.
    let (rest, last) = token.split_at(token.len() - 1);
    assert!("AQgw".contains(last), "{last}");
    for twin in "BRhxCSiyDTjz".chars() {
        assert_refused(parse(&format!("{rest}{twin}")), "malformed");
    }
}

#[test]
fn a_token_of_sixteen_kilobytes_is_the_longest() {
    let payload_of = |filler: usize| claims_with(serde_json::json!({"filler": "x".repeat(filler)})).to_string();
    let longest = (11_900..12_400)
        .map(|filler| ed_token(payload_of(filler)))
        .take_while(|token| token.len() <= 16 * 1024)
        .last()
        .unwrap();
    assert!(longest.len() > 16 * 1024 - 4, "{}", longest.len());
    assert!(check(&longest, &ed_keys(), &rules()).is_ok());
    assert_refused(parse(&ed_token(payload_of(12_400))), "too_large");
    assert_refused(parse(&"a".repeat(1024 * 1024)), "too_large");
    assert_refused(parse(&".".repeat(16 * 1024)), "malformed");
}

#[test]
fn the_payload_is_a_json_object() {
    assert!(parse(&ed_token("{}")).is_ok());
    for payload in ["[]", "\"text\"", "1", "null", "true", "", " ", "{}{}", "{} x", "{", "\u{feff}{}"] {
        assert_refused(parse(&ed_token(payload)), "malformed");
    }
    assert_refused(parse(&ed_token(b"{\"a\":\"\xff\"}")), "malformed");
}

#[test]
fn a_duplicate_claim_is_refused_at_every_level() {
    for payload in [
        r#"{"sub":"alice","sub":"mallory"}"#,
        r#"{"exp":1,"exp":9999999999}"#,
        r#"{"sub":"alice","su\u0062":"mallory"}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
        r#"{"a":[{"b":[{"c":1,"c":1}]}]}"#,
    ] {
        assert_refused(parse(&ed_token(payload)), "malformed");
    }
    assert!(parse(&ed_token(r#"{"sub":"alice","act":{"sub":"alice"},"Sub":"alice"}"#)).is_ok());
}

#[test]
fn a_refusal_shows_nothing_of_what_was_not_a_token() {
    for secret in
        ["wk_live_0123456789abcdef", "correct horse battery staple", "a.b!hunter2.c", "hunter2.hunter2.hunter2"]
    {
        let refusal = parse(secret).err().unwrap();
        let shown = format!("{refusal} {refusal:?} {}", refusal.code());
        for part in ["wk_", "0123", "horse", "hunter2"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}
