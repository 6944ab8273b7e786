//! The event triggers: what weakens a protected table is refused, what belongs to it follows.
//!
//! They judge by the state a command leaves behind, not by its words: the plan that would protect the
//! tree anew must have no guard in it for a table that was protected before. What a command has made
//! part of a protected tree is protected in that same command; a table that leaves the tree stays
//! protected by itself.
//!
//! While a dump is restored the guards come one after the other, so an incomplete table is tolerated
//! then, never a foreign policy; and what is new is closed (row security without a policy) instead of
//! protected, so that the dump can bring the policies itself.

use super::catalogue::{self, Protection};
use super::facts::{Table, Tree};
use super::options::Options;
use super::step::{Step, Weight};
use super::{acting, allow, apply, checks, exempt, plan, shares, table_owner};
use crate::error::{Error, Result, or_raise};
use crate::spi::{self, Statement};
use crate::{audit, caller};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::{IntoDatum, JsonB};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

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
            reconcile(*root, &table.lineage, table.new_column_name.as_deref(), changed.restoring)?;
        }
        refuse_open_parent(table.oid)?;
        if let Some(watch) = table.is_new_to
            && !is_protected(table.oid)?
        {
            meet(table.oid, &watch, changed.restoring)?;
        }
        // Only where the rows that follow will still be let in.
        if changed.restoring && table.forced_alone && caller::is_superuser() {
            close(apply::first(&catalogue::tree(table.oid, &Options::none())?)?)?;
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
            reconcile(root, &[table.oid], None, dropped.restoring)?;
        }
    }
    Ok(())
}

/// Writes the policies of the admins of every protected table anew where their list has changed.
pub fn database_roles() -> Result<()> {
    let roots = spi::read("SELECT DISTINCT p.root::oid FROM warden.protections p", &[], |row| Ok(row.get::<Oid>(1)?))?;
    for root in roots.into_iter().flatten() {
        let Some(protection) = catalogue::protection(root.to_u32())? else { continue };
        let tree = catalogue::tree(root.to_u32(), &protection.options)?;
        // What else a table may lack is protect()'s to mend, and its refusals are for those who call it.
        let Ok(steps) = plan::protect(&tree, &protection.options) else { continue };
        let steps: Vec<Step> = steps.into_iter().filter(|step| step.weight == Weight::Overdue).collect();
        apply::execute(&tree, &steps)?;
    }
    Ok(())
}

