//! The event triggers: what weakens a protected table is refused, what belongs to it follows.
//!
//! Of a protected tree `reconcile` judges what a command has left behind. Here is what there is besides: what clients may
//! not make, tables that come into a watched schema, and what is dropped.

use super::options::Options;
use super::{acting, allow, apply, catalogue, exempt, plan, reconcile, shares};
use crate::error::{Error, Result, or_raise};
use crate::spi::{self, Statement};
use crate::{audit, caller};
use pgrx::JsonB;
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::json;

/// At the end of each command that makes or changes tables. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn after_ddl() {
    if !acting::is_under_way() {
        or_raise(follow_changes());
    }
}

/// At the end of each command that drops something. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn after_drop() {
    if !acting::is_under_way() {
        or_raise(follow_drops());
    }
}

#[derive(Deserialize)]
struct Changed {
    restoring: bool,
    tables: Option<Vec<ChangedTable>>,
}

#[derive(Deserialize)]
struct ChangedTable {
    oid: u32,
    name: String,
    owner: u32,
    makes_trigger: bool,
    /// The table and what is above it: a foreign key concerns these too.
    lineage: Vec<u32>,
    /// The name that the command has given to a column of this table.
    new_column_name: Option<String>,
    /// FORCE ROW LEVEL SECURITY, and row security is not on.
    forced_alone: bool,
    roots: Vec<u32>,
    /// What the watched schema says to this unprotected table.
    is_new_to: Option<Watch>,
    client_refers_to: Option<String>,
}

#[derive(Deserialize)]
struct Watch {
    owner_column: String,
    action: String,
    manage_columns: bool,
    create_index: bool,
}

#[derive(Deserialize)]
struct Dropped {
    restoring: bool,
    tables: Vec<Named>,
    exempt: Vec<Named>,
    schemas: Vec<String>,
    changed: Vec<Incomplete>,
}

/// A protected table that has lost a policy, a trigger or a column.
#[derive(Deserialize)]
struct Incomplete {
    oid: u32,
    roots: Vec<u32>,
}

#[derive(Deserialize)]
struct Named {
    oid: u32,
    name: String,
}

fn follow_changes() -> Result<()> {
    thread_local! {
        static CHANGED_TABLES: Statement = const { Statement::new(c"SELECT warden.changed_tables()", &[]) };
    }
    let changed = CHANGED_TABLES.with(|statement| statement.first(&[], |row| row.get::<JsonB>(1)))?;
    let Some(JsonB(changed)) = changed.flatten() else { return Ok(()) };
    let changed: Changed = catalogue::parse(changed)?;
    for table in changed.tables.unwrap_or_default() {
        if let Some(referred) = table.client_refers_to {
            return Err(Error::forbidden(
                format!("a client's table cannot refer to protected table {referred}"),
                "Its foreign key would tell which keys of other users exist.",
            ));
        }
        if table.makes_trigger && !table.roots.is_empty() && !catalogue::caller_has_role(table.owner)? {
            return Err(Error::forbidden(
                format!("only its owner makes triggers on protected table {}", table.name),
                "A trigger sees the rows of every user.",
            ));
        }
        for root in &table.roots {
            reconcile::tree(*root, &table.lineage, table.new_column_name.as_deref(), changed.restoring)?;
        }
        catalogue::refuse_open_parent(table.oid)?;
        if let Some(watch) = table.is_new_to
            && !is_protected(table.oid)?
        {
            meet(table.oid, &watch, changed.restoring)?;
        }
        // Only where the rows that follow will still be let in.
        if changed.restoring && table.forced_alone && caller::is_superuser() {
            reconcile::close(apply::first(&catalogue::tree(table.oid, &Options::none())?)?)?;
        }
    }
    Ok(())
}

fn follow_drops() -> Result<()> {
    thread_local! {
        static DROPPED: Statement = const { Statement::new(c"SELECT warden.dropped_protection()", &[]) };
    }
    let dropped = DROPPED.with(|statement| statement.first(&[], |row| row.get::<JsonB>(1)))?;
    let Some(JsonB(dropped)) = dropped.flatten() else { return Ok(()) };
    let dropped: Dropped = catalogue::parse(dropped)?;
    for table in &dropped.tables {
        spi::write("DELETE FROM warden.protections p WHERE p.relation = $1", &[Oid::from(table.oid).into()])?;
        allow::forget(&[table.oid])?;
        shares::forget(table.oid)?;
        audit::record("protection_dropped", Some(&table.name), json!({}))?;
    }
    for table in &dropped.exempt {
        exempt::forget(&[table.oid])?;
        audit::record("unexempt", Some(&table.name), json!({ "dropped": true }))?;
    }
    for schema in &dropped.schemas {
        spi::write("DELETE FROM warden.watched_schemas w WHERE w.schema_name = $1::name", &[schema.as_str().into()])?;
        audit::record("unwatch_schema", Some(schema), json!({ "dropped": true }))?;
    }
    for table in dropped.changed {
        for root in table.roots {
            reconcile::tree(root, &[table.oid], None, dropped.restoring)?;
        }
    }
    Ok(())
}

/// A table has come into a watched schema.
fn meet(table: u32, watch: &Watch, restoring: bool) -> Result<()> {
    let options = Options {
        owner_column: Some(watch.owner_column.clone()),
        manage_columns: watch.manage_columns,
        create_index: watch.create_index,
        ..Options::none()
    };
    let tree = catalogue::tree(table, &options)?;
    let root = apply::first(&tree)?;
    if restoring {
        return reconcile::close(root);
    }
    if watch.action == "refuse" {
        return Err(Error::wrong_state(
            format!("table {} has column \"{}\" and is not protected", root.name, watch.owner_column),
            format!(
                "The schema is watched: name the table in except_tables of warden.watch_schema(), or watch with action 'protect'. ({})",
                root.name
            ),
        ));
    }
    if root.has_parent() {
        return Err(Error::wrong_state(
            format!("{} is a child of a table that is not protected", root.name),
            "Protect its parent first: rows of the child are read through it.",
        ));
    }
    let steps = plan::protect(&tree, &options)?;
    apply::refuse_unowned_rows(&tree, &options)?;
    apply::execute(&tree, &steps)?;
    apply::remember(table, &tree, &options, &steps)?;
    catalogue::refuse_open_parent(table)?;
    audit::record("protect", Some(&root.name), json!({ "watched": true, "statements": apply::statements(&steps) }))
}

fn is_protected(table: u32) -> Result<bool> {
    Ok(catalogue::protection(table)?.is_some())
}
