//! Default, NOT NULL and index of the owner column: what is not needed to be safe. Knows nothing of Postgres.

use super::checks::root;
use super::facts::{Table, Tree};
use super::options::{Changes, Options, Refusal};
use super::policy;
use super::step::{Step, Weight, alter, alter_all, comfort};
use std::collections::BTreeMap;

/// The default and NOT NULL of the owner and the tenant.
pub fn columns(tree: &Tree, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let managed = [(&options.owner_column, false), (&options.tenant_column, true)];
    for (name, is_tenant) in managed.into_iter().filter_map(|(name, is_tenant)| Some((name.as_ref()?, is_tenant))) {
        for table in &tree.tables {
            let column = policy::column(table, name)?;
            let default = policy::default(column, is_tenant)?;
            if column.default.as_deref() != Some(default) {
                let before = BTreeMap::from([(name.clone(), column.default.clone())]);
                let action = format!("ALTER COLUMN {} SET DEFAULT {default}", column.name);
                let changes = Changes { defaults: before, ..Changes::default() };
                steps.push(Step { weight: Weight::Comfort, ..alter(table, &action) }.changing(table, changes));
            }
        }
        not_null(tree, name, steps)?;
    }
    Ok(())
}

/// On the root, from where it reaches every child; a partitioned table takes it in no other way.
fn not_null(tree: &Tree, name: &str, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let is_nullable = |table: &&Table| table.columns.get(name).is_some_and(|column| !column.not_null);
    if !tree.tables.iter().any(|table| is_nullable(&table)) {
        return Ok(());
    }
    let root = root(tree)?;
    let column = policy::column(root, name)?;
    let mut step = alter_all(root, &format!("ALTER COLUMN {} SET NOT NULL", column.name));
    step.weight = Weight::Comfort;
    step.rows = rows_of(tree);
    for table in tree.tables.iter().filter(is_nullable) {
        let changes = Changes { nullable: vec![name.to_owned()], ..Changes::default() };
        step.changes.insert(table.oid, changes);
    }
    steps.push(step);
    Ok(())
}

/// An index for what the policies compare.
pub fn indexes(tree: &Tree, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let Some(leading) = options.columns().next() else { return Ok(()) };
    for (position, table) in tree.tables.iter().enumerate() {
        // The index of a partitioned table makes those of its partitions.
        if table.is_partition && position > 0 {
            continue;
        }
        if table.indexes.iter().any(|index| serves(&index.columns, leading, options.tenant_column.as_deref())) {
            continue;
        }
        let column = policy::column(table, leading)?;
        let sql = format!("CREATE INDEX {} ON {} ({})", table.free_index_name, table.name, column.name);
        let changes = Changes { index: Some(table.free_index_name.clone()), ..Changes::default() };
        let mut step = comfort(table, "SHARE", sql).changing(table, changes);
        if table.is_partitioned() {
            adopt(tree, leading, &mut step);
        }
        step.rows = if table.is_partitioned() { rows_of(tree) } else { table.rows };
        steps.push(step);
    }
    Ok(())
}

/// The index of a partitioned table takes in those that its partitions have: they go when it goes.
fn adopt(tree: &Tree, leading: &str, step: &mut Step) {
    for table in tree.tables.iter().filter(|table| table.is_partition) {
        let alike = table.indexes.iter().filter(|index| index.columns == [Some(leading.to_owned())]);
        let adopted: Vec<String> = alike.map(|index| index.name.clone()).collect();
        if !adopted.is_empty() {
            step.changes.insert(table.oid, Changes { adopted, ..Changes::default() });
        }
    }
}

/// An index on (owner, …), or on (tenant, owner, …).
fn serves(columns: &[Option<String>], leading: &str, tenant: Option<&str>) -> bool {
    match columns {
        [Some(first), ..] if first == leading => true,
        [Some(first), Some(second), ..] => Some(first.as_str()) == tenant && second == leading,
        _ => false,
    }
}

/// The rows of all tables that hold any; `None` where one was never analysed.
fn rows_of(tree: &Tree) -> Option<i64> {
    tree.tables.iter().filter(|table| !table.is_partitioned()).map(|table| table.rows).sum()
}
