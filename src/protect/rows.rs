//! One row of a shareable table, by its key: what the caller may do with it, and what is done to it for the caller.
//!
//! Whether somebody reaches a row is asked of the table itself, as whoever calls: the answer is that of the policies.
//! To hold a row fast, and to give it to another owner, is done as the owner of the table.

use super::facts::{Column, Kind, Table};
use super::options::{Command, Options};
use super::owner_writes::{defer_nothing, writing_as};
use super::{apply, catalogue, policy, table_owner};
use crate::error::{Error, Result, or_raise};
use crate::kept::Kept;
use crate::{caller, catalog, row_keys, scope_checks, sealed, spi};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::rc::Rc;

/// A table whose rows can be shared.
struct Shareable {
    table: Table,
    options: Options,
    owner: Column,
    key: Column,
}

/// What the caller may do with a row. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn row_access(
    table_name: Option<Oid>,
    id: Option<&str>,
) -> TableIterator<'static, (name!(row_id, String), name!(access, String), name!(owner, Option<String>))> {
    let found = or_raise(shareable(table_name).and_then(|table| table.access(id.unwrap_or_default())));
    TableIterator::new(found)
}

/// The owner of a row, whoever asks. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn row_owner(
    table_name: Option<Oid>,
    id: Option<&str>,
) -> TableIterator<'static, (name!(row_id, String), name!(owner, Option<String>))> {
    let found = or_raise(shareable(table_name).and_then(|table| table.owner_of(id.unwrap_or_default())));
    TableIterator::new(found)
}

/// The tenant of a row, whoever asks. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn row_tenant(table_name: Option<Oid>, id: Option<&str>) -> Option<pgrx::Uuid> {
    or_raise(shareable(table_name).and_then(|table| table.tenant_of(id.unwrap_or_default())))
}

/// A key as shares have it. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn key_of(table_name: Option<Oid>, id: Option<&str>) -> Option<String> {
    or_raise(shareable(table_name).map(|table| Some(table.key(id?)?.0)))
}

/// Whether the caller may change anything in a table at all. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn may_write(table_name: Option<Oid>) -> bool {
    or_raise(shareable(table_name).map(|table| {
        let holds = table.options.scope(Command::Update).is_none_or(scope_checks::is_held);
        holds && !sealed::reads_only()
    }))
}

/// Keeps a row from being deleted until the transaction ends. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn hold_row(table_name: Option<Oid>, id: Option<&str>) -> Option<String> {
    or_raise(shareable(table_name).and_then(|table| table.hold(id.unwrap_or_default())))
}

/// Gives a row to another owner. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn give_row(table_name: Option<Oid>, id: Option<&str>, former: Option<&str>, owner: Option<&str>) -> bool {
    or_raise(
        shareable(table_name).and_then(|table| {
            table.give(id.unwrap_or_default(), former.unwrap_or_default(), owner.unwrap_or_default())
        }),
    )
}

/// How an owner stands in a table's rows. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn owner_kind(table_name: Option<Oid>) -> &'static str {
    or_raise(shareable(table_name).map(|table| match table.owner.kind() {
        Some(Kind::Id) => "user_id",
        Some(Kind::Text) => "external_id",
        Some(Kind::Number) | None => "external_number",
    }))
}

/// # Errors
/// 22023 for any other table.
fn shareable(table_name: Option<Oid>) -> Result<Rc<Shareable>> {
    thread_local! {
        static KNOWN: Kept<u32, Rc<Shareable>> = Kept::default();
    }
    let relation = super::named(table_name).map(Oid::from)?;
    KNOWN.with(|known| known.get(catalog::state(), relation.to_u32(), || read(relation).map(Rc::new)))
}

fn read(relation: Oid) -> Result<Shareable> {
    let not_shareable = || {
        Error::invalid(
            "the rows of this table cannot be shared",
            "Its owner says so: warden.protect(…, shareable => true).",
        )
    };
    let protection = catalogue::protection(relation.to_u32())?.ok_or_else(not_shareable)?;
    let options = protection.options;
    let (Some(key), Some(owner)) = (&options.key_column, &options.owner_column) else { return Err(not_shareable()) };
    let table = apply::first(&catalogue::facts(&[relation.to_u32()], &options)?)?.clone();
    let (key, owner) = (policy::column(&table, key)?.clone(), policy::column(&table, owner)?.clone());
    Ok(Shareable { table, options, owner, key })
}

