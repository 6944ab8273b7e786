//! The errors of the extension, and the one place that gives them SQLSTATE, detail and hint.
//!
//! Messages follow the Postgres style guide: lower case, no full stop, the remedy in the hint.
//! No message holds a secret or says whether a foreign thing exists.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

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
    /// 22023: the argument cannot be used.
    InvalidArgument { message: String, detail: String, hint: String },
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
    pub fn report(self) -> ErrorReport {
        let (code, message, detail, hint) = self.parts();
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
            Self::InvalidArgument { message, detail, hint } => {
                (Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, hint)
            }
            Self::WrongState { message, detail, hint } => {
                (Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, detail, hint)
            }
            Self::Internal { message } => (Code::ERRCODE_INTERNAL_ERROR, message, none(), none()),
        }
    }
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
