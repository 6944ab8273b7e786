//! Rows that a command may reach although they are not the user's own: `allow` and `disallow`.

use super::facts::{Table, Tree};
use super::options::{Command, Options};
use super::step::{Step, Weight};
use super::{apply, catalogue, expression, plan};
use crate::error::{Error, Result, or_raise};
use crate::{audit, caller, spi};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde_json::json;

/// Widens the policy of a command. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn allow(
    table_name: Option<Oid>,
    command: Option<String>,
    predicate: Option<String>,
    reason: Option<String>,
) -> String {
    or_raise(super::named(table_name).and_then(|table| {
        let reason = reason.as_deref().unwrap_or_default().trim();
        declare(table, command_named(command)?, predicate.as_deref().unwrap_or_default(), reason)
    }))
}

/// Takes it back. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn disallow(table_name: Option<Oid>, command: Option<String>, predicate: Option<String>) -> i32 {
    or_raise(
        super::named(table_name)
            .and_then(|table| take_back(table, command_named(command)?, predicate.as_deref()))
            .map(|count| i32::try_from(count).unwrap_or(i32::MAX)),
    )
}

/// Forgets what was declared of tables: they are gone, unprotected, or follow another one now.
pub fn forget(tables: &[u32]) -> Result<()> {
    let tables: Vec<Oid> = tables.iter().copied().map(Oid::from).collect();
    spi::write("DELETE FROM warden.allowances a WHERE a.relation = ANY ($1)", &[tables.into()])?;
    Ok(())
}

/// A table that leaves its tree takes along what was declared of it there.
pub fn inherit(root: u32, leaving: u32) -> Result<()> {
    spi::write(
        "INSERT INTO warden.allowances (relation, command, predicate, reason, allowed_at, allowed_by)
         SELECT $2, a.command, a.predicate, a.reason, a.allowed_at, a.allowed_by
         FROM warden.allowances a WHERE a.relation = $1",
        &[Oid::from(root).into(), Oid::from(leaving).into()],
    )?;
    Ok(())
}

fn declare(relation: u32, command: Command, predicate: &str, reason: &str) -> Result<String> {
    let tree = protected_tree(relation)?;
    let root = apply::first(&tree)?;
    if reason.is_empty() {
        return Err(Error::invalid(
            "no reason is given",
            "Say why these rows may be reached by others than their owners, for those who read the list later.",
        ));
    }
    apply::lock(root)?;
    let predicate = expression::canonical(root, predicate)?;
    spi::write(
        "INSERT INTO warden.allowances AS a (relation, command, predicate, reason, allowed_by)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (relation, command, predicate) DO UPDATE SET reason = excluded.reason,
             allowed_at = excluded.allowed_at, allowed_by = excluded.allowed_by",
        &[
            Oid::from(relation).into(),
            command.as_str().into(),
            predicate.clone().into(),
            reason.into(),
            caller::name().into(),
        ],
    )?;
    let steps = write_policies(relation)?;
    record("allow", root, json!({ "command": command, "predicate": predicate, "reason": reason }), &steps)?;
    Ok(predicate)
}

fn take_back(relation: u32, command: Command, predicate: Option<&str>) -> Result<usize> {
    let tree = protected_tree(relation)?;
    let root = apply::first(&tree)?;
    apply::lock(root)?;
    let known = catalogue::protection(relation)?.map(|known| known.options.allowances).unwrap_or_default();
    let known = known.into_iter().filter(|allowance| allowance.command == command);
    let known: Vec<String> = known.map(|allowance| allowance.predicate).collect();
    let ended = match predicate {
        None => known,
        // As it is listed: that works also when it could no longer be parsed.
        Some(text) if known.iter().any(|known| known == text) => vec![text.to_owned()],
        Some(text) => vec![expression::canonical(root, text)?],
    };
    let count = spi::write(
        "DELETE FROM warden.allowances a WHERE a.relation = $1 AND a.command = $2 AND a.predicate = ANY ($3) RETURNING 1",
        &[Oid::from(relation).into(), command.as_str().into(), ended.clone().into()],
    )?;
    if count > 0 {
        let steps = write_policies(relation)?;
        record("disallow", root, json!({ "command": command, "predicates": ended }), &steps)?;
    }
    Ok(count)
}

/// The protected table, with everything below it, for its owner only.
fn protected_tree(relation: u32) -> Result<Tree> {
    let tree = catalogue::tree(relation, &Options::none())?;
    let table = apply::first(&tree)?;
    catalogue::require_owner(table)?;
    match catalogue::protection(relation)? {
        None => Err(Error::wrong_state(
            format!("{} is not protected", table.name),
            "Everybody whom it is granted to reaches all of its rows. Call warden.protect() first.",
        )),
        Some(protection) if protection.root != relation => Err(Error::wrong_state(
            format!("{} is protected as part of another table", table.name),
            "Name the table at the top of its partition or inheritance tree.",
        )),
        Some(_) => Ok(tree),
    }
}

/// Brings the policies to what is declared, and sees to it that they will be recognised.
fn write_policies(relation: u32) -> Result<Vec<Step>> {
    let (tree, options, steps) = missing(relation)?;
    apply::execute(&tree, &steps)?;
    apply::remember(relation, &tree, &options, &steps)?;
    match missing(relation)?.2.first() {
        None => Ok(steps),
        Some(step) => Err(Error::internal(format!("a policy is not as it was written: {}", step.sql))),
    }
}

fn missing(relation: u32) -> Result<(Tree, Options, Vec<Step>)> {
    let protection =
        catalogue::protection(relation)?.ok_or_else(|| Error::internal("a protected table is not known"))?;
    let tree = catalogue::tree(relation, &protection.options)?;
    let mut steps = plan::protect(&tree, &protection.options)?;
    steps.retain(|step| step.weight != Weight::Comfort);
    Ok((tree, protection.options, steps))
}

fn record(action: &str, table: &Table, mut detail: serde_json::Value, steps: &[Step]) -> Result<()> {
    detail["statements"] = json!(apply::statements(steps));
    audit::record(action, Some(&table.name), detail)
}

fn command_named(name: Option<String>) -> Result<Command> {
    let name = name.unwrap_or_default().to_uppercase();
    Command::ALL.into_iter().find(|command| command.as_str() == name).ok_or_else(|| {
        Error::invalid("unknown command", "Name one of SELECT, INSERT, UPDATE and DELETE; call this once for each.")
    })
}
