//! Which texts hold a secret, and what is left of them in the server log.
//!
//! Pure. Called while an error is reported, so nothing here fails or allocates.

#![forbid(unsafe_code)]

/// Whether a statement holds a secret: it names a function that takes one, or holds a token, a key, a refresh token or an invite.
pub fn holds_secret(query: &[u8]) -> bool {
    names_any(query, &FUNCTIONS_WITH_SECRETS)
        || names_function_with_password(query)
        || find_secret(query, false).is_some()
}

/// Whether a text names a function that takes a password, or what is taken for one where it stands in the wrong place.
///
/// Names that mean something else without their schema (REFRESH MATERIALIZED VIEW, a table of logins) count with it:
/// `warden.login`, in any case, and as programs write it, `"warden"."login"`.
pub fn names_function_with_password(query: &[u8]) -> bool {
    const SCHEMA: &[u8] = b"warden";
    names_any(query, &FUNCTIONS_WITH_PASSWORDS)
        || positions(query, SCHEMA).any(|at| {
            let rest = &query[at + SCHEMA.len()..];
            let between = rest.iter().take_while(|byte| matches!(byte, b'"' | b'.') || byte.is_ascii_whitespace());
            let name = &rest[between.count()..];
            QUALIFIED_WITH_PASSWORDS
                .iter()
                .any(|known| name.get(..known.len()).is_some_and(|name| name.eq_ignore_ascii_case(known)))
        })
}

/// The names of prepared statements that a statement may execute, as they are written.
pub fn executed(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    const EXECUTE: &[u8] = b"execute";
    positions(query, EXECUTE).map(|at| {
        let rest = &query[at + EXECUTE.len()..];
        let rest = &rest[rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'"').count()..];
        &rest[..rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\x80'..))
            .count()]
    })
}

/// Overwrites the claims and the signature of every token, and every other secret, in place.
pub fn mask_secrets(text: &mut [u8]) {
    mask(text, false);
}

/// The same of statements that may end within a secret, as those that Postgres keeps to be shown to others: a line each.
pub fn mask_cut_secrets(text: &mut [u8]) {
    mask(text, true);
}

/// Whether a text is the tree of a statement, as Postgres prints it.
pub fn is_tree(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"(\n")
}

fn mask(text: &mut [u8], may_be_cut: bool) {
    let mut rest = text;
    while let Some(start) = find_secret(rest, may_be_cut) {
        rest = &mut rest[start..];
        for byte in rest.iter_mut() {
            match byte {
                byte if is_base64url(*byte) => *byte = b'*',
                b'.' => {}
                _ => break,
            }
        }
    }
}

/// Overwrites everything but punctuation and white space, from the first byte on that `begins`.
pub fn mask_from(text: &mut [u8], begins: impl Fn(u8) -> bool) {
    for byte in text.iter_mut().skip_while(|byte| !begins(**byte)) {
        if !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b':' | b'(' | b')' | b',') {
            *byte = b'*';
        }
    }
}

