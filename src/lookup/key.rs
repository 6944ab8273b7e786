//! What rows are looked up by: the columns of a key, and values of theirs.

use crate::uuids::to_pgrx;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;
use uuid::Uuid;

/// A column of a key: its name and the function that compares two values of it.
pub struct Key {
    pub(super) column: &'static CStr,
    pub(super) kind: Oid,
    pub(super) equal: u32,
}

impl Key {
    pub const fn uuid(column: &'static CStr) -> Self {
        Self { column, kind: pg_sys::UUIDOID, equal: pg_sys::F_UUID_EQ }
    }

    pub const fn role(column: &'static CStr) -> Self {
        Self { column, kind: pg_sys::REGROLEOID, equal: pg_sys::F_OIDEQ }
    }

    pub const fn inet(column: &'static CStr) -> Self {
        Self { column, kind: pg_sys::INETOID, equal: pg_sys::F_NETWORK_EQ }
    }

    pub const fn relation(column: &'static CStr) -> Self {
        Self { column, kind: pg_sys::REGCLASSOID, equal: pg_sys::F_OIDEQ }
    }

    pub const fn text(column: &'static CStr) -> Self {
        Self { column, kind: pg_sys::TEXTOID, equal: pg_sys::F_TEXTEQ }
    }
}

/// An id as the value of a key, where it is: good for as long as that stays there.
pub fn uuid_in_place(id: &Uuid) -> Option<Datum> {
    Some(Datum::from(id.as_bytes().as_ptr()))
}

/// An id as the value of a key.
pub fn uuid_datum(id: &Uuid) -> Option<Datum> {
    to_pgrx(*id).into_datum()
}
