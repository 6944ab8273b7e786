//! The errors of the extension, and the one place that gives them SQLSTATE, detail and hint.
//!
//! Messages follow the Postgres style guide: lower case, no full stop, the remedy in the hint.
//! No message holds a secret or says whether a foreign thing exists.

use crate::http_status;
use crate::settings::{self, ErrorStyle};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::RefCell;

/// Why a function refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// 28000, the same words for every credential failure; the reason is in the server log only.
    Unauthenticated,
    /// 28000: the identity was valid and is past its expiry.
    IdentityExpired,
    /// 28000: nobody is signed in where somebody is required.
    IdentityMissing,
    /// 42501: known, but not allowed.
    Forbidden { message: String, hint: String },
    /// P0002: does not exist, or is not yours.
    NotFound { message: String },
    /// 23505: somebody else has it.
    Taken { message: String, detail: String, hint: String },
    /// 22023: the argument cannot be used.
    InvalidArgument { message: String, detail: String, hint: String },
    /// 53400: too many attempts; the seconds to wait are in the detail.
    Throttled { retry_after: i32 },
    /// 55000: not now, or not in this state.
    WrongState { message: String, detail: String, hint: String },
    /// XX000: ours to mend; the check that met it refuses.
    Internal { message: String },
}

impl Error {
    /// 22023 without detail.
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into(), detail: String::new(), hint: hint.into() }
    }

    /// 42501.
    pub fn forbidden(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Forbidden { message: message.into(), hint: hint.into() }
    }

    /// 55000 without detail.
    pub fn wrong_state(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::WrongState { message: message.into(), detail: String::new(), hint: hint.into() }
    }

    /// XX000.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal { message: message.into() }
    }

    /// The error as Postgres reports it.
    fn report(self) -> ErrorReport {
        let (code, message, detail, hint) = self.parts();
        LAST_RAISED.with_borrow_mut(|raised| message.clone_into(raised));
        let mut report = ErrorReport::new(code, message, "");
        if !detail.is_empty() {
            report = report.set_detail(detail);
        }
        if !hint.is_empty() {
            report = report.set_hint(hint);
        }
        report
    }

    /// Raises the error in the current transaction.
    pub fn raise(self) -> ! {
        self.report().report(PgLogLevel::ERROR);
        unreachable!("a report at level ERROR does not return")
    }

    fn parts(self) -> (PgSqlErrorCode, String, String, String) {
        use PgSqlErrorCode as Code;
        let none = String::new;
        match self {
            Self::Unauthenticated => (
                Code::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                "authentication failed".into(),
                none(),
                "The server log has the reason; an administrator can call warden.explain_token().".into(),
            ),
            Self::IdentityExpired => (
                Code::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                "the identity of this transaction has expired".into(),
                none(),
                "Call warden.authenticate() with a fresh token of the same user.".into(),
            ),
            Self::IdentityMissing => (
                Code::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                "nobody is signed in in this transaction".into(),
                none(),
                "Call warden.authenticate() after BEGIN.".into(),
            ),
            Self::Forbidden { message, hint } => (Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message, none(), hint),
            Self::NotFound { message } => (Code::ERRCODE_NO_DATA_FOUND, message, none(), none()),
            Self::Taken { message, detail, hint } => (Code::ERRCODE_UNIQUE_VIOLATION, message, detail, hint),
            Self::InvalidArgument { message, detail, hint } => {
                (Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, hint)
            }
            Self::WrongState { message, detail, hint } => {
                (Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, detail, hint)
            }
            Self::Throttled { retry_after } => (
                Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                "too many failed attempts".into(),
                retry_after.to_string(),
                "Wait as many seconds as the detail says.".into(),
            ),
            Self::Internal { message } => (Code::ERRCODE_INTERNAL_ERROR, message, none(), none()),
        }
    }
}

thread_local! {
    /// The message of the error raised last: how an error of ours is known again when it is reported.
    static LAST_RAISED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The SQLSTATE that the client is sent for an error: under `warden.error_style = postgrest` those of our
/// errors that have a status of their own become `PT` and that status.
///
/// Only on the way to the client: PL/pgSQL that handles an error meets the SQLSTATE of the table in
/// either style. Called while an error is reported, so it neither fails nor allocates.
pub fn code_for_client(code: i32, message: &[u8], context: &[u8]) -> i32 {
    if settings::error_style() == ErrorStyle::Postgres || !is_ours(message, context) {
        return code;
    }
    // Six bits a character, the first lowest (MAKE_SQLSTATE).
    let state = [0, 6, 12, 18, 24].map(|shift| ((code >> shift) & 0x3F) as u8 + b'0');
    match std::str::from_utf8(&state).map_or(500, http_status::status) {
        500 => code,
        status => {
            let digit = |value: i32| value % 10 + i32::from(b'0');
            let state = [i32::from(b'P'), i32::from(b'T'), digit(status / 100), digit(status / 10), digit(status)];
            state.iter().rev().fold(0, |code, character| (code << 6) | ((character - i32::from(b'0')) & 0x3F))
        }
    }
}

/// Raised by [`Error::raise`], or within a PL/pgSQL function of ours: the innermost line of the context
/// names it with its schema, in every language of messages.
fn is_ours(message: &[u8], context: &[u8]) -> bool {
    const SCHEMA: &[u8] = b" warden.";
    let innermost = context.split(|&byte| byte == b'\n').next().unwrap_or_default();
    LAST_RAISED.try_with(|raised| raised.try_borrow().is_ok_and(|raised| raised.as_bytes() == message)).unwrap_or(false)
        || innermost.windows(SCHEMA.len()).any(|part| part == SCHEMA)
}

impl From<pgrx::spi::Error> for Error {
    fn from(error: pgrx::spi::Error) -> Self {
        Self::internal(format!("a statement of the extension failed: {error}"))
    }
}

/// The result of a function that can refuse.
pub type Result<T> = std::result::Result<T, Error>;

/// Turns a result into its value, or raises the error.
pub fn or_raise<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| error.raise())
}
