//! The addresses that proxies state among the headers of an HTTP request.

#![forbid(unsafe_code)]

use crate::address::Network;
use crate::jwt::json;
use serde_json::Value;

/// The headers cannot be read, or what the nearest proxy states is no address.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The addresses in the header of this name, such as `x-real-ip` or `x-forwarded-for`, the nearest proxy's word last.
///
/// Those before it are the word of whoever sent them, so what is no address there is left out. `headers` is a JSON
/// object of names and values, as PostgREST writes it; empty where there was no request.
///
/// # Errors
/// [`Malformed`] for headers that are no such object, and where the last entry is no address.
pub fn addresses(headers: &str, name: &str) -> Result<Vec<Network>, Malformed> {
    if headers.is_empty() || name.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(Value::Object(headers)) = json::parse(headers.as_bytes()) else { return Err(Malformed) };
    let mut values =
        headers.into_iter().filter(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let stated = match (values.next(), values.next()) {
        (None, _) => return Ok(Vec::new()),
        (Some(Value::String(stated)), None) => stated,
        _ => return Err(Malformed),
    };
    let entries: Vec<_> = stated.split(',').map(|entry| address(entry.trim())).collect();
    if !matches!(entries.last(), Some(Some(_))) {
        return Err(Malformed);
    }
    Ok(entries.into_iter().flatten().collect())
}

/// An address, with a port or without: some proxies write one.
fn address(entry: &str) -> Option<Network> {
    let host = match entry.strip_prefix('[') {
        Some(bracketed) => {
            let (host, port) = bracketed.split_once(']')?;
            is_port_or_none(port.strip_prefix(':').or((port.is_empty()).then_some(""))?).then_some(host)?
        }
        None => match entry.split_once(':') {
            Some((host, port)) if !port.contains(':') => is_port_or_none(port).then_some(host)?,
            _ => entry,
        },
    };
    if host.contains('/') { None } else { Network::parse(host) }
}

fn is_port_or_none(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Malformed, addresses};

    fn read(value: &str) -> Result<String, Malformed> {
        let headers = format!(r#"{{"accept": "*/*", "X-Forwarded-For": {value}}}"#);
        let found = addresses(&headers, "x-forwarded-for")?;
        Ok(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_is_read_the_nearest_last() {
        for (value, expected) in [
            (r#""203.0.113.7""#, "203.0.113.7/32"),
            (r#"" 198.51.100.1 , 203.0.113.7 ""#, "198.51.100.1/32 203.0.113.7/32"),
            (r#""unknown, 10.0.0.0/8, 203.0.113.7:4711""#, "203.0.113.7/32"),
            (r#""2001:DB8::1, [2001:db8::2]:443, [2001:db8::3]""#, "2001:db8::1/128 2001:db8::2/128 2001:db8::3/128"),
            (r#""::ffff:203.0.113.7""#, "203.0.113.7/32"),
        ] {
            assert_eq!(read(value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn no_header_and_no_name_are_no_address() {
        for (headers, name) in [("", "x-real-ip"), ("{}", "x-real-ip"), (r#"{"x-real-ip": "x"}"#, "")] {
            assert_eq!(addresses(headers, name), Ok(vec![]));
        }
    }

    #[test]
    fn what_the_nearest_proxy_states_has_to_be_one() {
        for value in [
            r#""""#,
            r#""203.0.113.7,""#,
            r#""203.0.113.7, unknown""#,
            r#""203.0.113.7/32""#,
            r#""[2001:db8::1""#,
            r#""[2001:db8::1]x""#,
            r#""203.0.113.7:http""#,
            "7",
            "null",
            r#"["203.0.113.7"]"#,
        ] {
            assert_eq!(read(value), Err(Malformed), "{value}");
        }
        for headers in ["x", "[]", r#"{"x-real-ip": "203.0.113.7", "X-Real-IP": "203.0.113.8"}"#] {
            assert_eq!(addresses(headers, "x-real-ip"), Err(Malformed), "{headers}");
        }
    }
}
