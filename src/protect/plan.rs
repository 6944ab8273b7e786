//! From what the catalogue says to the statements that are missing. Knows nothing of Postgres.
//!
//! A plan is also the measure of a table's state: a table is protected when nothing is left to do, so
//! that repeating `protect` mends whatever has drifted, and the event triggers ask the same question.

use super::facts::{Grant, Policy, Table, Tree};
use super::options::{Changes, Options, Refusal};
use super::step::{Step, Weight, alter, comfort, guard, stray};
use super::{checks, columns, policy, trigger};

/// The statements that bring a table and everything below it to the state of `options`.
pub fn protect(tree: &Tree, options: &Options) -> Result<Vec<Step>, Refusal> {
    checks::check_options(tree, options)?;
    let mut steps = Vec::new();
    for table in &tree.tables {
        checks::check_table(table, options)?;
    }
    // Close first, open for the owners after: the table is never half open, not even to this transaction.
    for table in &tree.tables {
        row_security(table, &mut steps);
        policies(table, tree, options, &mut steps)?;
        triggers(table, options, &mut steps)?;
        grants(table, &mut steps);
    }
    if options.manage_columns {
        columns::columns(tree, options, &mut steps)?;
    }
    if options.create_index {
        columns::indexes(tree, options, &mut steps)?;
    }
    Ok(steps)
}

fn row_security(table: &Table, steps: &mut Vec<Step>) {
    if !table.row_security {
        let changes = Changes { row_security: Some(false), ..Changes::default() };
        steps.push(alter(table, "ENABLE ROW LEVEL SECURITY").changing(table, changes));
    }
    if !table.forced {
        let changes = Changes { forced: Some(false), ..Changes::default() };
        steps.push(alter(table, "FORCE ROW LEVEL SECURITY").changing(table, changes));
    }
}

fn policies(table: &Table, tree: &Tree, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let written = |asks| policy::policies(table, tree.parent.as_ref(), options, asks);
    for (expected, otherwise) in written(table.refers)?.into_iter().zip(written(!table.refers)?) {
        let name = &expected.catalogue.name;
        let Some(found) = table.policies.iter().find(|policy| policy.name == *name) else {
            steps.push(guard(table, "ACCESS EXCLUSIVE", expected.sql));
            continue;
        };
        let asks_or_not = *found == otherwise.catalogue;
        if *found == expected.catalogue || (asks_or_not && !table.refers) {
            continue;
        }
        let drop = stray(table, format!("DROP POLICY {name} ON {}", table.name));
        let create = guard(table, "ACCESS EXCLUSIVE", expected.sql);
        let overdue = |step| if asks_or_not { Step { weight: Weight::Overdue, ..step } } else { step };
        steps.push(overdue(drop));
        steps.push(overdue(create));
    }
    admin_policy(table, steps);
    Ok(())
}

fn admin_policy(table: &Table, steps: &mut Vec<Step>) {
    let expected = policy::admin_policy(table);
    let found = table.policies.iter().find(|policy| policy.name == expected.catalogue.name);
    let Some(found) = found else {
        steps.push(guard(table, "ACCESS EXCLUSIVE", expected.sql));
        return;
    };
    if *found == expected.catalogue {
        return;
    }
    let drop = stray(table, format!("DROP POLICY {} ON {}", found.name, table.name));
    let create = guard(table, "ACCESS EXCLUSIVE", expected.sql);
    let for_others = Policy { roles: expected.catalogue.roles.clone(), ..found.clone() };
    let weight = |step: Step| match for_others == expected.catalogue {
        true => Step { weight: Weight::Overdue, ..step },
        false => step,
    };
    steps.extend([drop, create].map(weight));
}

fn triggers(table: &Table, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let expected = trigger::triggers(table, options)?;
    for trigger in &table.triggers {
        let wanted = expected.iter().any(|(_, definition)| *definition == trigger.definition);
        if !wanted {
            steps.push(stray(table, format!("DROP TRIGGER {} ON {}", trigger.name, table.name)));
        } else if !trigger.enabled {
            steps.push(Step {
                lock: "SHARE ROW EXCLUSIVE",
                ..alter(table, &format!("ENABLE TRIGGER {}", trigger.name))
            });
        }
    }
    for (_, definition) in expected {
        if !table.triggers.iter().any(|trigger| trigger.definition == definition) {
            steps.push(guard(table, "SHARE ROW EXCLUSIVE", definition));
        }
    }
    Ok(())
}

fn grants(table: &Table, steps: &mut Vec<Step>) {
    for grant in table.grants.iter().filter(|grant| !grant.follows) {
        let sql = format!("REVOKE {} ON TABLE {} FROM {} CASCADE", grant.privilege, table.name, grant.grantee);
        let lost = |other: &&Grant| other.follows && other.privilege == grant.privilege;
        let grants = std::iter::once(grant).chain(table.grants.iter().filter(lost)).cloned().collect();
        let changes = Changes { grants, ..Changes::default() };
        steps.push(comfort(table, "none", sql).changing(table, changes));
    }
}
