//! Bringing a protected tree and what is remembered of it together again, after something has changed beneath it.
//!
//! It is judged by the state a command leaves behind, not by its words: the plan that would protect the
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
use super::{acting, allow, apply, checks, plan, table_owner};
use crate::error::{Error, Result};
use crate::{audit, caller, spi};
use pgrx::pg_sys::Oid;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Brings a protected tree and what is remembered of it together again, or refuses what happened.
///
/// Of a large tree only the root, what is new in it and the tables that changed are looked at; the new
/// name of a column and a first foreign key concern all of it.
pub fn tree(root: u32, changed: &[u32], new_column_name: Option<&str>, restoring: bool) -> Result<()> {
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

/// Shows the table to nobody, until the dump that is being restored brings its policies.
pub fn close(table: &Table) -> Result<()> {
    if table.row_security || !matches!(table.kind, 'r' | 'p') {
        return Ok(());
    }
    let sql = format!("ALTER TABLE ONLY {} ENABLE ROW LEVEL SECURITY", table.name);
    acting::during(|| table_owner::act_as(Oid::from(table.owner), || spi::write(&sql, &[])))?;
    Ok(())
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
