//! The text of policies. Knows nothing of Postgres.
//!
//! Each policy is the plain comparison of a column with a STABLE function: not wrapped in a
//! sub-select, so that the planner keeps its estimate for a heavy or a light user, uses the index and
//! prunes partitions. One permissive policy per command, everything in it joined by AND, and one of
//! their own for the owner and the admins. What is declared (a public column, `allow`) widens the one
//! comparison inside the policy of its command, and nothing else; so does what can be shared, by a function
//! that an index serves (shared_rows.rs).
//!
//! An expression is written twice from one template: as a statement, with its operators pinned to
//! `pg_catalog`, and as Postgres prints it afterwards, so that a policy can be recognised as ours.

use super::facts::{Column, Kind, Parent, Policy, Table, UUID, VARCHAR};
use super::options::{Command, Options, Refusal};
use crate::access_level::Level;

/// A policy that `protect` writes, as a statement and as the catalogue shows it.
pub struct Expected {
    pub sql: String,
    pub catalogue: Policy,
}

/// The policies of a table, with or without asking whether the parents of a row are visible.
///
/// Only a table with foreign keys asks: building the row for it costs a plain INSERT of 100,000 rows a
/// quarter of its time (0.25 s against 0.20 s). A row with a parent under row security costs about as
/// much again as Postgres' own check of the key.
pub fn policies(
    table: &Table,
    parent: Option<&Parent>,
    options: &Options,
    asks_for_parents: bool,
) -> Result<Vec<Expected>, Refusal> {
    let reached = |command| {
        Ok(Texts {
            sql: reached(Spelling::Statement, command, table, parent, options)?,
            catalogue: reached(Spelling::Catalogue, command, table, parent, options)?,
        })
    };
    let written = |terms: &Terms| {
        let mut terms = terms.clone();
        if asks_for_parents {
            // The whole row: a foreign key that is added later is covered at once.
            terms.push(format!("warden.parents_visible(tableoid, {}.*)", table.label));
        }
        join(&terms, " AND ")
    };
    let using =
        |texts: &Texts<Terms>| Texts { sql: join(&texts.sql, " AND "), catalogue: join(&texts.catalogue, " AND ") };
    let check = |texts: &Texts<Terms>| Texts { sql: written(&texts.sql), catalogue: written(&texts.catalogue) };
    let (select, insert) = (reached(Command::Select)?, reached(Command::Insert)?);
    let (update, delete) = (reached(Command::Update)?, reached(Command::Delete)?);
    // UPDATE and DELETE repeat the whole test: without WHERE Postgres does not apply the one of SELECT to them.
    Ok(vec![
        policy(table, "warden_select", "SELECT", 'r', Some(using(&select)), None),
        policy(table, "warden_insert", "INSERT", 'a', None, Some(check(&insert))),
        policy(table, "warden_update", "UPDATE", 'w', Some(using(&update)), Some(check(&update))),
        policy(table, "warden_delete", "DELETE", 'd', Some(using(&delete)), None),
    ])
}

/// The policy of the owner, the admins and the migration roles: beside the others and for these roles
/// alone, so that no client's plan has an OR in it.
pub fn admin_policy(table: &Table) -> Expected {
    let door = "warden.admin_open()";
    let names: Vec<_> = table.admins.iter().map(|role| role.name.as_str()).collect();
    Expected {
        sql: format!(
            "CREATE POLICY warden_admin ON {} FOR ALL TO {} USING ({door}) WITH CHECK ({door})",
            table.name,
            names.join(", ")
        ),
        catalogue: Policy {
            name: "warden_admin".to_owned(),
            permissive: true,
            command: '*',
            roles: table.admins.iter().map(|role| role.oid).collect(),
            using: Some(door.to_owned()),
            check: Some(door.to_owned()),
        },
    }
}

/// Whether `protect` gives a policy this name.
pub fn is_policy_name(name: &str) -> bool {
    ["warden_select", "warden_insert", "warden_update", "warden_delete", "warden_admin"].contains(&name)
}

/// The default of an owner or tenant column.
pub fn default(column: &Column, is_tenant: bool) -> Result<&'static str, Refusal> {
    if is_tenant {
        tenant_is_usable(column)?;
        return Ok(CURRENT_TENANT);
    }
    identity(column)
}

/// The column as it stands in the facts.
pub fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, Refusal> {
    table.columns.get(name).ok_or_else(|| {
        Refusal::unusable(
            format!("table {} has no column \"{name}\"", table.name),
            "Name the column that holds the owner (owner_column), or the parent or the tenant (owner_column => NULL, parent_column, tenant_column).",
        )
    })
}

#[derive(Clone, Copy)]
enum Spelling {
    Statement,
    Catalogue,
}

/// What is joined by AND.
type Terms = Vec<String>;

/// In both spellings.
struct Texts<T> {
    sql: T,
    catalogue: T,
}