impl Shareable {
    /// The key as the shares have it; `None` for what no row of the table can have.
    fn key(&self, id: &str) -> Option<(String, DatumWithOid<'static>)> {
        row_keys::parse(Oid::from(self.key.type_id), id)
    }

    fn of_key(&self) -> String {
        format!("FROM ONLY {} x WHERE {} OPERATOR(pg_catalog.=) $1", self.table.name, policy::bare(&self.key, "x."))
    }

    fn access(&self, id: &str) -> Result<Option<(String, String, Option<String>)>> {
        let Some((text, key)) = self.key(id) else { return Ok(None) };
        let sql = format!(
            "SELECT CASE WHEN {} THEN 'owner' ELSE COALESCE(warden.shared_level(x.tableoid, {}), 'view') END, x.{}::pg_catalog.text {}",
            policy::is_owner_in_statement(&self.owner, "x.")?,
            policy::bare(&self.key, "x."),
            self.owner.name,
            self.of_key()
        );
        let found = table_owner::act_as_client(caller::oid(), || {
            spi::read(&sql, &[key], |row| Ok((row.get::<String>(1)?.unwrap_or_default(), row.get::<String>(2)?)))
        })?;
        Ok(found.into_iter().next().map(|(access, owner)| (text, access, owner)))
    }

    fn owner_of(&self, id: &str) -> Result<Option<(String, Option<String>)>> {
        let Some((text, key)) = self.key(id) else { return Ok(None) };
        let sql = format!("SELECT x.{}::pg_catalog.text {}", self.owner.name, self.of_key());
        let found = self.as_owner(|| spi::read(&sql, &[key], |row| Ok(row.get::<String>(1)?)))?;
        Ok(found.into_iter().next().map(|owner| (text, owner)))
    }

    fn tenant_of(&self, id: &str) -> Result<Option<pgrx::Uuid>> {
        let (Some(tenant), Some((_, key))) = (&self.options.tenant_column, self.key(id)) else { return Ok(None) };
        let tenant = policy::column(&self.table, tenant)?;
        let sql = format!("SELECT {} {}", policy::bare(tenant, "x."), self.of_key());
        let found = self.as_owner(|| spi::read(&sql, &[key], |row| Ok(row.get::<pgrx::Uuid>(1)?)))?;
        Ok(found.into_iter().next().flatten())
    }

    /// The owner of the row that is held: by now it may be another one of this key.
    fn hold(&self, id: &str) -> Result<Option<String>> {
        let Some((_, key)) = self.key(id) else { return Ok(None) };
        let sql = format!("SELECT x.{}::pg_catalog.text {} FOR KEY SHARE", self.owner.name, self.of_key());
        let held = self.as_owner(|| spi::change(&sql, &[key], |row| Ok(row.get::<String>(1)?)))?;
        Ok(held.into_iter().next().flatten())
    }

    fn give(&self, id: &str, former: &str, owner: &str) -> Result<bool> {
        let Some((_, key)) = self.key(id) else { return Ok(false) };
        defer_nothing()?;
        let sql = format!(
            "UPDATE ONLY {} x SET {} = $2::pg_catalog.{} WHERE {} OPERATOR(pg_catalog.=) $1 AND x.{}::pg_catalog.text OPERATOR(pg_catalog.=) $3",
            self.table.name,
            self.owner.name,
            match Oid::from(self.owner.type_id) {
                pg_sys::UUIDOID => "uuid",
                pg_sys::INT2OID => "int2",
                pg_sys::INT4OID => "int4",
                pg_sys::INT8OID => "int8",
                _ => "text",
            },
            policy::bare(&self.key, "x."),
            self.owner.name
        );
        let changed = writing_as(Oid::from(self.table.owner), &self.table.schema, || {
            spi::write(&sql, &[key, owner.to_owned().into(), former.to_owned().into()])
        })?;
        Ok(changed == 1)
    }

    /// Reads or locks a row, by its key alone: nothing of anybody's code runs for that.
    fn as_owner<R>(&self, work: impl FnOnce() -> R) -> R {
        table_owner::act_as(Oid::from(self.table.owner), work)
    }
}
