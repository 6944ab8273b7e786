//! Whether a row may refer to its parents: the check inside of the INSERT and UPDATE policies.
//!
//! A foreign key is checked by Postgres without row security, so by itself it would tell which keys
//! of other users exist, and would let a row hang below another user's. This check comes first (the
//! policies are asked before the triggers of foreign keys fire) and looks as the caller, so that a
//! foreign parent and none at all are refused with the same error. It sees what the statement itself
//! has inserted so far: a tree can be written in one statement, parents before children.
//!
//! The foreign keys come from the relation cache, so one added later is covered at once.

#![allow(unsafe_code)]

use super::references;
use crate::error::{Error, Result, or_raise};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use pgrx::{AnyElement, PgList, PgRelation, spi};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::Write;

/// See the comment on the SQL function.
#[pg_extern(sql = false)]
fn parents_visible(member: Oid, written: AnyElement) -> bool {
    or_raise(all_visible(member, written.datum()))
}

struct ForeignKey {
    constraint: Oid,
    referenced: Oid,
    columns: Vec<KeyColumn>,
}

/// One column of a foreign key, and the operator that compares `referenced = referring`.
struct KeyColumn {
    referring: i16,
    referenced: i16,
    operator: Oid,
}

/// One question: is there a row with this key?
struct Lookup {
    sql: String,
    types: Vec<Oid>,
    values: Vec<pg_sys::Datum>,
}

fn all_visible(member: Oid, written: pg_sys::Datum) -> Result<bool> {
    let keys = foreign_keys(member)?;
    if keys.is_empty() {
        return Ok(true);
    }
    let row = WrittenRow::new(written);
    for key in keys {
        if is_repetition(&key, member) {
            continue;
        }
        if let Some(lookup) = lookup(&key, member, &row)?
            && !finds_row(lookup)?
            && !stands(&key, member, &row)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The foreign keys of a table, copied: the list belongs to the relation cache.
fn foreign_keys(member: Oid) -> Result<Vec<ForeignKey>> {
    // SAFETY: the executor holds a lock on the relation that it writes to; the entry is released
    // again here, or by the resource owner should anything raise.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(member);
        if relation.is_null() {
            return Err(Error::internal("the table of a written row does not exist"));
        }
        let list = PgList::<pg_sys::ForeignKeyCacheInfo>::from_pg(pg_sys::RelationGetFKeyList(relation));
        let keys = list
            .iter_ptr()
            .map(|key| {
                let key = &*key;
                let columns = (0..key.nkeys as usize).map(|i| KeyColumn {
                    referring: key.conkey[i],
                    referenced: key.confkey[i],
                    operator: key.conpfeqop[i],
                });
                ForeignKey { constraint: key.conoid, referenced: key.confrelid, columns: columns.collect() }
            })
            .collect();
        pg_sys::RelationClose(relation);
        Ok(keys)
    }
}

/// A foreign key to a partitioned table has a second entry for each partition of that table; only
/// the one for the whole table is a question.
fn is_repetition(key: &ForeignKey, member: Oid) -> bool {
    // SAFETY: a catalogue look-up within a transaction.
    if !unsafe { pg_sys::get_rel_relispartition(key.referenced) } {
        return false;
    }
    constraint_oid(key.constraint, c"conparentid")
        .and_then(|parent| constraint_oid(parent, c"conrelid"))
        .is_some_and(|relation| relation == member)
}

/// A column of type oid of a constraint; `None` where it is zero.
fn constraint_oid(constraint: Oid, column: &CStr) -> Option<Oid> {
    // SAFETY: catalogue look-ups within a transaction; the tuple is released after its attribute, which
    // is passed by value, was read.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::CONSTROID as c_int, constraint.into());
        if tuple.is_null() {
            return None;
        }
        let number = pg_sys::get_attnum(PG_CONSTRAINT, column.as_ptr());
        let mut is_null = false;
        let value =
            pg_sys::SysCacheGetAttr(pg_sys::SysCacheIdentifier::CONSTROID as c_int, tuple, number, &mut is_null);
        pg_sys::ReleaseSysCache(tuple);
        let value = Oid::from(value.value() as u32);
        (!is_null && value != Oid::INVALID).then_some(value)
    }
}

