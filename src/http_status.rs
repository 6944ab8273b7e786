//! The HTTP status that a gateway answers for a SQLSTATE of the extension.

#![forbid(unsafe_code)]

/// The status for a five-character SQLSTATE; 500 for whatever the client did not cause.
pub fn status(sqlstate: &str) -> i32 {
    match sqlstate {
        // 28: who are you? 42501: known, and not allowed. P0002: not there, or not yours.
        "28000" | "28P01" => 401,
        "42501" => 403,
        "P0002" => 404,
        "23505" | "55000" => 409,
        "53400" => 429,
        // How PostgREST is told a status, and we under warden.error_style = postgrest.
        state if state.len() == 5 && state.starts_with("PT") => {
            state[2..].parse().ok().filter(|status| (400..600).contains(status)).unwrap_or(500)
        }
        // Class 22, data exception: the client sent something that cannot be used.
        state if state.len() == 5 && state.starts_with("22") => 400,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn each_state_of_the_extension_has_its_status() {
        let expected = [
            ("28000", 401),
            ("42501", 403),
            ("P0002", 404),
            ("23505", 409),
            ("55000", 409),
            ("22023", 400),
            ("22P02", 400),
            ("53400", 429),
            ("PT401", 401),
            ("PT404", 404),
            ("PT503", 503),
        ];
        for (state, code) in expected {
            assert_eq!(status(state), code, "{state}");
        }
    }

    #[test]
    fn anything_else_is_the_servers_fault() {
        for state in ["", "22", "XX000", "57014", "220233", "p0002", "PT200", "PT+40", "PT 40", "PT4", "PTé4"] {
            assert_eq!(status(state), 500, "{state}");
        }
    }
}