/// The terms that say which rows a command reaches: for whoever holds its scope those whose owner it is or
/// what is declared beside them, and of these the current tenant's alone.
fn reached(
    spelling: Spelling,
    command: Command,
    table: &Table,
    parent: Option<&Parent>,
    options: &Options,
) -> Result<Terms, Refusal> {
    let equals = spelling.equals();
    let mut any = Vec::new();
    if let Some(name) = &options.owner_column {
        let owner = column(table, name)?;
        any.push(owned(spelling, owner, "")?);
        if let (Some(key), Some(level)) = (&options.key_column, options.level(command)) {
            any.push(shared("", column(table, key)?, level));
        }
        if let Some(capability) = options.capability.as_ref().filter(|_| command == Command::Select) {
            any.push(format!("({} {equals} {})", bare(owner, ""), lent(owner, capability)?));
        }
    }
    if let (Some(name), Some(parent)) = (&options.parent_column, parent) {
        // What is declared of the parent lets others read its children, and no more than that.
        let level = options.level(command).filter(|level| command != Command::Select || *level > Level::View);
        let child = bare(column(table, name)?, &format!("{}.", table.label));
        any.push(below(spelling, &child, parent, level, &Aliases::beside(&table.label), 1)?);
    }
    if let Some(name) = options.public_column.as_ref().filter(|_| command == Command::Select) {
        any.push(column(table, name)?.name.clone());
    }
    let allowed = options.allowances.iter().filter(|allowance| allowance.command == command);
    any.extend(allowed.map(|allowance| allowance.predicate.clone()));
    // Who does not hold it has been refused when the statement started (statements.rs).
    let scope = options.scope(command).map(|scope| format!("warden.scope_admits('{scope}'::text)"));
    // Without owner and parent, every row of the tenant.
    let reached = if any.is_empty() { None } else { Some(join(&any, " OR ")) };
    let mut all: Terms = scope.into_iter().chain(reached).collect();
    if let Some(name) = &options.tenant_column {
        let tenant = column(table, name)?;
        tenant_is_usable(tenant)?;
        all.push(format!("({} {equals} {CURRENT_TENANT})", tenant.name));
    }
    Ok(all)
}

/// Whether the parent of a row is visible: its own policies decide that inside of EXISTS. With a level it is asked
/// besides whether it is the user's own, or shared at that level, through all parents above it.
fn below(
    spelling: Spelling,
    child: &str,
    parent: &Parent,
    level: Option<Level>,
    aliases: &Aliases,
    depth: usize,
) -> Result<String, Refusal> {
    let equals = spelling.equals();
    let alias = aliases.at(depth);
    let prefix = format!("{alias}.");
    // As foreign keys look: a key is unique in all partitions, but not in inheritance children.
    let only = if parent.partitioned { "" } else { "ONLY " };
    let mut all = vec![format!("({} {equals} {child})", bare(&parent.key, &prefix))];
    if let (Some(level), Some(owner)) = (level, &parent.owner) {
        let own = owned(spelling, owner, &prefix)?;
        let shared = parent.share_key.as_ref().map(|key| shared(&prefix, key, level));
        all.push(join(&[Some(own), shared].into_iter().flatten().collect::<Vec<_>>(), " OR "));
    }
    if level.is_some()
        && let Some(above) = &parent.above
    {
        let next = above.parent.as_ref().ok_or_else(|| {
            Refusal::wrong_state(
                format!("column {} of table {} has no foreign key any more", above.column.name, parent.name),
                "Add the foreign key again: it says whose rows these are.",
            )
        })?;
        all.push(below(spelling, &bare(&above.column, &prefix), next, level, aliases, depth + 1)?);
    }
    Ok(format!("(EXISTS ( SELECT 1 FROM {only}{} {alias} WHERE {}))", parent.name, join(&all, " AND ")))
}

/// What a query asks besides of a row, by its alias, that another row is to refer to; `None` for tables whose rows
/// cannot be shared.
pub fn own_or_shared(table: &Table, options: &Options, alias: &str) -> Result<Option<String>, Refusal> {
    let (Some(key), Some(owner)) = (&options.key_column, &options.owner_column) else { return Ok(None) };
    let prefix = format!("{alias}.");
    let own = is_owner_in_statement(column(table, owner)?, &prefix)?;
    let shared = shared(&prefix, column(table, key)?, options.reference_level());
    Ok(Some(format!(" AND ({own} OR {shared})")))
}

/// Whether a row is the user's own, as Postgres prints it.
pub fn is_owner(owner: &Column, prefix: &str) -> Result<String, Refusal> {
    owned(Spelling::Catalogue, owner, prefix)
}

/// The same in a statement.
pub fn is_owner_in_statement(owner: &Column, prefix: &str) -> Result<String, Refusal> {
    owned(Spelling::Statement, owner, prefix)
}