/// Where the claims of a JSON Web Token begin, or the secret of a key, of a refresh token or of an invite.
fn find_secret(text: &[u8], may_be_cut: bool) -> Option<usize> {
    (0..text.len()).find_map(|at| {
        let rest = &text[at..];
        if TOKEN_CLAIMS.iter().any(|claims| rest.starts_with(*claims)) {
            return Some(at);
        }
        // wk_, twelve digits and _; wr_; wi_.
        let begin = match rest {
            [b'w', b'k', b'_', ..] if rest.get(15) == Some(&b'_') => 16,
            [b'w', b'r' | b'i', b'_', ..] => 3,
            _ => return None,
        };
        let secret = rest.get(begin..)?.iter().take_while(|byte| is_base64url(**byte)).count();
        let is_cut = may_be_cut && matches!(rest.get(begin + secret), None | Some(b'\n'));
        (secret >= SECRET_LENGTH || is_cut && secret > 0).then_some(at + begin)
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn names_any(query: &[u8], names: &[&'static [u8]]) -> bool {
    names.iter().any(|name| positions(query, name).next().is_some())
}

/// Where a name stands in a text, in any case.
fn positions(text: &[u8], name: &'static [u8]) -> impl Iterator<Item = usize> {
    text.windows(name.len()).enumerate().filter(move |(_, part)| part.eq_ignore_ascii_case(name)).map(|(at, _)| at)
}

/// A dot, and how claims begin in base64url: `{"`, or `{` and the white space that JSON allows after it. It
/// finds a token in `EXECUTE p('…')`, in a call of an application's own function, in a misspelt call.
const TOKEN_CLAIMS: [&[u8; 4]; 5] = [b".eyJ", b".eyA", b".ewo", b".ew0", b".ewk"];

/// The functions that take a token or a key.
const FUNCTIONS_WITH_SECRETS: [&[u8]; 8] = [
    b"authenticate",
    b"verify_token",
    b"explain_token",
    b"trust_issuer",
    b"set_issuer_keys",
    b"exchange_token",
    b"begin_admin",
    REQUEST_HEADERS,
];

/// Those that take a password, or the eight digits of an invite; and what is taken for one where it stands in the wrong
/// place.
const FUNCTIONS_WITH_PASSWORDS: [&[u8]; 3] = [b"set_password", b"setup_owner", b"redeem_invite"];
const QUALIFIED_WITH_PASSWORDS: [&[u8]; 3] = [b"login", b"refresh", b"logout"];

/// Of 256 bits in base64url.
const SECRET_LENGTH: usize = 43;

/// The setting that holds a token among the headers of an HTTP request: PostgREST assigns it by a
/// statement of its own, whose parameters are logged where anybody asks for that.
const REQUEST_HEADERS: &[u8] = b"request.headers";

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        mask_secrets(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    #[test]
    fn a_secret_is_masked_and_nothing_else() {
        let secret = "A-_0".repeat(11);
        let stars = "*".repeat(44);
        assert_eq!(masked(&format!("a wr_{secret}, b")), format!("a wr_{stars}, b"));
        assert_eq!(masked(&format!("wi_{secret}")), format!("wi_{stars}"));
        assert_eq!(
            masked(&format!("wk_0123456789ab_{secret} wr_{secret}")),
            format!("wk_0123456789ab_{stars} wr_{stars}")
        );
        assert_eq!(masked("x eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln y"), "x eyJhbGciOiJub25lIn0.**********.**** y");
        for harmless in ["wr_short wk_0123456789ab_short", "wr_", "wk_", "", "a.eyeball"] {
            assert_eq!(masked(harmless), harmless);
        }
    }

    #[test]
    fn a_secret_that_is_cut_is_one_where_texts_may_be() {
        let mut text = b"Process 1: SELECT 'wk_0123456789ab_abc\nProcess 2: wr_orders, wi_x".to_vec();
        mask_cut_secrets(&mut text);
        assert_eq!(text, b"Process 1: SELECT 'wk_0123456789ab_***\nProcess 2: wr_orders, wi_*");
        assert_eq!(masked("SELECT 'wk_0123456789ab_abc\n"), "SELECT 'wk_0123456789ab_abc\n");
    }

    #[test]
    fn the_tree_of_a_statement_is_known() {
        for tree in ["   {QUERY \n", "(\n   {RAWSTMT", "{PLANNEDSTMT"] {
            assert!(is_tree(tree.as_bytes()), "{tree}");
        }
        for other in ["parameters: $1 = '{}'", "(1, 2)", ""] {
            assert!(!is_tree(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn functions_with_passwords_are_known_however_they_are_written() {
        for query in [
            "SELECT warden.login('a')",
            "\"warden\".\"login\"('a')",
            "Warden . LOGIN(",
            "x set_password(",
            "SETUP_OWNER",
            "SELECT * FROM Redeem_Invite(",
            "warden.refresh(",
            "warden.logout(",
        ] {
            assert!(names_function_with_password(query.as_bytes()), "{query}");
        }
        for query in [
            "INSERT INTO login VALUES (1)",
            "REFRESH MATERIALIZED VIEW v",
            "SELECT warden.version()",
            "warden",
            "",
            "warden.",
            "app.login(1)",
        ] {
            assert!(!names_function_with_password(query.as_bytes()), "{query}");
        }
    }

    #[test]
    fn prepared_statements_are_found_by_name() {
        let names: Vec<_> = executed(b"BEGIN; EXECUTE p('x'); execute \"Q r\" (1); EXECUTE").collect();
        assert_eq!(names, [b"p".as_slice(), b"Q", b""]);
    }

    #[test]
    fn a_quoted_value_is_masked() {
        let mut text = b"invalid input for type inet: \"hunter2 x\"".to_vec();
        mask_from(&mut text, |byte| byte == b'"');
        assert_eq!(text, b"invalid input for type inet: \"******* *\"");
    }
}
