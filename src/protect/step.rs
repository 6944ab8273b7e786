//! A statement of a plan. Knows nothing of Postgres.

use super::facts::Table;
use super::options::Changes;
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

impl Step {
    /// Notes what it changes in the table.
    pub fn changing(mut self, table: &Table, changes: Changes) -> Self {
        self.changes.insert(table.oid, changes);
        self
    }
}

/// Without the children.
pub fn alter(table: &Table, action: &str) -> Step {
    guard(table, "ACCESS EXCLUSIVE", format!("ALTER TABLE ONLY {} {action}", table.name))
}

/// With all children.
pub fn alter_all(table: &Table, action: &str) -> Step {
    guard(table, "ACCESS EXCLUSIVE", format!("ALTER TABLE {} {action}", table.name))
}

pub fn guard(table: &Table, lock: &'static str, sql: String) -> Step {
    Step { table: table.oid, sql, lock, rows: Some(0), weight: Weight::Guard, changes: BTreeMap::new() }
}

pub fn stray(table: &Table, sql: String) -> Step {
    Step { weight: Weight::Stray, ..guard(table, "ACCESS EXCLUSIVE", sql) }
}

pub fn comfort(table: &Table, lock: &'static str, sql: String) -> Step {
    Step { weight: Weight::Comfort, ..guard(table, lock, sql) }
}
