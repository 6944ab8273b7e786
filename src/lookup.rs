//! Reading rows of the extension's own tables by an index, the way Postgres reads its catalogs.
//!
//! Authentication comes before every transaction, and starting a planned statement costs more than
//! all the rest of it: 13 µs for the three tables it needs, against 6 µs this way. What is read is
//! the same: the rows that the given snapshot sees. No transaction id is assigned, and no lock is
//! held beyond the call.

#![allow(unsafe_code)]

use crate::catalog;
use crate::error::{Error, Result};
use crate::place::{Asked, Place};
use crate::unguarded::{self, raising};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum, PgList, text_to_rust_str};
use pgrx::{varatt_is_1b, varatt_is_1b_e, varatt_is_4b_u, vardata_any, varsize_any_exhdr};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::ops::ControlFlow;
use std::ptr;
use uuid::Uuid;

/// The most columns that a key may have, that a lookup may read, and that a table may have.
const MAX_KEY: usize = 3;
const MAX_COLUMNS: usize = 9;
const MAX_ATTRIBUTES: usize = 48;

/// Rows of a table of the schema `warden` by the value of a key. Make it a thread-local.
///
/// The key is found by whatever index leads with its columns, and without an index too, only slower:
/// an administrator may rebuild indexes.
pub struct Lookup {
    table: &'static CStr,
    key: &'static [Key],
    columns: &'static [&'static CStr],
    known: Cell<Option<Known>>,
}

/// A column of a key: its name and the function that compares two values of it.
pub struct Key {
    column: &'static CStr,
    kind: Oid,
    equal: u32,
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

/// Where table, index and columns are, as of one state of the catalog.
#[derive(Clone, Copy)]
struct Known {
    catalog: u64,
    table: Oid,
    index: Oid,
    key: [pg_sys::ScanKeyData; MAX_KEY],
    columns: [Column; MAX_COLUMNS],
}

#[derive(Clone, Copy)]
struct Column {
    number: i16,
    kind: Oid,
    collation: Oid,
}

/// The latest committed state of the database, whatever the isolation level of the transaction: a
/// suspension or revocation is seen under REPEATABLE READ too.
pub struct Latest {
    snapshot: pg_sys::Snapshot,
    /// What the statement sees that is under way; `None` where that is the same, and where there is none.
    statement: Option<pg_sys::Snapshot>,
}

impl Latest {
    /// Calls `read` with a snapshot taken now; within a parallel query, which allows no new one, with the
    /// query's own. No identity is decided there: a parallel query can change no setting.
    pub fn with<R>(read: impl FnOnce(&Self) -> Result<R>) -> Result<R> {
        // SAFETY: the active snapshot outlives the call of `read`, and is popped again (by the abort
        // of the transaction, should `read` raise).
        unsafe {
            let mut statement = None;
            pg_guard_ffi_boundary(|| {
                raising::PushActiveSnapshot(if unguarded::is_in_parallel_mode() {
                    unguarded::active_snapshot()
                } else {
                    statement = unguarded::has_active_snapshot().then(unguarded::active_snapshot);
                    raising::GetLatestSnapshot()
                });
            });
            let result = read(&Self { snapshot: unguarded::active_snapshot(), statement });
            raising::PopActiveSnapshot();
            result
        }
    }

    /// The database as the statement sees it that is under way, where a row was written, or changed, since its snapshot was
    /// taken; `None` for a row that it sees as it is.
    pub fn before(&self, row: &Row<'_>) -> Option<Self> {
        let snapshot = self.statement?;
        // SAFETY: the snapshot is below the active one, and a transaction's; within a transaction.
        let is_since = unsafe {
            pg_sys::TransactionIdIsNormal(row.written_by)
                && !pg_sys::TransactionIdIsCurrentTransactionId(row.written_by)
                && pg_sys::XidInMVCCSnapshot(row.written_by, snapshot)
        };
        is_since.then_some(Self { snapshot, statement: None })
    }
}

/// A row that a [`Lookup`] found.
pub struct Row<'a> {
    values: [Datum; MAX_ATTRIBUTES],
    nulls: [bool; MAX_ATTRIBUTES],
    columns: &'a [Column],
    /// The transaction that has written it; none where that is long ago, and where a row was read at its place.
    written_by: pg_sys::TransactionId,
}

