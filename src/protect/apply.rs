//! Executing a plan, and remembering what it did.

use super::catalogue;
use super::facts::{Table, Tree};
use super::options::{Changes, Options};
use super::step::Step;
use super::{acting, allow, checks, exempt, plan, policy, reconcile, shares, step, table_owner, undo};
use crate::access_level::Level;
use crate::error::{Error, Result};
use crate::{audit, caller, catalog, spi};
use pgrx::pg_sys::Oid;
use pgrx::{JsonB, notice};
use serde_json::json;
use std::collections::BTreeMap;

/// Protects a table and everything below it, or says what it would do.
pub fn protect(
    relation: u32,
    options: &Options,
    shareable: bool,
    replace_policies: bool,
    dry_run: bool,
) -> Result<Vec<Step>> {
    let known = catalogue::protection(relation)?;
    let allowances = known.map(|known| known.options.allowances).unwrap_or_default();
    let key_column = if shareable { Some(primary_key(relation)?) } else { None };
    let options = &Options { allowances, key_column, ..options.clone() };
    let (tree, steps) = prepare(relation, options, replace_policies)?;
    let known = catalogue::family(relation)?;
    // Not everything that is declared stands in a policy or trigger.
    let is_known = |table: &Table| known.get(&table.oid).is_some_and(|known| known.options == *options);
    if steps.is_empty() && tree.tables.iter().all(is_known) {
        return Ok(steps);
    }
    if dry_run {
        refuse_unowned_rows(&tree, options)?;
        return Ok(steps);
    }
    // The strongest lock first: whoever climbs to it by way of weaker ones meets deadlocks.
    lock(first(&tree)?)?;
    // Somebody may have changed the table while we waited.
    let (tree, steps) = prepare(relation, options, replace_policies)?;
    refuse_unowned_rows(&tree, options)?;
    if shareable && known.get(&relation).is_none_or(|known| known.options.key_column.is_none()) {
        shares::begin(relation)?;
        advise_on_names(first(&tree)?, options)?;
    }
    execute(&tree, &steps)?;
    remember(relation, &tree, options, &steps)?;
    catalogue::refuse_open_parent(relation)?;
    reconcile::children(relation)?;
    let root = first(&tree)?;
    audit::record("protect", Some(&root.name), json!({ "options": options, "statements": statements(&steps) }))?;
    Ok(steps)
}

/// Takes protection away from a table and everything below it.
pub fn unprotect(relation: u32, restore_policies: bool) -> Result<Vec<Step>> {
    let known = catalogue::family(relation)?;
    let Some(protection) = known.get(&relation) else {
        // Nothing to undo; but only for whom there could have been something.
        let nothing = Options::none();
        catalogue::require_owner(first(&catalogue::tree(relation, &nothing)?)?)?;
        return Ok(Vec::new());
    };
    let options = &protection.options;
    let tree = catalogue::tree(relation, options)?;
    let root = first(&tree)?;
    catalogue::require_owner(root)?;
    // REASSIGN OWNED, which no event trigger sees, may have given it to a client.
    if let Some(client) = root.client_owner.as_ref().filter(|_| !caller::is_superuser()) {
        return Err(Error::wrong_state(
            format!("client role {client} owns {}, or can become its owner {}", root.name, root.owner_name),
            "Superusers may take protection away, or give the table to a role that no client can become.",
        ));
    }
    if protection.root != relation {
        return Err(Error::wrong_state(
            format!("{} is protected as part of another table", root.name),
            "Unprotect the table at the top of its partition or inheritance tree.",
        ));
    }
    for table in &tree.tables {
        if let Some(child) = catalogue::dependent(table.oid)? {
            return Err(Error::wrong_state(
                format!("rows of {child} belong to rows of {}", table.name),
                format!("Unprotect {child} first: without this table's policies it would show all of its rows."),
            ));
        }
    }
    lock(root)?;
    let tree = catalogue::tree(relation, options)?;
    let mut changes: BTreeMap<u32, Changes> = known.into_iter().map(|(oid, known)| (oid, known.changes)).collect();
    for changes in changes.values_mut() {
        forget_dropped_roles(changes)?;
        if !restore_policies {
            changes.policies.clear();
        }
    }
    let steps = undo::unprotect(&tree, &changes);
    execute(&tree, &steps)?;
    spi::write("DELETE FROM warden.protections p WHERE p.root = $1", &[Oid::from(relation).into()])?;
    allow::forget(&[relation])?;
    shares::end(relation);
    audit::record("unprotect", Some(&root.name), json!({ "statements": statements(&steps) }))?;
    Ok(steps)
}

