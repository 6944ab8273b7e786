//! NumericDate (RFC 7519 section 2): seconds since 1970, which may have a fraction.

use serde_json::{Number, Value};

/// A moment between two whole seconds, or on one. Which neighbour counts is for the caller: the one that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumericDate {
    /// The whole second at or before it.
    pub(super) floor: i64,
    /// The whole second at or after it.
    pub(super) ceiling: i64,
}

impl NumericDate {
    /// Reads a JSON number between 0 and the end of the year 9999, exactly: no float is involved, so that 2^63 and
    /// 1e400 are out of range rather than near something. `None` for anything else, text above all (`"75z"`).
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => NumericDate::from_number(number),
            _ => None,
        }
    }

    fn from_number(number: &Number) -> Option<Self> {
        let text = number.as_str();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut floor: i64 = 0;
        let mut has_fraction = false;
        // The decimal point stands after `point` digits once the exponent has moved it.
        let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
        for (position, digit) in (0_i64..).zip(whole.chars().chain(fraction.chars())) {
            // A minus sign is not a digit: no date is before 1970, and "-0" is not worth an exception.
            let digit = digit.to_digit(10)?;
            if position < point {
                floor = append(floor, digit)?;
            } else {
                has_fraction |= digit != 0;
            }
        }
        let digits = i64::try_from(whole.len() + fraction.len()).ok()?;
        // Only zeros are left to append; after nothing but zeros they change nothing, however many.
        let zeros = if floor == 0 { 0 } else { (point - digits).max(0) };
        for _ in 0..zeros {
            floor = append(floor, 0)?;
        }
        let ceiling = floor + i64::from(has_fraction);
        (ceiling <= END_OF_9999).then_some(NumericDate { floor, ceiling })
    }
}

/// `None` as soon as the number is out of range, which also bounds the loops above.
fn append(number: i64, digit: u32) -> Option<i64> {
    let longer = number * 10 + i64::from(digit);
    (longer <= END_OF_9999).then_some(longer)
}

/// 9999-12-31 23:59:59 UTC, the last date that every reader of these claims can print.
const END_OF_9999: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(i64, i64)> {
        let value = super::super::json::parse(text.as_bytes()).ok()?;
        NumericDate::read(&value).map(|date| (date.floor, date.ceiling))
    }

    #[test]
    fn whole_seconds_are_read_exactly() {
        assert_eq!(read("0"), Some((0, 0)));
        assert_eq!(read("1700000000"), Some((1_700_000_000, 1_700_000_000)));
        assert_eq!(read("1700000000.0"), Some((1_700_000_000, 1_700_000_000)));
        assert_eq!(read("1.7e9"), Some((1_700_000_000, 1_700_000_000)));
        assert_eq!(read("17000000000e-1"), Some((1_700_000_000, 1_700_000_000)));
        assert_eq!(read("253402300799"), Some((END_OF_9999, END_OF_9999)));
        assert_eq!(read("0e999"), Some((0, 0)));
    }

    #[test]
    fn a_fraction_lies_between_two_seconds() {
        assert_eq!(read("1700000000.5"), Some((1_700_000_000, 1_700_000_001)));
        assert_eq!(read("1700000000.000000000000000000000000001"), Some((1_700_000_000, 1_700_000_001)));
        assert_eq!(read("17000000005e-1"), Some((1_700_000_000, 1_700_000_001)));
        assert_eq!(read("5e-999"), Some((0, 1)));
    }

    #[test]
    fn what_is_not_a_date_is_refused() {
        for text in [
            "-1",
            "-0",
            "253402300800",
            "253402300799.5",
            "9223372036854775808",
            "18446744073709551616",
            "1e400",
            "1e12",
            "\"1700000000\"",
            "\"75z\"",
            "null",
            "true",
            "[1700000000]",
            "{}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let long = "9".repeat(10_000);
        assert_eq!(read(&long), None);
    }
}
