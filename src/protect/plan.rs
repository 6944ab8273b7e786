//! From what the catalogue says to the statements that are missing. Knows nothing of Postgres.
//!
//! A plan is also the measure of a table's state: a table is protected when nothing is left to do, so
//! that repeating `protect` mends whatever has drifted, and the event triggers ask the same question.

use super::facts::{Policy, Table, Tree};
use super::options::{Changes, Options, Refusal};
use super::policy;
use std::collections::BTreeMap;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The table as whose owner it is executed.
    pub table: u32,
    pub sql: String,
    /// The strongest lock it takes on the table.
    pub lock: &'static str,
    /// The rows it has to read, estimated; `None` where nobody knows.
    pub rows: Option<i64>,
    pub weight: Weight,
    /// What it changes, for `unprotect`.
    pub changes: BTreeMap<u32, Changes>,
}

/// Whether a client could see a foreign row without this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Row security, policies, triggers: they are what protects.
    Guard,
    /// It takes away what stands in the place of a guard and is not ours.
    Stray,
    /// A guard that the table has come to need: it has got its first foreign key, or other admins.
    Overdue,
    /// Index, default, NOT NULL, and grants that the triggers answer too.
    Comfort,
}

/// The statements that bring a table and everything below it to the state of `options`.
pub fn protect(tree: &Tree, options: &Options) -> Result<Vec<Step>, Refusal> {
    check_options(tree, options)?;
    let mut steps = Vec::new();
    for table in &tree.tables {
        check_table(table, options)?;
    }
    // Close first, open for the owners after: the table is never half open, not even to this transaction.
    for table in &tree.tables {
        row_security(table, &mut steps);
        policies(table, tree, options, &mut steps)?;
        triggers(table, options, &mut steps)?;
        grants(table, &mut steps);
    }
    if options.manage_columns {
        columns(tree, options, &mut steps)?;
    }
    if options.create_index {
        indexes(tree, options, &mut steps)?;
    }
    Ok(steps)
}

/// The statements that undo what `protect` did to the tables that `protected` remembers.
pub fn unprotect(tree: &Tree, protected: &BTreeMap<u32, Changes>) -> Vec<Step> {
    let mut steps = Vec::new();
    let known = || tree.tables.iter().filter_map(|table| Some((table, protected.get(&table.oid)?)));
    for (table, changes) in known() {
        for policy in table.policies.iter().filter(|policy| policy::is_policy_name(&policy.name)) {
            steps.push(guard(table, "ACCESS EXCLUSIVE", format!("DROP POLICY {} ON {}", policy.name, table.name)));
        }
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
            steps.push(guard(
                table,
                "none",
                format!("GRANT {} ON TABLE {} TO {}{option}", grant.privilege, table.name, grant.grantee),
            ));
        }
    }
    nullable(tree, protected, &mut steps);
    steps
}

/// DROP NOT NULL on the root reaches every child; those that were NOT NULL of their own are set again.
fn nullable(tree: &Tree, protected: &BTreeMap<u32, Changes>, steps: &mut Vec<Step>) {
    let mut dropped = Vec::new();
    for table in &tree.tables {
        let Some(changes) = protected.get(&table.oid) else { continue };
        for (name, column) in table.columns.iter().filter(|(_, column)| column.not_null) {
            let was_nullable = changes.nullable.contains(name);
            if was_nullable && !dropped.contains(name) {
                steps.push(alter_all(table, &format!("ALTER COLUMN {} DROP NOT NULL", column.name)));
                dropped.push(name.clone());
            } else if !was_nullable && dropped.contains(name) {
                let mut step = alter_all(table, &format!("ALTER COLUMN {} SET NOT NULL", column.name));
                step.rows = table.rows;
                steps.push(step);
            }
        }
    }
}

fn check_options(tree: &Tree, options: &Options) -> Result<(), Refusal> {
    let root = root(tree)?;
    match (&options.owner_column, &options.parent_column) {
        (None, None) => {
            return Err(Refusal::unusable(
                "neither an owner column nor a parent column is given",
                "Name the column that holds the owner, or the foreign key to the table whose rows these belong to.",
            ));
        }
        (Some(owner), Some(_)) => {
            return Err(Refusal::unusable(
                format!("rows of {} cannot belong to their owner and to a parent", root.name),
                format!(
                    "Pass owner_column => NULL to follow the parent; with \"{owner}\" alone a row cannot be attached to a parent that the user does not see either."
                ),
            ));
        }
        _ => {}
    }
    let mut seen: Vec<&str> = Vec::new();
    for column in options.columns() {
        if seen.contains(&column) {
            return Err(Refusal::unusable(
                format!("column \"{column}\" cannot be two things at once"),
                "Name a different column for the tenant.",
            ));
        }
        seen.push(column);
    }
    let Some(name) = &options.parent_column else { return Ok(()) };
    let column = policy::column(root, name)?;
    let Some(parent) = &tree.parent else {
        return Err(Refusal::unusable(
            format!("column \"{name}\" of table {} has no foreign key of its own", root.name),
            "Add a foreign key over this one column to the table whose rows these belong to.",
        ));
    };
    if parent.itself {
        return Err(Refusal::unusable(
            format!("rows of {} cannot belong to rows of the same table", root.name),
            "Give the table an owner column.",
        ));
    }
    if !parent.protected {
        return Err(Refusal::wrong_state(
            format!("table {} is not protected", parent.name),
            "Protect the parent first.",
        ));
    }
    policy::check_reference(column)?;
    policy::check_reference(&parent.key)
}