/// The question for one foreign key; `None` where the row refers to nothing by it, or to a table
/// without row security, whose keys are no secret.
fn lookup(key: &ForeignKey, member: Oid, row: &WrittenRow) -> Result<Option<Lookup>> {
    let mut conditions = String::new();
    let mut types = Vec::new();
    let mut values = Vec::new();
    for column in &key.columns {
        let Some(position) = row.position_of(member, column.referring) else {
            // An inheritance child written through its parent: this column is not part of the write.
            return Ok(None);
        };
        let Some(value) = row.value(position) else { return Ok(None) };
        values.push(value);
        types.push(row.type_of(position));
        let conjunction = if conditions.is_empty() { "WHERE" } else { " AND" };
        let name = attribute_name(key.referenced, column.referenced)?;
        let operator = operator_name(column.operator)?;
        write!(conditions, "{conjunction} x.{} {operator} ${}", spi::quote_identifier(name), values.len())
            .map_err(|_| Error::internal("a key look-up could not be written"))?;
    }
    // SAFETY: the relation is locked for as long as it is open, and while it is, its catalogue row is there.
    let parent = unsafe { PgRelation::with_lock(key.referenced, pg_sys::AccessShareLock as pg_sys::LOCKMODE) };
    // SAFETY: as above.
    if !unsafe { (*parent.rd_rel).relrowsecurity } {
        return Ok(None);
    }
    let table = spi::quote_qualified_identifier(parent.namespace(), parent.name());
    // As the foreign key looks: in all partitions, but not in inheritance children.
    // SAFETY: as above.
    let is_partitioned = unsafe { (*parent.rd_rel).relkind } as u8 == pg_sys::RELKIND_PARTITIONED_TABLE;
    let only = if is_partitioned { "" } else { "ONLY " };
    let level = references::condition(key.referenced)?;
    let level = level.as_deref().unwrap_or_default();
    Ok(Some(Lookup { sql: format!("SELECT 1 FROM {only}{table} x {conditions}{level}"), types, values }))
}

/// Whether the row refers to this parent already, as the caller sees it: whoever changes something else of it, when the
/// parent is no longer shared with him, refers to nothing anew. To insert such a row again a unique key forbids.
fn stands(key: &ForeignKey, member: Oid, row: &WrittenRow) -> Result<bool> {
    let (mut conditions, mut types, mut values) = (String::new(), Vec::new(), Vec::new());
    let primary_key = primary_key(member)?;
    if primary_key.is_empty() {
        return Ok(false);
    }
    for attribute in primary_key.into_iter().chain(key.columns.iter().map(|column| column.referring)) {
        let Some(position) = row.position_of(member, attribute) else { return Ok(false) };
        let Some(value) = row.value(position) else { return Ok(false) };
        // Of a type of somebody else's, pg_catalog has no operator.
        if row.type_of(position).to_u32() >= pg_sys::FirstNormalObjectId {
            return Ok(false);
        }
        values.push(value);
        types.push(row.type_of(position));
        let conjunction = if conditions.is_empty() { "WHERE" } else { " AND" };
        let name = spi::quote_identifier(attribute_name(member, attribute)?);
        write!(conditions, "{conjunction} x.{name} OPERATOR(pg_catalog.=) ${}", values.len())
            .map_err(|_| Error::internal("a key look-up could not be written"))?;
    }
    // SAFETY: the executor holds a lock on the relation that it writes to.
    let table = unsafe { PgRelation::with_lock(member, pg_sys::AccessShareLock as pg_sys::LOCKMODE) };
    let table = spi::quote_qualified_identifier(table.namespace(), table.name());
    finds_row(Lookup { sql: format!("SELECT 1 FROM ONLY {table} x {conditions}"), types, values })
}

/// The columns of the primary key; empty where there is none.
fn primary_key(table: Oid) -> Result<Vec<i16>> {
    let mut columns = Vec::new();
    // SAFETY: as in `foreign_keys`; the set is a copy in our memory context.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(table);
        if relation.is_null() {
            return Err(Error::internal("the table of a written row does not exist"));
        }
        let set =
            pg_sys::RelationGetIndexAttrBitmap(relation, pg_sys::IndexAttrBitmapKind::INDEX_ATTR_BITMAP_PRIMARY_KEY);
        pg_sys::RelationClose(relation);
        let mut member = pg_sys::bms_next_member(set, -1);
        while member >= 0 {
            columns.extend(i16::try_from(member + pg_sys::FirstLowInvalidHeapAttributeNumber));
            member = pg_sys::bms_next_member(set, member);
        }
    }
    Ok(columns)
}

/// Asks as the caller, under row security, with a snapshot that includes what the statement wrote.
fn finds_row(mut lookup: Lookup) -> Result<bool> {
    Spi::connect(|_| {
        let plan = kept_plan(&lookup)?;
        let nulls = vec![b' ' as c_char; lookup.values.len()];
        // SAFETY: the plan is kept, and the arrays have the length that it was prepared for.
        unsafe {
            let status = pg_sys::SPI_execute_plan(plan, lookup.values.as_mut_ptr(), nulls.as_ptr(), false, 1);
            if status != pg_sys::SPI_OK_SELECT as i32 {
                return Err(Error::internal(format!("a key look-up ended with status {status}")));
            }
            Ok(pg_sys::SPI_processed > 0)
        }
    })
}