/// What was for a role that is gone cannot be given back.
fn forget_dropped_roles(changes: &mut Changes) -> Result<()> {
    let mut grants = Vec::new();
    for grant in std::mem::take(&mut changes.grants) {
        if role_exists(&grant.grantee)? {
            grants.push(grant);
        }
    }
    changes.grants = grants;
    let mut policies = Vec::new();
    for mut policy in std::mem::take(&mut changes.policies) {
        let mut roles = Vec::new();
        for role in std::mem::take(&mut policy.roles) {
            if role_exists(&role)? {
                roles.push(role);
            } else {
                notice!("policy {} is restored without role {role}, which does not exist any more", policy.name);
            }
        }
        policy.roles = roles;
        // A policy for nobody would be one for everybody.
        if policy.roles.is_empty() {
            notice!("policy {} is not restored: none of its roles exists any more", policy.name);
        } else {
            policies.push(policy);
        }
    }
    changes.policies = policies;
    Ok(())
}

fn role_exists(role: &str) -> Result<bool> {
    let known = spi::read("SELECT to_regrole($1) IS NOT NULL", &[role.into()], |row| Ok(row.get::<bool>(1)?))?;
    Ok(role == "PUBLIC" || known.contains(&Some(true)))
}

/// Executes each step as the owner of its table.
pub fn execute(tree: &Tree, steps: &[Step]) -> Result<()> {
    for step in steps {
        let Some(table) = tree.tables.iter().find(|table| table.oid == step.table) else {
            return Err(Error::internal("a step names a table outside of its tree"));
        };
        acting::during(|| as_owner(table, || spi::write(&step.sql, &[])))?;
    }
    Ok(())
}

/// Writes down that the tables are protected, and what the steps changed in them.
pub fn remember(root: u32, tree: &Tree, options: &Options, steps: &[Step]) -> Result<()> {
    let known = catalogue::family(root)?;
    for table in &tree.tables {
        let mut changes = match known.get(&table.oid) {
            Some(protection) => protection.changes.clone(),
            None => adopt(table, tree)?,
        };
        for step in steps {
            if let Some(later) = step.changes.get(&table.oid) {
                changes.merge(later.clone());
            }
        }
        store(table, root, options, &changes)?;
    }
    // What is protected is exempt no longer, and what follows has nothing declared of its own.
    let tables: Vec<u32> = tree.tables.iter().map(|table| table.oid).collect();
    exempt::forget(&tables)?;
    allow::forget(&tables.into_iter().filter(|table| *table != root).collect::<Vec<_>>())
}