/// Writes the policies anew of the tables whose rows belong to rows of this one, where what they ask of it has changed.
pub fn children(table: u32) -> Result<()> {
    let roots = spi::read(
        "SELECT DISTINCT p.root::oid FROM warden.protections p
         JOIN pg_constraint o ON o.conrelid = p.relation AND o.contype = 'f' AND cardinality(o.conkey) = 1
         JOIN pg_attribute a ON a.attrelid = p.relation AND a.attnum = o.conkey[1] AND a.attname = p.parent_column
         WHERE o.confrelid = $1 AND p.root <> o.confrelid",
        &[Oid::from(table).into()],
        |row| Ok(row.get::<Oid>(1)?),
    )?;
    for root in roots.into_iter().flatten() {
        let Some(protection) = catalogue::protection(root.to_u32())? else { continue };
        let tree = catalogue::tree(root.to_u32(), &protection.options)?;
        let steps = plan::protect(&tree, &protection.options)?;
        let steps: Vec<Step> = steps.into_iter().filter(|step| step.weight != Weight::Comfort).collect();
        if !steps.is_empty() {
            apply::execute(&tree, &steps)?;
            record_following(apply::first(&tree)?, &steps)?;
        }
        children(root.to_u32())?;
    }
    Ok(())
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

/// Brings a protected tree and what is remembered of it together again, or refuses what happened.
///
/// Of a large tree only the root, what is new in it and the tables that changed are looked at; the new
/// name of a column and a first foreign key concern all of it.
fn reconcile(root: u32, changed: &[u32], new_column_name: Option<&str>, restoring: bool) -> Result<()> {
    // Only a superuser can have restored the record of what is protected, and then goes on with it; for
    // anybody else the settings of a dump excuse nothing.
    let restoring = restoring && caller::connected_as_superuser();
    let mut known = catalogue::family(root)?;
    let Some(protection) = known.get(&root) else { return Ok(()) };
    let mut options = protection.options.clone();
    let members = catalogue::members(root)?;
    let concerned =
        |oid: &u32| *oid == root || changed.contains(oid) || !known.contains_key(oid) || new_column_name.is_some();
    let looked_at: Vec<u32> = members.iter().copied().filter(concerned).collect();
    let mut tree = catalogue::facts(&looked_at, &options)?;
    let renamed = rename(&mut options, &mut known, &tree, new_column_name);
    if renamed {
        tree = catalogue::facts(&looked_at, &options)?;
    }
    let mut planned = plan::protect(&tree, &options);
    let overdue = |steps: &Vec<Step>| steps.iter().any(|step| step.weight == Weight::Overdue);
    if planned.as_ref().is_ok_and(overdue) && looked_at.len() < members.len() {
        // A foreign key of a partitioned table is one of its partitions, too.
        tree = catalogue::facts(&members, &options)?;
        planned = plan::protect(&tree, &options);
    }
    let steps = match planned {
        Ok(steps) => steps,
        Err(_) if restoring && !has_foreign_policy(&tree) => return Ok(()),
        Err(refusal) => return Err(weakened(&tree, &refusal.message)),
    };
    // pg_restore -j may bring policies before the allowances that stand in them.
    let awaits_allowances = restoring && options.allowances.is_empty();
    let weakens = |step: &&Step| match step.weight {
        Weight::Stray => !renamed && !awaits_allowances,
        Weight::Guard => !renamed && !restoring,
        Weight::Overdue | Weight::Comfort => false,
    };
    if let Some(step) = steps.iter().filter(|step| known.contains_key(&step.table)).find(weakens) {
        if new_column_name.is_some() && !options.allowances.is_empty() {
            return Err(names_an_allowance(&tree));
        }
        return Err(weakened(&tree, &format!("to mend it: {}", step.sql)));
    }
    release(root, &known, &members)?;
    admit(root, &tree, &options, &known, steps, renamed, restoring)
}

fn has_foreign_policy(tree: &Tree) -> bool {
    tree.tables.iter().any(|table| checks::foreign_policies(table).next().is_some())
}

/// What is new in the tree is protected; what a renamed column or a first foreign key has left behind is
/// brought up to date.
fn admit(
    root: u32,
    tree: &Tree,
    options: &Options,
    known: &BTreeMap<u32, Protection>,
    steps: Vec<Step>,
    renamed: bool,
    restoring: bool,
) -> Result<()> {
    let is_new = |oid: u32| !known.contains_key(&oid);
    let joins = tree.tables.iter().any(|table| is_new(table.oid));
    if restoring {
        return tree.tables.iter().filter(|table| is_new(table.oid)).try_for_each(close);
    }
    let belongs = |step: &Step| match step.weight {
        Weight::Overdue => true,
        Weight::Comfort => is_new(step.table),
        Weight::Guard | Weight::Stray => renamed || is_new(step.table),
    };
    let steps: Vec<Step> = steps.into_iter().filter(belongs).collect();
    if !joins && !renamed && steps.is_empty() {
        return Ok(());
    }
    if joins {
        refuse_other_columns(tree, options, known)?;
        apply::refuse_unowned_rows(tree, options)?;
    }
    apply::execute(tree, &steps)?;
    apply::remember(root, tree, options, &steps)?;
    record_following(apply::first(tree)?, &steps)
}

/// The tables that have left the tree are protected by themselves from here on.
fn release(root: u32, known: &BTreeMap<u32, Protection>, members: &[u32]) -> Result<()> {
    let mut left: BTreeSet<u32> = known.keys().copied().filter(|oid| !members.contains(oid)).collect();
    while let Some(top) = top_of(&left)? {
        let options = &known.get(&top).ok_or_else(|| Error::internal("a released table is not known"))?.options;
        let tree = catalogue::tree(top, options)?;
        let steps = plan::protect(&tree, options)?;
        let steps: Vec<Step> = steps.into_iter().filter(|step| step.weight != Weight::Comfort).collect();
        for table in &tree.tables {
            spi::write(
                "UPDATE warden.protections p SET root = $2 WHERE p.relation = $1 AND p.root = $3",
                &[Oid::from(table.oid).into(), Oid::from(top).into(), Oid::from(root).into()],
            )?;
            left.remove(&table.oid);
        }
        allow::inherit(root, top)?;
        apply::execute(&tree, &steps)?;
        record_following(apply::first(&tree)?, &steps)?;
    }
    Ok(())
}

/// One of the tables that is below none of the others.
fn top_of(tables: &BTreeSet<u32>) -> Result<Option<u32>> {
    for candidate in tables {
        let mut below_another = false;
        for other in tables.iter().filter(|other| *other != candidate) {
            below_another |= catalogue::members(*other)?.contains(candidate);
        }
        if !below_another {
            return Ok(Some(*candidate));
        }
    }
    Ok(None)
}

/// Follows a renamed column: the one that the tables lack is the one that has a new name.
fn rename(options: &mut Options, known: &mut BTreeMap<u32, Protection>, tree: &Tree, new_name: Option<&str>) -> bool {
    let Some(new_name) = new_name else { return false };
    let missing = |name: &String| tree.tables.iter().all(|table| !table.columns.contains_key(name));
    let mut renamed = false;
    let Options { owner_column, tenant_column, parent_column, public_column, key_column, .. } = options;
    for column in [owner_column, tenant_column, parent_column, public_column, key_column] {
        if let Some(name) = column.clone().filter(missing) {
            *column = Some(new_name.to_owned());
            for protection in known.values_mut() {
                protection.changes.rename(&name, new_name);
            }
            renamed = true;
        }
    }
    renamed
}

/// A table that was protected by itself joins a tree only if the tree is protected by the same columns and scopes.
fn refuse_other_columns(tree: &Tree, options: &Options, known: &BTreeMap<u32, Protection>) -> Result<()> {
    for table in tree.tables.iter().filter(|table| !known.contains_key(&table.oid)) {
        if let Some(protection) = catalogue::protection(table.oid)?
            && !(protection.options.same_columns(options)
                && protection.options.same_scopes(options)
                && protection.options.same_sharing(options))
        {
            return Err(Error::wrong_state(
                format!("{} is protected by other columns or scopes than the table it joins", table.name),
                format!("SELECT warden.unprotect('{}') first, in the same transaction.", table.name),
            ));
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
        return close(root);
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
    refuse_open_parent(table)?;
    audit::record("protect", Some(&root.name), json!({ "watched": true, "statements": apply::statements(&steps) }))
}

/// Shows the table to nobody, until the dump that is being restored brings its policies.
fn close(table: &Table) -> Result<()> {
    if table.row_security || !matches!(table.kind, 'r' | 'p') {
        return Ok(());
    }
    let sql = format!("ALTER TABLE ONLY {} ENABLE ROW LEVEL SECURITY", table.name);
    acting::during(|| table_owner::act_as(Oid::from(table.owner), || spi::write(&sql, &[])))?;
    Ok(())
}

fn is_protected(table: u32) -> Result<bool> {
    Ok(catalogue::protection(table)?.is_some())
}

fn weakened(tree: &Tree, what: &str) -> Error {
    let name = tree.tables.first().map_or("a protected table", |table| table.name.as_str());
    Error::wrong_state(
        format!("this would weaken protected table {name} ({what})"),
        format!(
            "SELECT warden.unprotect('{name}') takes protection away, on the record; SELECT warden.protect('{name}', …) mends what is missing."
        ),
    )
}

/// The text of an allowance is kept by the names that it was given with.
fn names_an_allowance(tree: &Tree) -> Error {
    let name = tree.tables.first().map_or("a protected table", |table| table.name.as_str());
    Error::wrong_state(
        format!("what warden.allow() was told of {name} names this column"),
        "SELECT warden.disallow(…) first, and warden.allow(…) again by the new name, in the same transaction.",
    )
}

fn record_following(table: &Table, steps: &[Step]) -> Result<()> {
    audit::record("protection_follows", Some(&table.name), json!({ "statements": apply::statements(steps) }))
}