/// The plan of a question. Kept by its whole text, in which every name is qualified, so that a
/// renamed table is another question. Who asks is no part of it: Postgres plans again for another
/// role where row security is involved.
fn kept_plan(lookup: &Lookup) -> Result<pg_sys::SPIPlanPtr> {
    thread_local! {
        static PLANS: RefCell<HashMap<(String, Vec<Oid>), pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
    }
    let question = (lookup.sql.clone(), lookup.types.clone());
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&question).copied()) {
        return Ok(plan);
    }
    let sql = std::ffi::CString::new(lookup.sql.as_str()).map_err(|_| Error::internal("a name holds a zero byte"))?;
    let keep = PLANS.with_borrow(HashMap::len) < MOST_PLANS;
    // SAFETY: called between SPI_connect and SPI_finish; SPI_prepare copies what it is given, and a
    // plan that is not kept lives until SPI_finish.
    let plan = unsafe {
        let types = lookup.types.as_ptr().cast_mut();
        let plan = pg_sys::SPI_prepare(sql.as_ptr(), lookup.types.len() as i32, types);
        if plan.is_null() || (keep && pg_sys::SPI_keepplan(plan) != 0) {
            return Err(Error::internal("a key look-up could not be planned"));
        }
        plan
    };
    if keep {
        PLANS.with_borrow_mut(|plans| plans.insert(question, plan));
    }
    Ok(plan)
}

/// The row that is written, as the policy passes it.
struct WrittenRow {
    tuple: pg_sys::HeapTupleData,
    columns: pg_sys::TupleDesc,
}

impl WrittenRow {
    fn new(row: pg_sys::Datum) -> Self {
        // SAFETY: the argument is declared as a record and not NULL, so it is a composite value; the
        // descriptor is a copy in our memory context, as is the row should it have been compressed.
        unsafe {
            let header = pg_sys::pg_detoast_datum(row.cast_mut_ptr()) as pg_sys::HeapTupleHeader;
            let columns = pg_sys::lookup_rowtype_tupdesc_copy(
                pgrx::heap_tuple_header_get_type_id(header),
                pgrx::heap_tuple_header_get_typmod(header),
            );
            let tuple = pg_sys::HeapTupleData {
                t_len: pgrx::heap_tuple_header_get_datum_length(header) as u32,
                t_data: header,
                ..Default::default()
            };
            Self { tuple, columns }
        }
    }

    /// Where the row has a column of the table. By name: a partition numbers its columns differently
    /// from the table it was written through.
    fn position_of(&self, member: Oid, attribute: i16) -> Option<c_int> {
        // SAFETY: catalogue look-ups; the name is NUL-terminated.
        unsafe {
            let name = pg_sys::get_attname(member, attribute, true);
            if name.is_null() {
                return None;
            }
            let position = pg_sys::SPI_fnumber(self.columns, name);
            (position > 0).then_some(position)
        }
    }

    /// The value at a position; `None` for NULL.
    fn value(&self, position: c_int) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor belong together, and the position is one of the descriptor's.
        let value = unsafe {
            let tuple = (&raw const self.tuple).cast_mut();
            pg_sys::SPI_getbinval(tuple, self.columns, position, &mut is_null)
        };
        (!is_null).then_some(value)
    }

    fn type_of(&self, position: c_int) -> Oid {
        // SAFETY: the position is one of the descriptor's.
        unsafe { pg_sys::SPI_gettypeid(self.columns, position) }
    }
}

fn attribute_name(relation: Oid, attribute: i16) -> Result<String> {
    // SAFETY: a catalogue look-up; the answer is null or NUL-terminated.
    unsafe { text(pg_sys::get_attname(relation, attribute, true)) }
}

/// The operator as `OPERATOR(schema.name)`.
fn operator_name(operator: Oid) -> Result<String> {
    // SAFETY: a catalogue look-up; the operators of pg_catalog are the only ones met in practice, any
    // other is asked for by its own schema.
    unsafe {
        let name = text(pg_sys::get_opname(operator))?;
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::OPEROID as c_int, operator.into());
        if tuple.is_null() {
            return Err(Error::internal("the operator of a foreign key does not exist"));
        }
        let mut is_null = false;
        let number = pg_sys::get_attnum(pg_sys::OperatorRelationId, c"oprnamespace".as_ptr());
        let namespace =
            pg_sys::SysCacheGetAttr(pg_sys::SysCacheIdentifier::OPEROID as c_int, tuple, number, &mut is_null);
        pg_sys::ReleaseSysCache(tuple);
        let schema = text(pg_sys::get_namespace_name(Oid::from(namespace.value() as u32)))?;
        Ok(format!("OPERATOR({}.{name})", spi::quote_identifier(schema)))
    }
}

/// # Safety
/// The pointer is null or points to a NUL-terminated string.
unsafe fn text(name: *mut c_char) -> Result<String> {
    if name.is_null() {
        return Err(Error::internal("an object that a foreign key names does not exist"));
    }
    // SAFETY: not null, and as the caller promises.
    Ok(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

/// More different foreign keys than one backend writes through; beyond it a plan serves one question.
const MOST_PLANS: usize = 256;

/// The catalogue pg_constraint; its number never changes.
const PG_CONSTRAINT: Oid = Oid::from_u32(2606);
