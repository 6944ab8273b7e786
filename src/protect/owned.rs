//! Statements over the rows of one user in every protected table. Knows nothing of Postgres.
//!
//! Each statement takes the same parameters, of which it uses those that its owner columns need: whose
//! rows are meant, as ids, texts and numbers ($1 uuid[], $2 text[], $3 bigint[]), and to whom they are
//! given ($4 uuid, $5 text, $6 bigint).
//!
//! Tables of one owner in one schema are written by one statement: foreign keys among them are checked at
//! its end, when all of them have their new keys or are gone, in whichever order they refer to one another.

use super::facts::{Column, Kind};
use super::policy::bare;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A protected table, as `warden.owned_tables()` reads it; partitions and children are part of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Owned {
    pub oid: u32,
    /// Qualified and quoted.
    pub name: String,
    pub schema: String,
    pub owner: u32,
    /// Whether rows have an owner of their own, and not that of another row.
    pub names_owner: bool,
    /// Of the owner, or of the parent.
    pub column: Column,
    /// The type of that column, without a length.
    pub base_type: String,
    /// To whose rows the rows belong; `None` also where the foreign key is gone.
    pub parent: Option<ParentLink>,
    /// The tables that hold the rows.
    pub members: Vec<Member>,
    pub scopes: Vec<Scope>,
    /// Other protected tables, by foreign keys.
    pub refers_to: Vec<u32>,
    pub dependents: Vec<Dependent>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ParentLink {
    /// The protected table, or the one at the top of its tree.
    pub root: u32,
    pub name: String,
    /// What the foreign key refers to, quoted.
    pub key: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub oid: u32,
    pub name: String,
    pub schema: String,
    pub owner: u32,
}

/// Where rows must differ from one another: a table by itself, or a partitioned one as a whole.
#[derive(Debug, Clone, Deserialize)]
pub struct Scope {
    /// As it stands after FROM.
    pub name: String,
    /// The table's own name, as it stands in expressions.
    pub label: String,
    pub owner: u32,
    /// All of its columns, quoted.
    pub columns: Vec<String>,
    pub keys: Vec<UniqueKey>,
}

/// A unique index or exclusion constraint that the owner column is part of.
#[derive(Debug, Clone, Deserialize)]
pub struct UniqueKey {
    pub predicate: Option<String>,
    pub nulls_are_equal: bool,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Part {
    pub expression: String,
    /// What two rows that conflict answer with true; qualified.
    pub operator: String,
    pub collation: Option<String>,
}

/// A table whose rows go with a row, or lose what they refer to.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependent {
    pub name: String,
    pub owner: u32,
    /// Between `moved` and `dependent`.
    pub condition: String,
}

/// One statement, and the tables whose rows it counts, in the order of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub owner: u32,
    pub schema: String,
    pub tables: Vec<u32>,
    pub sql: String,
}

/// The protected tables by number.
pub type Tables = BTreeMap<u32, Owned>;

impl Owned {
    /// What the owner column holds; `None` for a table whose rows belong to other rows.
    pub fn kind(&self) -> Option<Kind> {
        self.names_owner.then(|| self.column.kind().unwrap_or(Kind::Text))
    }

    /// What to write to: the table with all of its members, or each by itself where they have other owners,
    /// as each of which its triggers have to be passed.
    fn targets(&self) -> Vec<(String, &str, u32)> {
        if self.members.iter().all(|member| member.owner == self.owner) {
            return vec![(self.name.clone(), &self.schema, self.owner)];
        }
        self.members.iter().map(|m| (format!("ONLY {}", m.name), m.schema.as_str(), m.owner)).collect()
    }
}

/// How many of the table's rows are meant. `None` where it cannot be asked: the rows belong to rows of a
/// table of somebody else, which the table's owner need not be able to read.
pub fn count(table: &Owned, tables: &Tables) -> Option<String> {
    let condition = condition(table, tables, "t", 0)?;
    Some(format!("SELECT pg_catalog.count(*) FROM {} AS t WHERE {condition}", table.name))
}

/// Which of those meant have rows in the table, as text.
pub fn owners(table: &Owned, tables: &Tables) -> Option<String> {
    table.kind()?;
    let condition = condition(table, tables, "t", 0)?;
    Some(format!("SELECT DISTINCT t.{}::pg_catalog.text FROM {} AS t WHERE {condition}", table.column.name, table.name))
}

/// Deletes the rows that are meant, those that belong to others first.
pub fn deletes(tables: &Tables) -> Vec<Group> {
    let mut order = parents_first(tables);
    order.reverse();
    groups(tables, &order, |table, target| {
        let condition = condition(table, tables, "t", 0)?;
        Some(format!("DELETE FROM {target} AS t WHERE {condition} RETURNING 1"))
    })
}

/// Gives the rows that are meant to somebody else, parents first: a foreign key of somebody else's table
/// that cascades then finds its rows.
pub fn updates(tables: &Tables) -> Vec<Group> {
    groups(tables, &parents_first(tables), |table, target| {
        let kind = table.kind()?;
        let condition = condition(table, tables, "t", 0)?;
        let set = format!("{} = {}", table.column.name, recipient(kind));
        Some(format!("UPDATE {target} AS t SET {set} WHERE {condition} RETURNING 1"))
    })
}