/// Refuses rows that nobody would see again.
pub fn refuse_unowned_rows(tree: &Tree, options: &Options) -> Result<()> {
    let root = first(tree)?;
    for name in [&options.owner_column, &options.tenant_column].into_iter().flatten() {
        let nullable = tree.tables.iter().any(|table| table.columns.get(name).is_some_and(|column| !column.not_null));
        let Some(column) = root.columns.get(name).filter(|_| nullable) else { continue };
        let condition = format!("FROM {} t WHERE t.{} IS NULL", root.name, column.name);
        // A write sees what was committed while we waited for the lock; only the number may be older.
        if as_owner(root, || spi::write(&format!("SELECT 1 {condition} LIMIT 1"), &[]))? == 0 {
            continue;
        }
        let count = as_owner(root, || {
            spi::read(&format!("SELECT pg_catalog.count(*) {condition}"), &[], |row| {
                Ok(row.get::<i64>(1)?.unwrap_or_default())
            })
        })?;
        return Err(Error::wrong_state(
            format!("{} rows of {} have no {name}", count.first().unwrap_or(&0), root.name),
            "Nobody would see them: give each row its owner, or delete it, before the table is protected.",
        ));
    }
    Ok(())
}

/// The table at the top.
pub fn first(tree: &Tree) -> Result<&Table> {
    tree.tables.first().ok_or_else(|| Error::invalid("table does not exist", "Name a table of this database."))
}

/// The statements of a plan, for the record.
pub fn statements(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.sql.as_str()).collect()
}

/// Everything that decides, read anew: facts, the right to do it, and the plan.
fn prepare(relation: u32, options: &Options, replace_policies: bool) -> Result<(Tree, Vec<Step>)> {
    let mut tree = catalogue::tree(relation, options)?;
    let root = first(&tree)?;
    catalogue::require_owner(root)?;
    if root.has_parent() {
        return Err(Error::invalid(
            format!("{} is a partition or child of another table", root.name),
            "Protect the table at the top: its partitions and children follow, also those that come later.",
        ));
    }
    let known = catalogue::family(relation)?;
    if known.get(&relation).is_some_and(|known| !known.options.same_columns(options)) {
        return Err(Error::wrong_state(
            format!("{} is protected by other columns", root.name),
            "Call warden.unprotect() first, in the same transaction.",
        ));
    }
    // A call that is repeated without them opens nothing.
    if known.get(&relation).is_some_and(|known| known.options.loses_scope(options)) {
        return Err(Error::wrong_state(
            format!("{} requires a scope that is not named", root.name),
            "Pass read_scope and write_scope as they are or are to be; to require none, call warden.unprotect() first, in the same transaction.",
        ));
    }
    if let Some(lost) = known.get(&relation).and_then(|known| known.options.loses_sharing(options)) {
        return Err(Error::wrong_state(
            format!("{} is protected with {lost}, which is not named", root.name),
            "Pass what is declared of sharing as it is or is to be; to end it, call warden.unprotect() first, in the same transaction.",
        ));
    }
    let mut steps = replace(&mut tree, replace_policies)?;
    steps.extend(plan::protect(&tree, options)?);
    Ok((tree, steps))
}

/// Rows that are shared have names that meet: unique ones are to be so for each owner, or a name that is taken tells of
/// a row that nobody has shared.
fn advise_on_names(table: &Table, options: &Options) -> Result<()> {
    let names = spi::read(
        "SELECT x.indexrelid::regclass::text FROM pg_index x
         WHERE x.indrelid = $1 AND x.indisunique AND NOT x.indisprimary
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.indrelid AND a.attname = $2 AND a.attnum = ANY (x.indkey))
         ORDER BY 1",
        &[Oid::from(table.oid).into(), options.owner_column.clone().into()],
        |row| Ok(row.get::<String>(1)?.unwrap_or_default()),
    )?;
    for name in names {
        notice!(
            "{name} is unique among the rows of all users of {}: warden.doctor() has the statement by which it is so for each owner",
            table.name
        );
    }
    Ok(())
}

/// The one column of the primary key, by which rows are shared.
fn primary_key(relation: u32) -> Result<String> {
    let tree = catalogue::tree(relation, &Options::none())?;
    let root = first(&tree)?;
    root.primary_key.clone().ok_or_else(|| {
        Error::invalid(
            format!("{} has no primary key of one column by which its rows could be shared", root.name),
            "Give it one of uuid, text or an integer type.",
        )
    })
}

