//! The plan of `unprotect`. Knows nothing of Postgres.

use super::facts::{Table, Tree};
use super::options::Changes;
use super::policy;
use super::step::{Step, alter, alter_all, guard};
use std::collections::BTreeMap;

/// The statements that undo what `protect` did to the tables that `protected` remembers.
pub fn unprotect(tree: &Tree, protected: &BTreeMap<u32, Changes>) -> Vec<Step> {
    let mut steps = Vec::new();
    let known = || tree.tables.iter().filter_map(|table| Some((table, protected.get(&table.oid)?)));
    for (table, changes) in known() {
        for policy in table.policies.iter().filter(|policy| policy::is_policy_name(&policy.name)) {
            steps.push(guard(table, "ACCESS EXCLUSIVE", format!("DROP POLICY {} ON {}", policy.name, table.name)));
        }
        originals(table, changes, &mut steps);
        for trigger in &table.triggers {
            steps.push(guard(table, "ACCESS EXCLUSIVE", format!("DROP TRIGGER {} ON {}", trigger.name, table.name)));
        }
        if changes.forced == Some(false) && table.forced {
            steps.push(alter(table, "NO FORCE ROW LEVEL SECURITY"));
        }
        if changes.row_security == Some(false) && table.row_security {
            steps.push(alter(table, "DISABLE ROW LEVEL SECURITY"));
        }
        if let Some(index) =
            changes.index.as_ref().filter(|name| table.indexes.iter().any(|index| index.name == **name))
        {
            steps.push(guard(table, "ACCESS EXCLUSIVE", format!("DROP INDEX {}", beside(table, index))));
        }
        for (name, default) in &changes.defaults {
            if let Some(column) = table.columns.get(name) {
                let action = match default {
                    Some(default) => format!("ALTER COLUMN {} SET DEFAULT {default}", column.name),
                    None => format!("ALTER COLUMN {} DROP DEFAULT", column.name),
                };
                steps.push(alter(table, &action));
            }
        }
        for grant in &changes.grants {
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            let column = grant.column.as_ref().map(|column| format!(" ({column})")).unwrap_or_default();
            steps.push(guard(
                table,
                "none",
                format!("GRANT {}{column} ON TABLE {} TO {}{option}", grant.privilege, table.name, grant.grantee),
            ));
        }
    }
    indexes(tree, protected, &mut steps);
    nullable(tree, protected, &mut steps);
    steps
}

/// The indexes of partitions that ours took along. Those of the partitions first, so that one of a
/// partitioned table finds them.
fn indexes(tree: &Tree, protected: &BTreeMap<u32, Changes>, steps: &mut Vec<Step>) {
    for table in tree.tables.iter().rev() {
        let Some(changes) = protected.get(&table.oid) else { continue };
        for index in table.indexes.iter().filter(|index| changes.adopted.contains(&index.name)) {
            let Some(attached) = &index.attached else { continue };
            let mut create = guard(table, "SHARE", attached.create.clone());
            create.rows = table.rows;
            steps.push(create);
            if let Some(comment) = &attached.comment {
                let sql = format!("COMMENT ON INDEX {} IS {comment}", beside(table, &index.name));
                steps.push(guard(table, "none", sql));
            }
        }
    }
}

/// The policies that were there before, when ours have gone.
fn originals(table: &Table, changes: &Changes, steps: &mut Vec<Step>) {
    for policy in &changes.policies {
        steps.push(guard(table, "ACCESS EXCLUSIVE", policy.create(&table.name)));
        steps.extend(policy.comment_on(&table.name).map(|sql| guard(table, "ACCESS EXCLUSIVE", sql)));
    }
}

/// DROP NOT NULL on the root reaches every child; those that were NOT NULL of their own are set again.
fn nullable(tree: &Tree, protected: &BTreeMap<u32, Changes>, steps: &mut Vec<Step>) {
    let mut dropped = Vec::new();
    let mut set = Vec::new();
    for table in &tree.tables {
        let Some(changes) = protected.get(&table.oid) else { continue };
        for (name, column) in table.columns.iter().filter(|(_, column)| column.not_null) {
            let was_nullable = changes.nullable.contains(name);
            if was_nullable && !dropped.contains(name) {
                steps.push(alter_all(table, &format!("ALTER COLUMN {} DROP NOT NULL", column.name)));
                dropped.push(name.clone());
            } else if !was_nullable && dropped.contains(name) {
                // What it has from its parent it gets from there: a constraint of its own would be one more.
                let inherits = table.parents.iter().any(|parent| set.contains(&(*parent, name.clone())));
                set.push((table.oid, name.clone()));
                if inherits {
                    continue;
                }
                let mut step = alter_all(table, &format!("ALTER COLUMN {} SET NOT NULL", column.name));
                step.rows = table.rows;
                steps.push(step);
            }
        }
    }
}

/// A relation of the table's schema, qualified.
fn beside(table: &Table, quoted: &str) -> String {
    // `name` is the quoted schema, a dot, and the label.
    let schema = table.name.strip_suffix(table.label.as_str()).unwrap_or_default();
    format!("{schema}{quoted}")
}
