//! The two hooks into the server: one notices expiry; one sees what is reported, keeps secrets out of the
//! server log, and gives errors the SQLSTATE of the style that the client has chosen.

#![allow(unsafe_code)]

use crate::{clock, error, sealed, unguarded};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};

static mut PREVIOUS_EXECUTOR_START: pg_sys::ExecutorStart_hook_type = None;
static mut PREVIOUS_EMIT_LOG: pg_sys::emit_log_hook_type = None;

thread_local! {
    /// When the client message arrived in which a function last took a secret.
    static SECRET_TAKEN_AT: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// Installs the hooks. Called once when the library is loaded into a process.
pub fn install() {
    // SAFETY: runs once, before any other thread could exist; earlier hooks are kept and called.
    unsafe {
        PREVIOUS_EXECUTOR_START = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(executor_start);
        PREVIOUS_EMIT_LOG = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit_log);
    }
}

/// Marks the client's current message as holding a secret: until the next message no error and no
/// notice writes the statement, or the parameters and context that quote it, to the server log.
///
/// Marked for success too: in `SELECT warden.authenticate('…'), 1/0` the error is another's.
pub fn hide_statement() {
    SECRET_TAKEN_AT.set(unguarded::statement_timestamp());
}

/// Every statement that reads a table starts here, nested ones in functions too. Without a guard: what
/// is done here cannot fail, and an error of Postgres passes over a frame in which nothing waits to be
/// dropped.
unsafe extern "C-unwind" fn executor_start(query: *mut pg_sys::QueryDesc, eflags: c_int) {
    // A worker does what its leader decided.
    // SAFETY: reads a variable; then passes on what Postgres passed.
    unsafe {
        if pg_sys::ParallelWorkerNumber < 0 {
            sealed::notice_expiry(clock::now);
        }
        match PREVIOUS_EXECUTOR_START {
            Some(previous) => previous(query, eflags),
            None => unguarded::raising::standard_ExecutorStart(query, eflags),
        }
    }
}

/// Runs while an error is reported, so it must not fail, allocate or call into Postgres.
unsafe extern "C-unwind" fn emit_log(data: *mut pg_sys::ErrorData) {
    // SAFETY: Postgres passes the error it is about to write, and its variables are readable.
    unsafe {
        if !data.is_null() && (*data).elevel == PgLogLevel::ERROR as i32 {
            (*data).sqlerrcode =
                error::code_for_client((*data).sqlerrcode, bytes((*data).message), bytes((*data).context));
        }
        if !data.is_null() && statement_holds_secret() {
            (*data).hide_stmt = true;
            (*data).hide_ctx = true;
            // The QUERY line, which quotes a statement inside a function.
            (*data).internalquery = std::ptr::null_mut();
            // Postgres itself quotes a literal that does not fit: authenticate('…') with its arguments
            // swapped is an invalid address. And log_statement logs statements as messages.
            mask_tokens((*data).message);
            mask_tokens((*data).detail);
        }
        if let Some(previous) = PREVIOUS_EMIT_LOG {
            pg_guard_ffi_boundary(|| previous(data));
        }
    }
}

/// The text of an error, which may be absent.
unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the texts of an error are NUL-terminated and live as long as it.
    if text.is_null() { &[] } else { unsafe { CStr::from_ptr(text).to_bytes() } }
}

/// True in the message that called such a function, and in every message whose text names one or
/// holds a token: a statement that is refused before the function runs (a syntax error, a failed
/// transaction) holds the literal all the same.
unsafe fn statement_holds_secret() -> bool {
    // SAFETY: the query text is NUL-terminated and lives as long as the message.
    unsafe {
        if SECRET_TAKEN_AT.get() == unguarded::statement_timestamp() {
            return true;
        }
        let query = pg_sys::debug_query_string;
        !query.is_null() && holds_secret(CStr::from_ptr(query).to_bytes())
    }
}

fn holds_secret(query: &[u8]) -> bool {
    names_function_with_secret(query) || find_token(query).is_some()
}

/// Overwrites the claims and the signature of every token in the text of an error, in place.
unsafe fn mask_tokens(text: *mut c_char) {
    if text.is_null() {
        return;
    }
    // SAFETY: the texts of an error are NUL-terminated copies that belong to it.
    let text = unsafe {
        let length = CStr::from_ptr(text).to_bytes().len();
        std::slice::from_raw_parts_mut(text.cast::<u8>(), length)
    };
    let mut rest = text;
    while let Some(start) = find_token(rest) {
        rest = &mut rest[start..];
        for byte in rest.iter_mut() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => *byte = b'*',
                b'.' => {}
                _ => break,
            }
        }
    }
}

/// Where the claims of a JSON Web Token begin.
fn find_token(text: &[u8]) -> Option<usize> {
    text.windows(4).position(|part| TOKEN_CLAIMS.iter().any(|claims| part == *claims))
}

fn names_function_with_secret(query: &[u8]) -> bool {
    FUNCTIONS_WITH_SECRETS.iter().any(|name| query.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name)))
}

/// A dot, and how claims begin in base64url: `{"`, or `{` and the white space that JSON allows after it. It
/// finds a token in `EXECUTE p('…')`, in a call of an application's own function, in a misspelt call.
const TOKEN_CLAIMS: [&[u8; 4]; 5] = [b".eyJ", b".eyA", b".ewo", b".ew0", b".ewk"];

/// The functions that take a token, a key or a password.
const FUNCTIONS_WITH_SECRETS: [&[u8]; 6] =
    [b"authenticate", b"verify_token", b"explain_token", b"trust_issuer", b"set_issuer_keys", REQUEST_HEADERS];

/// The setting that holds a token among the headers of an HTTP request: PostgREST assigns it by a
/// statement of its own, whose parameters are logged where anybody asks for that.
const REQUEST_HEADERS: &[u8] = b"request.headers";
