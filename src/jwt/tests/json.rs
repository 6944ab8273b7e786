//! The strict JSON reader, against RFC 8259 and against `serde_json`.

use super::super::json::{MAX_DEPTH, parse};
use serde_json::Value;

fn accepted(text: &str) -> bool {
    parse(text.as_bytes()).is_ok()
}

#[test]
fn it_reads_what_serde_json_reads() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "1.5",
        "-1.5e+10",
        "1E-2",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " [ ] ",
        "\n{\t}\r",
        "[1,2,[3]]",
        r#"{"a":1,"b":{"a":[null]}}"#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u00e9\ud83d\ude00é😀""#,
        r#""\u0001""#,
        r#"{"":1," ":2}"#,
        "123456789012345678901234567890.000",
    ] {
        let ours = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let theirs: Value = serde_json::from_str(text).unwrap();
        assert_eq!(ours, theirs, "{text}");
    }
}

#[test]
fn it_refuses_what_is_not_json() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1.e1",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
        "\"\n\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "1 2",
        "{} {}",
        "/**/1",
        "1//",
        "\u{feff}1",
        "\u{a0}1",
        "\"\\",
        "\"\\u",
        "\"\\é\"",
    ] {
        assert!(!accepted(text), "{text:?}");
    }
    assert!(parse(b"\"\xff\"").is_err());
    assert!(parse(b"\"\xed\xa0\x80\"").is_err(), "a surrogate in UTF-8");
    assert!(parse(b"\"\xc0\xaf\"").is_err(), "an overlong encoding");
}

#[test]
fn a_lone_surrogate_is_refused() {
    assert!(accepted(r#""\ud83d\ude00""#));
    for text in
        [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\ud83d""#, r#""\ud83dx""#, r#""\ud83d\n""#, r#""\ud83d\u0041""#]
    {
        assert!(!accepted(text), "{text}");
    }
}

#[test]
fn a_string_holds_only_what_postgres_can_hold() {
    assert!(accepted(r#"{"a\u0001":"\u0001"}"#));
    assert!(!accepted(r#""\u0000""#));
    assert!(!accepted(r#"{"a\u0000":1}"#));
    assert!(!accepted(r#"{"a":["b\u0000c"]}"#));
}

#[test]
fn members_are_unique_after_unescaping() {
    assert!(accepted(r#"{"a":1,"b":1,"A":1}"#));
    assert!(accepted(r#"[{"a":1},{"a":1}]"#));
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"x":{"a":1,"b":2,"a":3}}"#,
        r#"[[{"a":1,"a":2}]]"#,
        r#"{"":1,"":2}"#,
    ] {
        assert!(!accepted(text), "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    assert!(accepted(&nested("[", "]", MAX_DEPTH)));
    assert!(!accepted(&nested("[", "]", MAX_DEPTH + 1)));
    assert!(accepted(&nested("{\"a\":", "}", MAX_DEPTH)));
    assert!(!accepted(&nested("{\"a\":", "}", MAX_DEPTH + 1)));
    assert!(!accepted(&"[".repeat(100_000)));
    assert!(!accepted(&nested("[", "]", 100_000)));
    assert!(accepted(&format!("[{}1]", "[],".repeat(1000))), "width is not depth");
}

#[test]
fn numbers_keep_their_digits_and_do_not_explode() {
    let text = "100000000000000000000000000000000000001.10";
    assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    assert!(accepted("1e999"));
    assert!(accepted("1e-999"));
    assert!(!accepted("1e1000"));
    assert!(!accepted("1e-0001"), "four digits, whatever they are worth");
}

#[test]
fn an_object_cannot_pose_as_a_number() {
    // What the reader of serde_json makes of it, and why there is one of ours.
    let text = r#"{"sub":{"$serde_json::private::Number":"7"}}"#;
    let misread: Value = serde_json::from_str(text).unwrap();
    assert!(misread["sub"].is_number());
    assert!(!accepted(text));
    assert!(!accepted(r#"{"\u0024serde_json::private::RawValue":"7"}"#));
    assert!(accepted(r#"{"serde_json::private::Number":"7"}"#));
}

#[test]
fn an_error_tells_where_and_not_what() {
    let error = parse(br#"{"password":"hunter2" "x"}"#).unwrap_err().to_string();
    assert_eq!(error, "a comma or closing brace is missing at byte 22");
}
