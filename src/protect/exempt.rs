//! Tables that need no protection: `exempt` and `unexempt`.

use super::facts::Table;
use super::options::Options;
use super::{apply, catalogue};
use crate::error::{Error, Result, or_raise};
use crate::{audit, caller, spi};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde_json::json;

/// Declares that a table needs no protection. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn exempt(table_name: Option<Oid>, reason: Option<String>) -> bool {
    or_raise(super::named(table_name).and_then(|table| declare(table, reason.as_deref().unwrap_or_default().trim())))
}

/// Takes that declaration back. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn unexempt(table_name: Option<Oid>) -> bool {
    or_raise(super::named(table_name).and_then(take_back))
}

/// Forgets that tables are exempt: they are gone, or protected now.
pub fn forget(tables: &[u32]) -> Result<()> {
    let tables: Vec<Oid> = tables.iter().copied().map(Oid::from).collect();
    spi::write("DELETE FROM warden.exemptions e WHERE e.relation = ANY ($1)", &[tables.into()])?;
    Ok(())
}

fn declare(relation: u32, reason: &str) -> Result<bool> {
    let tree = catalogue::tree(relation, &Options::none())?;
    let table = apply::first(&tree)?;
    catalogue::require_owner(table)?;
    check(table)?;
    if reason.is_empty() {
        return Err(Error::invalid(
            "no reason is given",
            "Say why every client may see all rows of this table, for those who read the list later.",
        ));
    }
    let table_id = Oid::from(relation);
    let was_exempt =
        spi::write("DELETE FROM warden.exemptions e WHERE e.relation = $1 RETURNING 1", &[table_id.into()])? > 0;
    spi::write(
        "INSERT INTO warden.exemptions (relation, reason, exempted_by) VALUES ($1, $2, $3)",
        &[table_id.into(), reason.into(), caller::name().into()],
    )?;
    audit::record("exempt", Some(&table.name), json!({ "reason": reason }))?;
    Ok(!was_exempt)
}

fn take_back(relation: u32) -> Result<bool> {
    let tree = catalogue::tree(relation, &Options::none())?;
    let table = apply::first(&tree)?;
    catalogue::require_owner(table)?;
    let ended =
        spi::write("DELETE FROM warden.exemptions e WHERE e.relation = $1 RETURNING 1", &[Oid::from(relation).into()])?
            > 0;
    if ended {
        audit::record("unexempt", Some(&table.name), json!({}))?;
    }
    Ok(ended)
}

fn check(table: &Table) -> Result<()> {
    let name = &table.name;
    if !matches!(table.kind, 'r' | 'p')
        || table.temporary
        || ["pg_catalog", "information_schema", "warden"].contains(&table.schema.as_str())
    {
        return Err(Error::invalid(
            format!("{name} is not a table of the application"),
            "Only what could be protected can be exempt from it.",
        ));
    }
    if catalogue::protection(table.oid)?.is_some() {
        return Err(Error::wrong_state(
            format!("{name} is protected"),
            "Call warden.unprotect() first; to let others see some of its rows, protect it with public_column, or use warden.allow().",
        ));
    }
    if table.has_parent() {
        return Err(Error::invalid(
            format!("{name} is a partition or child of another table"),
            "Exempt the table at the top: its partitions and children follow.",
        ));
    }
    Ok(())
}
