//! Strict JSON (RFC 8259), read into [`serde_json::Value`].
//!
//! `serde_json` keeps the last of two members of one name, where another reader of the same token keeps the first; and
//! with `arbitrary_precision` it reads the object `{"$serde_json::private::Number": "1"}` as a number. Both let two
//! readers of one signed text disagree about what it says. So the text is read here, by RFC 8259 to the letter, and:
//!
//! * members are unique at every level, compared after unescaping (RFC 7515 section 4, RFC 7519 section 4);
//! * nesting is at most [`MAX_DEPTH`] deep, so that the recursion below is bounded;
//! * strings are Unicode, so that a lone surrogate is an error, and without U+0000, which neither `text` nor `jsonb` of
//!   Postgres can hold;
//! * a number's exponent has at most three digits, so that printing it in full cannot exhaust memory.

use std::fmt;

use serde_json::{Map, Number, Value};

/// Reads exactly one JSON value from `text`.
///
/// # Errors
/// Where `text` is not strict JSON. The error names the byte and the rule, never the content.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(text).map_err(|error| JsonError { at: error.valid_up_to(), rule: "not UTF-8" })?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_whitespace();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.error("something follows the value")),
    }
}

/// Where and why a text is not strict JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    at: usize,
    rule: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.rule, self.at)
    }
}

/// A position in a text that is known to be UTF-8.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("not the start of a value")),
            None => Err(self.error("a value is missing")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut members = Map::new();
        self.skip_whitespace();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_whitespace();
            let name_at = self.at;
            let name = self.string()?;
            if name.starts_with(SERDE_PRIVATE) {
                return Err(JsonError { at: name_at, rule: "reserved member name" });
            }
            self.skip_whitespace();
            self.expect(b':', "a colon is missing")?;
            let value = self.value(depth)?;
            if members.insert(name, value).is_some() {
                return Err(JsonError { at: name_at, rule: "duplicate member" });
            }
            self.skip_whitespace();
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',', "a comma or closing brace is missing")?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_whitespace();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',', "a comma or closing bracket is missing")?;
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"', "a string is missing")?;
        let mut string = String::new();
        let mut plain_from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    string.push_str(self.slice(plain_from));
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    string.push_str(self.slice(plain_from));
                    self.at += 1;
                    string.push(self.escaped()?);
                    plain_from = self.at;
                }
                Some(0..=0x1F) => return Err(self.error("control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("a string does not end")),
            }
        }
    }

    /// The character after a backslash (RFC 8259 section 7).
    fn escaped(&mut self) -> Result<char, JsonError> {
        let byte = self.peek();
        self.at += 1;
        match byte {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{C}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode_escape(),
            _ => Err(self.error("unknown escape")),
        }
    }

    /// One `\uXXXX`, or the two of a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.four_hex()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            self.expect(b'\\', "lone surrogate")?;
            self.expect(b'u', "lone surrogate")?;
            let second = self.four_hex()?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(self.error("lone surrogate"));
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some('\0') => Err(self.error("U+0000 in a string")),
            Some(character) => Ok(character),
            None => Err(self.error("lone surrogate")),
        }
    }

    fn four_hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("four hexadecimal digits are missing"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number, kept as it was written (RFC 8259 section 6).
    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            if self.digits()? > MAX_EXPONENT_DIGITS {
                return Err(self.error("exponent out of range"));
            }
        }
        // Through the parser of serde_json, whose spelling of exponents makes equal texts equal numbers.
        let number: Result<Number, _> = self.slice(start).parse();
        number.map(Value::Number).map_err(|_| self.error("not a number"))
    }

    /// One digit or more; how many.
    fn digits(&mut self) -> Result<usize, JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit is missing")) } else { Ok(self.at - start) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("not the start of a value"))
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth == MAX_DEPTH { Err(self.error("nested too deep")) } else { Ok(depth + 1) }
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, rule: &'static str) -> Result<(), JsonError> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(rule)) }
    }

    /// The text from `start` to here. Both ends stand beside an ASCII byte, hence on character boundaries.
    fn slice(&self, start: usize) -> &str {
        &self.text[start..self.at]
    }

    fn error(&self, rule: &'static str) -> JsonError {
        JsonError { at: self.at, rule }
    }
}

/// Deep enough for sixteen nested actors in a token; shallow enough for any stack.
pub(super) const MAX_DEPTH: usize = 32;

/// Postgres prints a number in full, so that `1e999` costs a kilobyte; more digits would make a token a bomb.
const MAX_EXPONENT_DIGITS: usize = 3;

/// The member names with which `serde_json` marks its own values in transit.
const SERDE_PRIVATE: &str = "$serde_json::private::";
