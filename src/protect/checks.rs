//! What stands against protecting a table. Knows nothing of Postgres.

use super::facts::{BOOL, Column, Policy, Table, Tree};
use super::options::{Options, Refusal};
use super::policy;

/// Refuses columns that do not go together.
pub fn check_options(tree: &Tree, options: &Options) -> Result<(), Refusal> {
    let root = root(tree)?;
    match (&options.owner_column, &options.parent_column) {
        (None, None) if options.tenant_column.is_none() => {
            return Err(Refusal::unusable(
                "neither an owner column nor a parent column nor a tenant column is given",
                "Name the column that holds the owner, or the foreign key to the table whose rows these belong to, or the column that holds the tenant.",
            ));
        }
        (None, None) if options.public_column.is_some() || !options.allowances.is_empty() => {
            return Err(Refusal::unusable(
                format!("every member of a tenant reaches its rows of {} as it is", root.name),
                "What is public, or allowed, is for rows that have an owner.",
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
    check_sharing(tree, options)?;
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
    check_reference(column)?;
    check_reference(&parent.key)
}

/// Refuses what is said of sharing where it has no meaning.
fn check_sharing(tree: &Tree, options: &Options) -> Result<(), Refusal> {
    let root = root(tree)?;
    if let Some(key) = &options.key_column {
        if options.owner_column.is_none() {
            return Err(Refusal::unusable(
                format!("rows of {} have no owner who could share them", root.name),
                "Name the owner column; rows that belong to a parent follow that one's level.",
            ));
        }
        if root.is_partitioned() || tree.tables.len() > 1 {
            return Err(Refusal::unusable(
                format!("{} has partitions or children: its rows cannot be shared", root.name),
                "A partition that is detached, dropped or emptied would leave its shares to whoever uses the keys next. Share rows of a plain table.",
            ));
        }
        if root.primary_key.as_ref() != Some(key) {
            return Err(Refusal::unusable(
                format!("{} has no primary key of one column by which its rows could be shared", root.name),
                "Give it one of uuid, text or an integer type.",
            ));
        }
        check_key(policy::column(root, key)?)?;
    }
    let misplaced = [
        (options.reference_level.is_some() && options.key_column.is_none(), "reference_level is for shareable tables"),
        (
            (options.read_level.is_some() || options.write_level.is_some()) && options.parent_column.is_none(),
            "read_level and write_level are for tables with a parent column",
        ),
        (
            options.capability.is_some() && options.owner_column.is_none(),
            "a capability is for tables with an owner column",
        ),
    ];
    if let Some(capability) = options.capability.as_deref().filter(|name| !is_capability(name)) {
        return Err(Refusal::unusable(
            format!("\"{capability}\" is no name of a capability"),
            "Use lower-case letters, digits and underscores, at most 63, and a letter first: can_read_user_memory.",
        ));
    }
    match misplaced.into_iter().find(|(is_misplaced, _)| *is_misplaced) {
        Some((_, message)) => Err(Refusal::unusable(message, "Leave it out, or see the comment on warden.protect().")),
        None => Ok(()),
    }
}

/// The name stands in the text of a policy.
fn is_capability(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Refuses a table that row security cannot protect, or not by these columns.
pub fn check_table(table: &Table, options: &Options) -> Result<(), Refusal> {
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
            check_reference(column).map_err(of_table)?;
            continue;
        }
        if column.generated {
            return Err(Refusal::unusable(
                format!("column \"{column_name}\" of {name} is generated"),
                "The owner of a row is who inserts it: use a plain column.",
            ));
        }
        check_column(column, options.tenant_column.as_deref() == Some(column_name)).map_err(of_table)?;
    }
    if let Some(key) = &options.key_column
        && options.columns().any(|column| column == key)
    {
        return Err(Refusal::unusable(
            format!("column \"{key}\" cannot be two things at once"),
            "A row that is shared by its owner is shared with every row of that owner: use a key of its own.",
        ));
    }
    if let Some(column_name) = &options.public_column {
        check_public(policy::column(table, column_name)?).map_err(of_table)?;
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

/// Refuses the columns whose equality is not that of their bytes, or whose value no identity has.
fn check_column(column: &Column, is_tenant: bool) -> Result<(), Refusal> {
    policy::default(column, is_tenant).map(|_| ())
}

/// Refuses what is not simply true or false.
fn check_public(column: &Column) -> Result<(), Refusal> {
    if column.type_id == BOOL {
        return Ok(());
    }
    Err(Refusal::unusable(format!("a public column of type {} is not supported", column.type_name), "Use boolean."))
}

/// Refuses a parent column, or the key that it refers to, of a type that policies cannot compare.
fn check_reference(column: &Column) -> Result<(), Refusal> {
    if column.identifies() {
        return Ok(());
    }
    Err(Refusal::unusable(
        format!("a parent column of type {} is not supported", column.type_name),
        "Use a foreign key over uuid, text, varchar or an integer type.",
    ))
}

/// Refuses a key by which rows cannot be shared.
fn check_key(column: &Column) -> Result<(), Refusal> {
    if column.identifies() {
        return Ok(());
    }
    Err(Refusal::unusable(
        format!("rows with a primary key of type {} cannot be shared", column.type_name),
        "Use a primary key of uuid, text, varchar or an integer type.",
    ))
}

/// The policies of a table that `protect` did not write.
pub fn foreign_policies(table: &Table) -> impl Iterator<Item = &Policy> {
    table.policies.iter().filter(|policy| !policy::is_policy_name(&policy.name))
}

/// The table at the top.
pub fn root(tree: &Tree) -> Result<&Table, Refusal> {
    tree.tables.first().ok_or_else(|| Refusal::unusable("table does not exist", "Name a table of this database."))
}