impl Lookup {
    pub const fn new(table: &'static CStr, key: &'static [Key], columns: &'static [&'static CStr]) -> Self {
        assert!(key.len() <= MAX_KEY && columns.len() <= MAX_COLUMNS);
        Self { table, key, columns, known: Cell::new(None) }
    }

    /// Hands the first row with this key to `map`; `None` where there is none.
    ///
    /// A NULL in the key equals nothing.
    pub fn first<R>(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        map: impl FnOnce(&Row<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        self.first_near(latest, key, &Cell::new(None), map)
    }

    /// As [`Lookup::first`], for a unique key whose row is looked for at a place first, and its place
    /// remembered.
    pub fn first_near<R>(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        place: &Cell<Option<Place>>,
        map: impl FnOnce(&Row<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let mut map = Some(map);
        let mut first = None;
        let mut take = |row: &Row<'_>| {
            if let Some(map) = map.take() {
                first = Some(map(row)?);
            }
            Ok(ControlFlow::Break(()))
        };
        let there = match place.get() {
            Some(known) => self.at(latest, key, known, &mut take)?,
            None => false,
        };
        if !there {
            place.set(None);
            self.scan(latest, key, |row, found| {
                place.set(found);
                take(row)
            })?;
        }
        Ok(first)
    }

    /// Hands each row with this key to `visit`, until that breaks off.
    pub fn each(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.scan(latest, key, |row, _| visit(row))
    }

    /// As [`Lookup::each`], by the first columns of the key.
    pub fn each_below(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if key.iter().any(Option::is_none) {
            return Ok(());
        }
        self.scan_by(latest, key, |row, _| visit(row))
    }

    /// Whether the table has no row that the snapshot sees.
    pub fn is_empty(&self, latest: &Latest) -> Result<bool> {
        let mut empty = true;
        self.scan_by(latest, &[], |_, _| {
            empty = false;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(empty)
    }

    fn scan(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        visit: impl FnMut(&Row<'_>, Option<Place>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if self.can_equal(key) { self.scan_by(latest, key, visit) } else { Ok(()) }
    }

    /// By as much of the key as is given; by none of it, every row.
    fn scan_by(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>, Option<Place>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let (known, table) = self.open()?;
        let mut scan_key = known.with_values(key);
        // SAFETY: the relation is open while the scan is, the snapshot is active, and the keys have
        // the types of their columns. Should anything raise, the abort of the transaction closes both.
        unsafe {
            let scan = pg_sys::systable_beginscan(
                table,
                known.index,
                known.index != Oid::INVALID,
                latest.snapshot,
                key.len() as c_int,
                scan_key.as_mut_ptr(),
            );
            let mut visited = Ok(ControlFlow::Continue(()));
            while let Ok(ControlFlow::Continue(())) = visited {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                visited = visit(&row(table, tuple, &known.columns), Place::of(table, scan, tuple));
            }
            pg_sys::systable_endscan(scan);
            pg_sys::table_close(table, pg_sys::AccessShareLock as c_int);
            visited.map(|_| ())
        }
    }

    /// Hands the row at a place to `visit`, if the snapshot sees one there that has this key.
    fn at(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        place: Place,
        visit: impl FnOnce(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<bool> {
        let Some(known) = self.known.get().filter(|_| self.can_equal(key)) else { return Ok(false) };
        let mut scan_key = known.with_values(key);
        let asked = Asked {
            table: known.table,
            catalog: known.catalog,
            snapshot: latest.snapshot,
            key: &mut scan_key[..key.len()],
        };
        let mut row = Row::of(&known.columns);
        // SAFETY: the snapshot is active, the key is that of the table as of this state of the catalog,
        // in which `find` has seen that it has no more columns than a row has room for.
        unsafe {
            let Some(pinned) = place.read(asked, &mut row.values, &mut row.nulls) else { return Ok(false) };
            let visited = visit(&row);
            pinned.release();
            visited.map(|_| true)
        }
    }

    /// Whether there can be a row with this key: NULL equals nothing.
    fn can_equal(&self, key: &[Option<Datum>]) -> bool {
        key.len() == self.key.len() && key.iter().all(Option::is_some)
    }

    /// The table, locked against changes of its definition, and what is known of it since.
    fn open(&self) -> Result<(Known, pg_sys::Relation)> {
        loop {
            let known = self.known()?;
            // SAFETY: raises where the table was dropped this very moment; what else has changed
            // before we had the lock, the callback has heard when we have it.
            unsafe {
                let table = pg_sys::table_open(known.table, pg_sys::AccessShareLock as c_int);
                if known.catalog == catalog::state() {
                    return Ok((known, table));
                }
                pg_sys::table_close(table, pg_sys::AccessShareLock as c_int);
            }
        }
    }

    /// What is known of the table, looked up again where the catalog has changed since.
    fn known(&self) -> Result<Known> {
        let catalog = catalog::state();
        if let Some(known) = self.known.get().filter(|known| known.catalog == catalog) {
            return Ok(known);
        }
        // SAFETY: catalogue look-ups within a transaction; the relation is open while it is read.
        unsafe {
            let schema = pg_sys::get_namespace_oid(c"warden".as_ptr(), true);
            let table = pg_sys::get_relname_relid(self.table.as_ptr(), schema);
            if table == Oid::INVALID {
                return Err(Error::internal("a table of the extension is missing"));
            }
            let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as c_int);
            let known = self.find(relation, catalog);
            pg_sys::table_close(relation, pg_sys::AccessShareLock as c_int);
            let known = known?;
            self.known.set(Some(known));
            Ok(known)
        }
    }

    /// # Safety
    /// `table` is open.
    unsafe fn find(&self, table: pg_sys::Relation, catalog: u64) -> Result<Known> {
        // SAFETY: promised by the caller; scan keys are plain data, for which zero is a valid start.
        unsafe {
            let oid = (*table).rd_id;
            let mut key: [pg_sys::ScanKeyData; MAX_KEY] = Default::default();
            for (entry, of) in key.iter_mut().zip(self.key) {
                let Column { number, kind, collation } = column(oid, of.column)?;
                if kind != of.kind {
                    return Err(Error::internal("a key of the extension has an unexpected type"));
                }
                let (equals, equal) = (pg_sys::BTEqualStrategyNumber as u16, Oid::from(of.equal));
                pg_sys::ScanKeyEntryInitialize(entry, 0, number, equals, Oid::INVALID, collation, equal, Datum::null());
                // The key is kept: it must not point into the memory of this call.
                entry.sk_func.fn_mcxt = pg_sys::TopMemoryContext;
            }
            if (*(*table).rd_att).natts as usize > MAX_ATTRIBUTES {
                return Err(Error::internal("a table of the extension has too many columns"));
            }
            let mut columns = [Column { number: 0, kind: Oid::INVALID, collation: Oid::INVALID }; MAX_COLUMNS];
            for (found, name) in columns.iter_mut().zip(self.columns) {
                *found = column(oid, name)?;
            }
            let index = index(table, &key[..self.key.len()]);
            Ok(Known { catalog, table: oid, index, key, columns })
        }
    }
}

impl Known {
    fn with_values(&self, values: &[Option<Datum>]) -> [pg_sys::ScanKeyData; MAX_KEY] {
        let mut key = self.key;
        for (entry, value) in key.iter_mut().zip(values) {
            entry.sk_argument = value.unwrap_or(Datum::null());
        }
        key
    }
}

/// The row of a tuple.
///
/// # Safety
/// `table` is open, and `tuple` is one of its, valid while the row is used.
unsafe fn row(table: pg_sys::Relation, tuple: pg_sys::HeapTuple, columns: &[Column]) -> Row<'_> {
    let mut row = Row::of(columns);
    // SAFETY: promised by the caller; `find` has seen that the arrays are long enough.
    unsafe {
        pg_sys::heap_deform_tuple(tuple, (*table).rd_att, row.values.as_mut_ptr(), row.nulls.as_mut_ptr());
        let header = &*(*tuple).t_data;
        if u32::from(header.t_infomask) & pg_sys::HEAP_XMIN_FROZEN != pg_sys::HEAP_XMIN_FROZEN {
            row.written_by = header.t_choice.t_heap.t_xmin;
        }
    }
    row
}

/// A btree that leads with the key, or 0.
///
/// # Safety
/// `table` is open.
unsafe fn index(table: pg_sys::Relation, key: &[pg_sys::ScanKeyData]) -> Oid {
    // SAFETY: promised by the caller; each index is open while it is read.
    unsafe {
        let indexes = PgList::<Oid>::from_pg(pg_sys::RelationGetIndexList(table));
        let found = indexes.iter_oid().find(|oid| {
            let index = pg_sys::index_open(*oid, pg_sys::AccessShareLock as c_int);
            let fits = serves(&*index, key);
            pg_sys::index_close(index, pg_sys::AccessShareLock as c_int);
            fits
        });
        found.unwrap_or(Oid::INVALID)
    }
}

/// Whether an index finds every row with this key.
///
/// # Safety
/// `index` is open.
unsafe fn serves(index: &pg_sys::RelationData, key: &[pg_sys::ScanKeyData]) -> bool {
    // SAFETY: promised by the caller: an open index has these.
    unsafe {
        let form = &*index.rd_index;
        let columns = form.indkey.values.as_slice(form.indnkeyatts as usize);
        let collations = std::slice::from_raw_parts(index.rd_indcollation, columns.len());
        let leads = columns.len() >= key.len()
            && key.iter().zip(columns).all(|(key, column)| key.sk_attno == *column)
            && key.iter().zip(collations).all(|(key, collation)| key.sk_collation == *collation);
        let whole = form.indisvalid
            && !form.indcheckxmin
            && pg_sys::heap_attisnull(index.rd_indextuple, pg_sys::Anum_pg_index_indpred as c_int, ptr::null_mut());
        leads && whole && (*index.rd_rel).relam == pg_sys::BTREE_AM_OID
    }
}

fn column(table: Oid, name: &CStr) -> Result<Column> {
    let (mut kind, mut modifier, mut collation) = (Oid::INVALID, 0, Oid::INVALID);
    // SAFETY: catalogue look-ups within a transaction.
    unsafe {
        let number = pg_sys::get_attnum(table, name.as_ptr());
        if number <= 0 {
            return Err(Error::internal("a column of the extension is missing"));
        }
        pg_sys::get_atttypetypmodcoll(table, number, &mut kind, &mut modifier, &mut collation);
        Ok(Column { number, kind, collation })
    }
}

impl<'a> Row<'a> {
    fn of(columns: &'a [Column]) -> Self {
        Self {
            values: [Datum::null(); MAX_ATTRIBUTES],
            nulls: [true; MAX_ATTRIBUTES],
            columns,
            written_by: pg_sys::TransactionId::from(0),
        }
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
        Ok(Uuid::from_bytes(*id.as_bytes()))
    }

    /// A column of type `regclass`, 0 for NULL.
    pub fn relation(&self, position: usize) -> Result<Oid> {
        let (value, _) = self.value(position, |kind| kind == pg_sys::REGCLASSOID)?;
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

/// An id as the value of a key, where it is: good for as long as that stays there.
pub fn uuid_in_place(id: &Uuid) -> Option<Datum> {
    Some(Datum::from(id.as_bytes().as_ptr()))
}

/// An id as the value of a key.
pub fn uuid_datum(id: Uuid) -> Option<Datum> {
    pgrx::Uuid::from_bytes(*id.as_bytes()).into_datum()
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