/// The rows that are meant and that the recipient has already, by one of the keys of the scope.
pub fn conflicting(table: &Owned, scope: &Scope, tables: &Tables) -> Option<String> {
    let kind = table.kind()?;
    let meant = condition(table, tables, "moved", 0)?;
    let conflicts: Vec<_> = scope.keys.iter().map(|key| conflict(table, kind, scope, key)).collect();
    Some(format!("FROM {} AS moved WHERE {meant} AND ({})", scope.name, conflicts.join(" OR ")))
}

/// Whether the row `moved` would meet another one once it is the recipient's.
fn conflict(table: &Owned, kind: Kind, scope: &Scope, key: &UniqueKey) -> String {
    let given = |column: &String| match *column == table.column.name {
        true => format!("({}::{}) AS {column}", recipient(kind), table.base_type),
        false => format!("moved.{column} AS {column}"),
    };
    let columns: Vec<_> = scope.columns.iter().map(given).collect();
    let parts: Vec<_> = key.parts.iter().enumerate().map(|(i, part)| format!("{} AS k{i}", part.expression)).collect();
    let parts = parts.join(", ");
    let filter = key.predicate.as_ref().map_or_else(String::new, |predicate| format!(" WHERE {predicate}"));
    let mut terms: Vec<_> = key
        .parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let collation = part.collation.as_ref().map_or_else(String::new, |name| format!(" COLLATE {name}"));
            let equal = format!("n.k{i}{collation} {} o.k{i}{collation}", part.operator);
            if key.nulls_are_equal { format!("({equal} OR (n.k{i} IS NULL AND o.k{i} IS NULL))") } else { equal }
        })
        .collect();
    // An index may say nothing of the owner but in its predicate: no row meets itself.
    terms.push(
        "NOT (o.relation OPERATOR(pg_catalog.=) moved.tableoid AND o.place OPERATOR(pg_catalog.=) moved.ctid)".into(),
    );
    format!(
        "EXISTS (SELECT 1 FROM (SELECT {parts} FROM (SELECT {}) AS {label}{filter}) AS n, \
         (SELECT {parts}, {label}.tableoid AS relation, {label}.ctid AS place FROM {} AS {label}{filter}) AS o WHERE {})",
        columns.join(", "),
        scope.name,
        terms.join(" AND "),
        label = scope.label,
    )
}

/// Which rows of a table are meant.
fn condition(table: &Owned, tables: &Tables, alias: &str, depth: usize) -> Option<String> {
    let column = bare(&table.column, &format!("{alias}."));
    if let Some(kind) = table.kind() {
        let parameter = match kind {
            Kind::Id => 1,
            Kind::Text => 2,
            Kind::Number => 3,
        };
        return Some(format!("{column} OPERATOR(pg_catalog.=) ANY (${parameter})"));
    }
    let link = table.parent.as_ref()?;
    // A table that is its own parent, by way of others, has no end; protect() refuses it.
    let parent = tables.get(&link.root).filter(|parent| parent.owner == table.owner && depth < tables.len())?;
    let above = format!("p{depth}");
    let meant = condition(parent, tables, &above, depth + 1)?;
    Some(format!(
        "{column} OPERATOR(pg_catalog.=) ANY (SELECT {} FROM {} AS {above} WHERE {meant})",
        bare(&Column { name: link.key.clone(), ..table.column.clone() }, &format!("{above}.")),
        link.name
    ))
}

fn recipient(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => "$4",
        Kind::Text => "$5",
        Kind::Number => "$6",
    }
}

/// One statement for each owner and schema, in the order in which their first tables come.
fn groups(tables: &Tables, order: &[u32], write: impl Fn(&Owned, &str) -> Option<String>) -> Vec<Group> {
    let mut groups: Vec<(Group, Vec<String>)> = Vec::new();
    for table in order.iter().filter_map(|oid| tables.get(oid)) {
        for (target, schema, owner) in table.targets() {
            let Some(statement) = write(table, &target) else { continue };
            let found = groups.iter().position(|(group, _)| group.owner == owner && group.schema == schema);
            let place = found.unwrap_or_else(|| {
                groups.push((Group { owner, schema: schema.to_owned(), tables: vec![], sql: String::new() }, vec![]));
                groups.len() - 1
            });
            if let Some((group, statements)) = groups.get_mut(place) {
                group.tables.push(table.oid);
                statements.push(statement);
            }
        }
    }
    groups.into_iter().map(|(group, statements)| Group { sql: together(&statements), ..group }).collect()
}

/// Statements as parts of one, which answers how many rows each has returned.
fn together(statements: &[String]) -> String {
    let parts: Vec<_> = statements.iter().enumerate().map(|(i, sql)| format!("w{i} AS ({sql})")).collect();
    let counts: Vec<_> = (0..parts.len()).map(|i| format!("(SELECT pg_catalog.count(*) FROM w{i})")).collect();
    format!("WITH {} SELECT ARRAY[{}]", parts.join(", "), counts.join(", "))
}

/// Every table after those that it refers to, as far as they do not go in circles.
fn parents_first(tables: &Tables) -> Vec<u32> {
    fn visit(oid: u32, tables: &Tables, seen: &mut BTreeSet<u32>, order: &mut Vec<u32>) {
        let Some(table) = tables.get(&oid).filter(|_| seen.insert(oid)) else { return };
        for parent in &table.refers_to {
            visit(*parent, tables, seen, order);
        }
        order.push(oid);
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for oid in tables.keys() {
        visit(*oid, tables, &mut seen, &mut order);
    }
    order
}
