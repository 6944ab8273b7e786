//! The key of a row that is shared: of which types it may be, and how it reads as the text that stands in the share.
//!
//! That text is what a share is found by, so there is one form of each key: the one in which its type prints it.

#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::memory_context;
use crate::uuids::{from_pgrx, to_pgrx};
use pgrx::datum::{DatumWithOid, UnboxDatum};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{AnyElement, FromDatum, IntoDatum};
use uuid::Uuid;

/// A value of a type that is known only when it is read.
pub trait Value {
    /// `None` for NULL, and where the value is of another type.
    fn read<T: FromDatum + IntoDatum + for<'a> UnboxDatum<As<'a> = T> + 'static>(&self) -> Option<T>;
}

impl Value for AnyElement {
    fn read<T: FromDatum + IntoDatum + for<'a> UnboxDatum<As<'a> = T> + 'static>(&self) -> Option<T> {
        // SAFETY: the value has the type that the call says it has.
        T::is_compatible_with(self.oid()).then(|| unsafe { self.into() }).flatten()
    }
}

/// Whether rows are shared by keys of this type.
pub fn is_key(kind: Oid) -> bool {
    matches!(
        kind,
        pg_sys::UUIDOID | pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::TEXTOID | pg_sys::VARCHAROID
    )
}

/// A key of this type as a text; `None` for NULL, and for a type of which keys are not.
pub fn text(kind: Oid, key: &impl Value) -> Option<String> {
    match kind {
        pg_sys::UUIDOID => key.read::<pgrx::Uuid>().map(|id| from_pgrx(id).to_string()),
        pg_sys::INT2OID => key.read::<i16>().map(|number| number.to_string()),
        pg_sys::INT4OID => key.read::<i32>().map(|number| number.to_string()),
        pg_sys::INT8OID => key.read::<i64>().map(|number| number.to_string()),
        pg_sys::TEXTOID | pg_sys::VARCHAROID => key.read::<String>(),
        _ => None,
    }
}

/// A key of this type by whatever text somebody has given: the text that it has, and what it is compared with in a
/// statement. `None` for what no row can have.
pub fn parse(kind: Oid, given: &str) -> Option<(String, DatumWithOid<'static>)> {
    Some(match kind {
        pg_sys::UUIDOID => {
            let id = Uuid::parse_str(given.trim()).ok()?;
            (id.to_string(), to_pgrx(id).into())
        }
        pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID => {
            let number: i64 = given.trim().parse().ok()?;
            (number.to_string(), number.into())
        }
        _ => (given.to_owned(), given.to_owned().into()),
    })
}

/// The operator that compares two keys of a type; `None` where an index cannot be asked by it.
pub fn equality(kind: Oid) -> Option<Oid> {
    Some(Oid::from(match kind {
        pg_sys::UUIDOID => UUID_EQ,
        pg_sys::TEXTOID => pg_sys::TextEqualOperator,
        pg_sys::INT2OID => INT2_EQ,
        pg_sys::INT4OID => INT4_EQ,
        pg_sys::INT8OID => INT8_EQ,
        _ => return None,
    }))
}

/// An array of the keys that these texts are, sorted, in a memory context: for a type that has an [`equality`].
///
/// # Safety
/// The context outlives the use of the array.
pub unsafe fn array(context: pg_sys::MemoryContext, kind: Oid, keys: &[&str]) -> Result<Datum> {
    let unreadable = || Error::internal("the key of a share has another type than its table's");
    // SAFETY: the values have the type of the array, whose properties are those of the catalogue; everything is
    // allocated in the given context.
    unsafe {
        let _back = memory_context::switch_to(context);
        let mut values: Vec<Datum> = match kind {
            pg_sys::UUIDOID => {
                let mut ids = keys.iter().map(|key| Uuid::parse_str(key)).collect::<std::result::Result<Vec<_>, _>>();
                let ids = ids.as_mut().map_err(|_| unreadable())?;
                ids.sort_unstable();
                ids.iter().filter_map(|id| to_pgrx(*id).into_datum()).collect()
            }
            pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID => {
                let mut ids = keys.iter().map(|key| key.parse::<i64>()).collect::<std::result::Result<Vec<_>, _>>();
                let ids = ids.as_mut().map_err(|_| unreadable())?;
                ids.sort_unstable();
                ids.iter().map(|id| Datum::from(*id)).collect()
            }
            pg_sys::TEXTOID => {
                let mut ids = keys.to_vec();
                ids.sort_unstable();
                ids.iter().filter_map(|id| id.into_datum()).collect()
            }
            _ => return Err(unreadable()),
        };
        let (mut length, mut by_value, mut align) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(kind, &mut length, &mut by_value, &mut align);
        let count = i32::try_from(values.len()).map_err(|_| Error::internal("too many shares"))?;
        let array = pg_sys::construct_array(values.as_mut_ptr(), count, kind, length.into(), by_value, align);
        Ok(Datum::from(array))
    }
}

// pg_operator.oid, which never changes for these.
const UUID_EQ: u32 = 2972;
const INT2_EQ: u32 = 94;
const INT4_EQ: u32 = 96;
const INT8_EQ: u32 = 410;