/// Takes policies of others out of the way, or refuses them with their text.
fn replace(tree: &mut Tree, replace_policies: bool) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut names = Vec::new();
    let mut texts = Vec::new();
    for table in &mut tree.tables {
        if checks::foreign_policies(table).next().is_none() {
            continue;
        }
        for policy in catalogue::original_policies(table.oid)? {
            names.push(policy.name.clone());
            texts.push(policy.create(&table.name));
            let drop = step::stray(table, format!("DROP POLICY {} ON {}", policy.name, table.name));
            steps.push(drop.changing(table, Changes { policies: vec![policy], ..Changes::default() }));
        }
        table.policies.retain(|found| policy::is_policy_name(&found.name));
    }
    if replace_policies || texts.is_empty() {
        return Ok(steps);
    }
    Err(Error::WrongState {
        message: format!("{} has policies of its own: {}", first(tree)?.name, names.join(", ")),
        detail: texts.join("\n"),
        hint: "A permissive policy shows its rows to everybody it names, beside ours. \
               replace_policies => true drops them, and warden.unprotect() makes them again."
            .into(),
    })
}

/// Keeps everybody else away until the transaction ends.
pub fn lock(root: &Table) -> Result<()> {
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", root.name);
    as_owner(root, || spi::write(&sql, &[]))?;
    Ok(())
}

fn as_owner<R>(table: &Table, work: impl FnOnce() -> R) -> R {
    table_owner::act_as(Oid::from(table.owner), work)
}

/// What is remembered of a table that was protected under another root: it may join this tree, as a
/// partition that is attached again, but it cannot follow two roots.
fn adopt(table: &Table, tree: &Tree) -> Result<Changes> {
    let Some(protection) = catalogue::protection(table.oid)? else { return Ok(Changes::default()) };
    if !tree.tables.iter().any(|member| member.oid == protection.root) {
        return Err(Error::wrong_state(
            format!("{} is protected as part of another table already", table.name),
            "A table follows one protected table at most.",
        ));
    }
    Ok(protection.changes)
}

fn store(table: &Table, root: u32, options: &Options, changes: &Changes) -> Result<()> {
    let changes = serde_json::to_value(changes)
        .map_err(|error| Error::internal(format!("the changes could not be written down: {error}")))?;
    spi::write(
        "INSERT INTO warden.protections AS p (relation, root, owner_column, tenant_column, parent_column,
             public_column, manage_columns, create_index, changes, protected_by, read_scope, write_scope,
             key_column, reference_level, read_level, write_level, capability)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (relation) DO UPDATE SET root = excluded.root, owner_column = excluded.owner_column,
             tenant_column = excluded.tenant_column, parent_column = excluded.parent_column,
             public_column = excluded.public_column,
             read_scope = excluded.read_scope, write_scope = excluded.write_scope,
             key_column = excluded.key_column, reference_level = excluded.reference_level,
             read_level = excluded.read_level, write_level = excluded.write_level, capability = excluded.capability,
             manage_columns = excluded.manage_columns, create_index = excluded.create_index,
             changes = excluded.changes",
        &[
            Oid::from(table.oid).into(),
            Oid::from(root).into(),
            options.owner_column.clone().into(),
            options.tenant_column.clone().into(),
            options.parent_column.clone().into(),
            options.public_column.clone().into(),
            options.manage_columns.into(),
            options.create_index.into(),
            JsonB(changes).into(),
            caller::name().into(),
            options.read_scope.clone().into(),
            options.write_scope.clone().into(),
            options.key_column.clone().into(),
            options.reference_level.map(Level::as_str).into(),
            options.read_level.map(Level::as_str).into(),
            options.write_level.map(Level::as_str).into(),
            options.capability.clone().into(),
        ],
    )?;
    // Other backends keep what is declared, too.
    catalog::announce(Oid::from(table.oid));
    Ok(())
}
