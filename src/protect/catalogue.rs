//! Reading the catalogue and the extension's own record of protected tables.

use super::facts::{Table, Tree};
use super::options::{Changes, Options};
use super::original::OriginalPolicy;
use super::policy;
use crate::caller;
use crate::error::{Error, Result};
use crate::spi::{self, Statement};
use pgrx::pg_sys::{self, Oid};
use pgrx::{IntoDatum, JsonB};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// One row of `warden.protections`.
#[derive(Debug, Clone, Deserialize)]
pub struct Protection {
    pub relation: u32,
    pub root: u32,
    #[serde(flatten)]
    pub options: Options,
    pub changes: Changes,
}

/// The table and everything below it, parents before children.
pub fn members(relation: u32) -> Result<Vec<u32>> {
    thread_local! {
        static MEMBERS: Statement = const { Statement::new(
            c"SELECT array_agg(t.member::oid ORDER BY t.depth, t.member::oid) FROM warden.table_tree($1) t",
            &[pg_sys::REGCLASSOID],
        ) };
    }
    let arguments = [Oid::from(relation).into_datum()];
    let members = MEMBERS.with(|statement| statement.first(&arguments, |row| row.get::<Vec<Oid>>(1)))?;
    let members = members.flatten().unwrap_or_default();
    if members.is_empty() {
        return Err(Error::invalid("table does not exist", "Name a table of this database."));
    }
    Ok(members.into_iter().map(Oid::to_u32).collect())
}

/// What the catalogue says about these tables.
pub fn facts(members: &[u32], options: &Options) -> Result<Tree> {
    thread_local! {
        static TREE_FACTS: Statement = const { Statement::new(
            c"SELECT warden.tree_facts($1, $2, $3, $4, $5, $6)",
            &[pg_sys::OIDARRAYOID, pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
        ) };
    }
    let members: Vec<Oid> = members.iter().copied().map(Oid::from).collect();
    let arguments = [
        members.into_datum(),
        options.owner_column.clone().into_datum(),
        options.tenant_column.clone().into_datum(),
        options.parent_column.clone().into_datum(),
        options.public_column.clone().into_datum(),
        options.key_column.clone().into_datum(),
    ];
    let facts = TREE_FACTS.with(|statement| statement.first(&arguments, |row| row.get::<JsonB>(1)))?;
    match facts.flatten() {
        Some(JsonB(facts)) => parse(facts),
        None => Err(Error::internal("the catalogue has no answer")),
    }
}

/// What it says about the table and everything below it.
pub fn tree(relation: u32, options: &Options) -> Result<Tree> {
    facts(&members(relation)?, options)
}

/// How a table is protected, with everything that has the same root; empty for an unprotected one.
pub fn family(relation: u32) -> Result<BTreeMap<u32, Protection>> {
    Ok(protections(relation, false)?.into_iter().map(|row| (row.relation, row)).collect())
}

/// How one table is protected.
pub fn protection(relation: u32) -> Result<Option<Protection>> {
    Ok(protections(relation, true)?.pop())
}

fn protections(relation: u32, alone: bool) -> Result<Vec<Protection>> {
    thread_local! {
        static FAMILY: Statement =
            const { Statement::new(
            c"SELECT warden.protection_family($1, $2)",
            &[pg_sys::REGCLASSOID, pg_sys::BOOLOID],
        ) };
    }
    let arguments = [Oid::from(relation).into_datum(), alone.into_datum()];
    let rows = FAMILY.with(|statement| statement.first(&arguments, |row| row.get::<JsonB>(1)))?;
    rows.flatten().map_or(Ok(Vec::new()), |JsonB(rows)| parse(rows))
}

/// The policies of a table that `protect` did not write, in full.
pub fn original_policies(relation: u32) -> Result<Vec<OriginalPolicy>> {
    let found =
        spi::read("SELECT warden.policies_in_full($1)", &[Oid::from(relation).into()], |row| Ok(row.get::<JsonB>(1)?))?;
    let policies: Vec<OriginalPolicy> = match found.into_iter().flatten().next() {
        Some(JsonB(policies)) => parse(policies)?,
        None => Vec::new(),
    };
    Ok(policies.into_iter().filter(|found| !policy::is_policy_name(&found.name)).collect())
}

/// A protected table whose rows belong to rows of this one.
pub fn dependent(relation: u32) -> Result<Option<String>> {
    let names = spi::read(
        "SELECT p.relation::text FROM warden.protections p
         JOIN pg_constraint o ON o.conrelid = p.relation AND o.contype = 'f' AND cardinality(o.conkey) = 1
         JOIN pg_attribute a ON a.attrelid = p.relation AND a.attnum = o.conkey[1] AND a.attname = p.parent_column
         WHERE o.confrelid = $1 LIMIT 1",
        &[Oid::from(relation).into()],
        |row| Ok(row.get::<String>(1)?.unwrap_or_default()),
    )?;
    Ok(names.into_iter().next())
}

/// Whether the client acts with the rights of the table's owner.
fn caller_owns(table: &Table) -> Result<bool> {
    caller_has_role(table.owner)
}

/// Whether the client acts with the rights of a role.
pub fn caller_has_role(role: u32) -> Result<bool> {
    let answers =
        spi::read("SELECT pg_has_role($1, $2, 'USAGE')", &[caller::oid().into(), Oid::from(role).into()], |row| {
            Ok(row.get::<bool>(1)?.unwrap_or(false))
        })?;
    Ok(answers.contains(&true))
}

/// Refuses everybody but the owner of the table.
///
/// # Errors
/// 42501.
pub fn require_owner(table: &Table) -> Result<()> {
    caller::require_own_statement()?;
    if caller_owns(table)? {
        return Ok(());
    }
    Err(Error::forbidden(
        format!("must be owner of table {}", table.name),
        format!("Call this as {}, in a migration say.", table.owner_name),
    ))
}

/// Through a parent that is not protected every row of a protected child could be read.
pub fn refuse_open_parent(table: u32) -> Result<()> {
    thread_local! {
        static OPEN_PARENT: Statement =
            const { Statement::new(c"SELECT warden.open_parent($1)", &[pg_sys::OIDOID]) };
    }
    let arguments = [Oid::from(table).into_datum()];
    let open = OPEN_PARENT.with(|statement| statement.first(&arguments, |row| row.get::<String>(1)))?;
    match open.flatten() {
        None => Ok(()),
        Some(pair) => Err(Error::wrong_state(
            format!("rows of a protected table would be read through one that is not protected: {pair}"),
            "Protect the parent first, in the same transaction unprotect the child, and attach it then.",
        )),
    }
}

/// Reads what one of the extension's SQL functions has put together.
pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::internal(format!("the catalogue was not understood: {error}")))
}