fn owned(spelling: Spelling, owner: &Column, prefix: &str) -> Result<String, Refusal> {
    Ok(format!("({} {} {})", bare(owner, prefix), spelling.equals(), identity(owner)?))
}

/// Whether a row, by the value of its key, is shared with the user at a level.
pub fn shared(prefix: &str, key: &Column, level: Level) -> String {
    format!("warden.shared({prefix}tableoid, {}, '{level}'::text)", bare(key, prefix))
}

/// The owner whose rows an agent may read that has a capability.
fn lent(owner: &Column, capability: &str) -> Result<String, Refusal> {
    let function = match usable(owner)? {
        Kind::Id => "warden.lending_user_id",
        Kind::Text => "warden.lending_external_id",
        Kind::Number => "warden.lending_external_number",
    };
    Ok(format!("{function}('{capability}'::text)"))
}

/// Names for the parents in an expression: p, p2, p3. A table of such a name would otherwise compare
/// the parent with itself.
struct Aliases(char);

impl Aliases {
    fn beside(label: &str) -> Self {
        let is_taken = label.strip_prefix('p').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
        Self(if is_taken { 'q' } else { 'p' })
    }

    fn at(&self, depth: usize) -> String {
        if depth > 1 { format!("{}{depth}", self.0) } else { self.0.to_string() }
    }
}

impl Spelling {
    fn equals(self) -> &'static str {
        match self {
            Self::Statement => "OPERATOR(pg_catalog.=)",
            Self::Catalogue => "=",
        }
    }
}

fn policy(
    table: &Table,
    name: &str,
    command: &str,
    code: char,
    using: Option<Texts<String>>,
    check: Option<Texts<String>>,
) -> Expected {
    let mut sql = format!("CREATE POLICY {name} ON {} FOR {command} TO PUBLIC", table.name);
    if let Some(using) = &using {
        sql += &format!(" USING ({})", using.sql);
    }
    if let Some(check) = &check {
        sql += &format!(" WITH CHECK ({})", check.sql);
    }
    let catalogue = Policy {
        name: name.to_owned(),
        permissive: true,
        command: code,
        roles: vec![PUBLIC],
        using: using.map(|texts| one_line(&texts.catalogue)),
        check: check.map(|texts| one_line(&texts.catalogue)),
    };
    Expected { sql, catalogue }
}

/// What an owner column is compared with.
fn identity(column: &Column) -> Result<&'static str, Refusal> {
    Ok(match usable(column)? {
        Kind::Id => "warden.current_user_id()",
        Kind::Text => "warden.current_external_id()",
        Kind::Number => "warden.current_external_number()",
    })
}

/// What an owner column holds, if that can be compared.
fn usable(column: &Column) -> Result<Kind, Refusal> {
    let refuse = |hint: &str| {
        Err(Refusal::unusable(
            format!("an owner column of type {} is not supported", column.type_name),
            hint.to_owned(),
        ))
    };
    match column.kind() {
        Some(Kind::Text) if !column.deterministic => refuse(
            "Two ids that differ would be equal under this collation: use one that is deterministic, say COLLATE \"C\".",
        ),
        Some(kind) => Ok(kind),
        None => refuse(
            "Use uuid for the user's id, text or varchar for its external id, smallint, integer or bigint for its external number.",
        ),
    }
}

fn tenant_is_usable(column: &Column) -> Result<(), Refusal> {
    if column.type_id == UUID {
        return Ok(());
    }
    Err(Refusal::unusable(format!("a tenant column of type {} is not supported", column.type_name), "Use uuid."))
}

/// The column as Postgres compares it: varchar has no operators of its own.
pub fn bare(column: &Column, prefix: &str) -> String {
    match column.type_id {
        VARCHAR => format!("({prefix}{})::text", column.name),
        _ => format!("{prefix}{}", column.name),
    }
}

/// One term as it is, several in parentheses.
pub fn join(terms: &[String], operator: &str) -> String {
    match terms {
        [only] => only.clone(),
        several => format!("({})", several.join(operator)),
    }
}

/// An expression with every run of white space as one space, as Postgres' line breaks come and go; except
/// within quotes, where a space more is another literal or another name.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    // A doubled quote closes and opens again, which is the same.
    let mut quote = None;
    for character in text.chars() {
        let is_space = character.is_ascii_whitespace() || character == '\u{b}';
        match (quote, character) {
            (Some(open), _) => {
                quote = (character != open).then_some(open);
                line.push(character);
            }
            (None, _) if is_space => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            (None, _) => {
                quote = ['\'', '"'].contains(&character).then_some(character);
                line.push(character);
            }
        }
    }
    line
}

/// In a list of roles.
const PUBLIC: u32 = 0;

const CURRENT_TENANT: &str = "warden.current_tenant_id()";
