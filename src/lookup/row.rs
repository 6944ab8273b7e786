//! A row that was found, and the values of its columns: read where they lie, without a copy where that can be.

#![allow(unsafe_code)]

use super::known::{Column, MAX_ATTRIBUTES};
use crate::error::{Error, Result};
use crate::unguarded::raising;
use crate::uuids::from_pgrx;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum, text_to_rust_str};
use pgrx::{varatt_is_1b, varatt_is_1b_e, varatt_is_4b_u, vardata_any, varsize_any_exhdr};
use std::ffi::c_char;
use std::ptr;
use uuid::Uuid;

/// A row that a lookup found.
pub struct Row<'a> {
    pub(super) values: [Datum; MAX_ATTRIBUTES],
    pub(super) nulls: [bool; MAX_ATTRIBUTES],
    columns: &'a [Column],
    /// The transaction that has written it; none where that is long ago.
    pub(super) written_by: pg_sys::TransactionId,
}

impl<'a> Row<'a> {
    /// The row that a tuple holds.
    ///
    /// # Safety
    /// `table` is open, and `tuple` is one of its, valid while the row is used.
    pub(super) unsafe fn of(table: pg_sys::Relation, tuple: pg_sys::HeapTuple, columns: &'a [Column]) -> Self {
        let mut row = Self {
            values: [Datum::null(); MAX_ATTRIBUTES],
            nulls: [true; MAX_ATTRIBUTES],
            columns,
            written_by: pg_sys::TransactionId::from(0),
        };
        // SAFETY: promised by the caller; `Lookup::find` has seen that the arrays are long enough.
        unsafe {
            pg_sys::heap_deform_tuple(tuple, (*table).rd_att, row.values.as_mut_ptr(), row.nulls.as_mut_ptr());
            let header = &*(*tuple).t_data;
            if u32::from(header.t_infomask) & pg_sys::HEAP_XMIN_FROZEN != pg_sys::HEAP_XMIN_FROZEN {
                row.written_by = header.t_choice.t_heap.t_xmin;
            }
        }
        row
    }

    /// The column at `position` of the lookup's columns, counted from 0; `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, position: usize) -> Result<Option<T>> {
        let (value, is_null) = self.value(position, T::is_compatible_with)?;
        // SAFETY: the type of the column is that of `T`.
        Ok(unsafe { T::from_datum(value, is_null) })
    }

    /// A column of type `text`, as [`Row::get`].
    pub fn text(&self, position: usize) -> Result<Option<&str>> {
        let (value, is_null) = self.value(position, |kind| kind == pg_sys::TEXTOID)?;
        // SAFETY: the column is a text, which stays where it is while the row does.
        if is_null { Ok(None) } else { unsafe { text(value) }.map(Some) }
    }

    /// A column of type `uuid`.
    ///
    /// # Errors
    /// For NULL.
    pub fn uuid(&self, position: usize) -> Result<Uuid> {
        let id = self.get::<pgrx::Uuid>(position)?.ok_or_else(|| Error::internal("an id is missing"))?;
        Ok(from_pgrx(id))
    }

    /// A column of type `regclass`, 0 for NULL.
    pub fn relation(&self, position: usize) -> Result<Oid> {
        let (value, _) = self.value(position, |kind| kind == pg_sys::REGCLASSOID)?;
        Ok(Oid::from(value.value() as u32))
    }

    /// A column of type `regrole`, 0 for NULL.
    pub fn role(&self, position: usize) -> Result<Oid> {
        let (value, _) = self.value(position, |kind| kind == pg_sys::REGROLEOID)?;
        Ok(Oid::from(value.value() as u32))
    }

    /// A column of type `timestamptz`, in microseconds since 2000-01-01 UTC.
    pub fn time(&self, position: usize) -> Result<Option<i64>> {
        Ok(self.get::<TimestampWithTimeZone>(position)?.map(TimestampWithTimeZone::into_inner))
    }

    /// A column of type `text[]`; empty for NULL, and without the NULLs in it.
    pub fn texts(&self, position: usize) -> Result<Vec<String>> {
        let (value, is_null) = self.value(position, |kind| kind == pg_sys::TEXTARRAYOID)?;
        if is_null {
            return Ok(Vec::new());
        }
        // SAFETY: the column is an array of text, whose members have these properties; what is
        // allocated belongs to the current memory context.
        unsafe {
            if let Some(members) = plain_members(value) {
                return Ok(members);
            }
            let (mut values, mut nulls, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
            pg_guard_ffi_boundary(|| {
                let array = raising::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
                let (kind, align) = (pg_sys::TEXTOID, pg_sys::TYPALIGN_INT as c_char);
                raising::deconstruct_array(array, kind, -1, false, align, &mut values, &mut nulls, &mut count);
            });
            let members = (0..count as usize).filter(|i| !*nulls.add(*i)).map(|i| text(*values.add(i)));
            members.map(|member| member.map(str::to_owned)).collect()
        }
    }

    fn value(&self, position: usize, fits: impl FnOnce(Oid) -> bool) -> Result<(Datum, bool)> {
        let column = self.columns[position];
        if !fits(column.kind) {
            return Err(Error::internal("a column of the extension has an unexpected type"));
        }
        let number = column.number as usize - 1;
        Ok((self.values[number], self.nulls[number]))
    }
}

/// The members of an array of text, read where it lies: of one dimension or none, without a NULL, neither compressed nor
/// stored elsewhere, as nearly every one is. `None` for any other, which Postgres takes apart.
///
/// # Safety
/// The value is an array of text, which stays for the call.
unsafe fn plain_members(value: Datum) -> Option<Vec<String>> {
    // SAFETY: promised by the caller; what follows the length is as long as that says.
    let array = unsafe {
        let array = value.cast_mut_ptr::<pg_sys::varlena>();
        if !is_plain(array) {
            return None;
        }
        std::slice::from_raw_parts(vardata_any(array).cast::<u8>(), varsize_any_exhdr(array))
    };
    let number = |at: usize| Some(u32::from_ne_bytes(array.get(at..at + 4)?.try_into().ok()?));
    let (dimensions, nulls_before) = (number(0)?, number(4)?);
    if dimensions == 0 {
        return Some(Vec::new());
    }
    // In the other order of bytes the length of a member is written in another way.
    if dimensions > 1 || nulls_before != 0 || cfg!(target_endian = "big") {
        return None;
    }
    let mut at = 20;
    let members = (0..number(12)?).map(|_| {
        let header = number(at)?;
        if header & 3 != 0 {
            return None;
        }
        let end = at + (header >> 2) as usize;
        let member = std::str::from_utf8(array.get(at + 4..end)?).ok()?;
        at = end.next_multiple_of(4);
        Some(member.to_owned())
    });
    members.collect()
}

/// A text, read where it lies unless it is compressed or stored elsewhere.
///
/// # Safety
/// The value is a text, which stays while the answer is used.
unsafe fn text<'a>(value: Datum) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    unsafe {
        let text = value.cast_mut_ptr::<pg_sys::varlena>();
        let text = if is_plain(text) { text } else { pg_sys::pg_detoast_datum_packed(text) };
        text_to_rust_str(text).map_err(|_| Error::internal("a text of the extension is not UTF-8"))
    }
}

/// Whether a value lies where it is found, as it is.
///
/// # Safety
/// It is of variable length.
unsafe fn is_plain(value: *const pg_sys::varlena) -> bool {
    // SAFETY: promised by the caller.
    unsafe { varatt_is_4b_u(value) || (varatt_is_1b(value) && !varatt_is_1b_e(value)) }
}
