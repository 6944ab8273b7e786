//! The bearer token among the headers of an HTTP request (RFC 6750 section 2.1).

#![forbid(unsafe_code)]

use crate::jwt::json;
use serde_json::Value;

/// The headers carry a credential that is no bearer token, or cannot be read at all. Says nothing of it: what
/// somebody sent by mistake may be a password.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The token of the header `Authorization`, or `None` where there is no such header.
///
/// `headers` is a JSON object of names and values, as PostgREST writes it; empty where there was no request.
///
/// # Errors
/// [`Malformed`] for headers that are no such object, for two headers of this name, and for any scheme but `Bearer`.
pub fn bearer_token(headers: &str) -> Result<Option<String>, Malformed> {
    if headers.is_empty() {
        return Ok(None);
    }
    // Strictly: serde_json would keep the last of two headers of one name, and say nothing.
    let Ok(Value::Object(headers)) = json::parse(headers.as_bytes()) else { return Err(Malformed) };
    // PostgREST writes names in lower case; names are compared without regard to it (RFC 9110 section 5.1).
    let mut values =
        headers.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Value::String(credentials)), None) => token(&credentials).map(Some).ok_or(Malformed),
        _ => Err(Malformed),
    }
}

/// `Bearer`, in any case (RFC 9110 section 11.1), one space or more, and the token.
fn token(credentials: &str) -> Option<String> {
    let (scheme, token) = credentials.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let well_formed = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && well_formed).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Malformed, bearer_token};

    #[test]
    fn the_scheme_is_taken_off_in_any_case() {
        for credentials in ["Bearer abc.def.ghi", "bearer abc.def.ghi", "BEARER   abc.def.ghi"] {
            let headers = format!(r#"{{"accept": "*/*", "authorization": "{credentials}"}}"#);
            assert_eq!(bearer_token(&headers), Ok(Some("abc.def.ghi".to_owned())), "{credentials}");
        }
        let capital = r#"{"Authorization": "Bearer abc"}"#;
        assert_eq!(bearer_token(capital), Ok(Some("abc".to_owned())));
    }

    #[test]
    fn no_header_is_no_token() {
        for headers in ["", "{}", r#"{"accept": "*/*", "cookie": "authorization=Bearer x"}"#] {
            assert_eq!(bearer_token(headers), Ok(None), "{headers}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        let values = [
            r#""""#,
            r#""Bearer""#,
            r#""Bearer ""#,
            r#""Bearerabc""#,
            r#""abc""#,
            r#"" Bearer abc""#,
            r#""Bearer abc def""#,
            r#""Bearer abc ""#,
            r#""Bearer abc\u0000""#,
            r#""Bearer\tabc""#,
            r#""Bearer \u00e4""#,
            r#""Basic YWxpY2U6eA==""#,
            r#""Bearer a, Bearer b""#,
            "null",
            "1",
            r#"["Bearer abc"]"#,
        ];
        for value in values {
            let headers = format!(r#"{{"authorization": {value}}}"#);
            assert_eq!(bearer_token(&headers), Err(Malformed), "{value}");
        }
        let whole = [
            " ",
            "null",
            "[]",
            "{",
            r#"{"authorization": "Bearer a", "Authorization": "Bearer b"}"#,
            r#"{"authorization": "Bearer a", "authorization": "Bearer a"}"#,
            r#"{"authorization": "Bearer a", "\u0061uthorization": "Bearer b"}"#,
        ];
        for headers in whole {
            assert_eq!(bearer_token(headers), Err(Malformed), "{headers}");
        }
    }
}