fn check_table(table: &Table, options: &Options) -> Result<(), Refusal> {
    let name = &table.name;
    if ["pg_catalog", "information_schema", "pg_toast"].contains(&table.schema.as_str()) {
        return Err(Refusal::unusable(format!("{name} is a system catalog"), "Protect tables of your own."));
    }
    if table.schema == "warden" {
        return Err(Refusal::unusable(
            format!("{name} belongs to the extension"),
            "Clients have no access to it as it is.",
        ));
    }
    if table.temporary {
        return Err(Refusal::unusable(
            format!("{name} is a temporary table"),
            "Only its own session sees it, whoever is signed in: keep nothing of one user in it.",
        ));
    }
    let hint = match table.kind {
        'r' | 'p' => None,
        'v' => Some("Protect the tables that the view reads, and make it WITH (security_invoker)."),
        'm' => Some("A materialized view holds everybody's rows: grant it to no client."),
        'f' => Some("Row security cannot bind a foreign table: protect the table on its own server."),
        _ => Some("Only tables can be protected."),
    };
    if let Some(hint) = hint {
        return Err(Refusal::unusable(format!("{name} is not a table"), hint));
    }
    if let Some(client) = &table.client_owner {
        return Err(Refusal::wrong_state(
            format!("client role {client} owns {name}, or can become its owner {}", table.owner_name),
            format!("ALTER TABLE {name} OWNER TO a role that no client can become: an owner can take protection away."),
        ));
    }
    if let Some(object) = &table.client_object {
        return Err(Refusal::wrong_state(
            format!("{object}, which belongs to a client role, tells of the rows of {name}"),
            "Drop it first, or give it to a role that no client can become.",
        ));
    }
    let of_table = |refusal: Refusal| Refusal { message: format!("{name}: {}", refusal.message), ..refusal };
    for column_name in options.columns() {
        let column = policy::column(table, column_name)?;
        if options.parent_column.as_deref() == Some(column_name) {
            policy::check_reference(column).map_err(of_table)?;
            continue;
        }
        if column.generated {
            return Err(Refusal::unusable(
                format!("column \"{column_name}\" of {name} is generated"),
                "The owner of a row is who inserts it: use a plain column.",
            ));
        }
        policy::check_column(column, options.tenant_column.as_deref() == Some(column_name)).map_err(of_table)?;
    }
    let foreign: Vec<_> = foreign_policies(table).map(|policy| policy.name.as_str()).collect();
    if !foreign.is_empty() {
        return Err(Refusal::wrong_state(
            format!("{name} has policies of its own: {}", foreign.join(", ")),
            "A permissive policy shows its rows to everybody it names, beside ours: drop it first.",
        ));
    }
    Ok(())
}

/// The policies of a table that `protect` did not write.
pub fn foreign_policies(table: &Table) -> impl Iterator<Item = &Policy> {
    table.policies.iter().filter(|policy| !policy::is_policy_name(&policy.name))
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
    let expected = policy::triggers(table, options)?;
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
    for grant in &table.grants {
        let sql = format!("REVOKE {} ON TABLE {} FROM {} CASCADE", grant.privilege, table.name, grant.grantee);
        let changes = Changes { grants: vec![grant.clone()], ..Changes::default() };
        steps.push(comfort(table, "none", sql).changing(table, changes));
    }
}

fn columns(tree: &Tree, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
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

fn indexes(tree: &Tree, options: &Options, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let Some(leading) = options.owner_column.as_ref().or(options.parent_column.as_ref()) else { return Ok(()) };
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
        step.rows = if table.is_partitioned() { rows_of(tree) } else { table.rows };
        steps.push(step);
    }
    Ok(())
}

/// An index on (owner, …), or on (tenant, owner, …).
fn serves(columns: &[Option<String>], leading: &str, tenant: Option<&str>) -> bool {
    match columns {
        [Some(first), ..] if first == leading => true,
        [Some(first), Some(second), ..] => Some(first.as_str()) == tenant && second == leading,
        _ => false,
    }
}

fn root(tree: &Tree) -> Result<&Table, Refusal> {
    tree.tables.first().ok_or_else(|| Refusal::unusable("table does not exist", "Name a table of this database."))
}

/// The rows of all tables that hold any; `None` where one was never analysed.
fn rows_of(tree: &Tree) -> Option<i64> {
    tree.tables.iter().filter(|table| !table.is_partitioned()).map(|table| table.rows).sum()
}

fn alter(table: &Table, action: &str) -> Step {
    guard(table, "ACCESS EXCLUSIVE", format!("ALTER TABLE ONLY {} {action}", table.name))
}

fn alter_all(table: &Table, action: &str) -> Step {
    guard(table, "ACCESS EXCLUSIVE", format!("ALTER TABLE {} {action}", table.name))
}

fn guard(table: &Table, lock: &'static str, sql: String) -> Step {
    Step { table: table.oid, sql, lock, rows: Some(0), weight: Weight::Guard, changes: BTreeMap::new() }
}

fn stray(table: &Table, sql: String) -> Step {
    Step { weight: Weight::Stray, ..guard(table, "ACCESS EXCLUSIVE", sql) }
}

fn comfort(table: &Table, lock: &'static str, sql: String) -> Step {
    Step { weight: Weight::Comfort, ..guard(table, lock, sql) }
}

/// A relation of the table's schema, qualified.
fn beside(table: &Table, quoted: &str) -> String {
    // `name` is the quoted schema, a dot, and the label.
    let schema = table.name.strip_suffix(table.label.as_str()).unwrap_or_default();
    format!("{schema}{quoted}")
}

impl Step {
    fn changing(mut self, table: &Table, changes: Changes) -> Self {
        self.changes.insert(table.oid, changes);
        self
    }
}
