//! How a table is to be protected, what protecting it changed, and why it may be refused. Knows nothing of Postgres.

use super::facts::Grant;
use super::original::OriginalPolicy;
use crate::access_level::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The arguments of `protect()`, as they are kept for partitions to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub owner_column: Option<String>,
    pub tenant_column: Option<String>,
    /// Instead of an owner: the foreign key to the table whose rows these belong to.
    pub parent_column: Option<String>,
    /// A boolean: where it is true, everybody may read the row.
    pub public_column: Option<String>,
    /// What has to be held to read the table, and what to write it.
    #[serde(default)]
    pub read_scope: Option<String>,
    #[serde(default)]
    pub write_scope: Option<String>,
    /// Rows can be shared, each by the value of this column: the primary key.
    #[serde(default)]
    pub key_column: Option<String>,
    /// What somebody else has to hold of a shared row to refer to it by a foreign key; `None` for the usual.
    #[serde(default)]
    pub reference_level: Option<Level>,
    /// Of a table with a parent: what somebody else has to hold of the parent to read, and to write; `None` for the usual.
    #[serde(default)]
    pub read_level: Option<Level>,
    #[serde(default)]
    pub write_level: Option<Level>,
    /// What an agent must have to read its owner's rows.
    #[serde(default)]
    pub capability: Option<String>,
    /// What `allow` was told; none of it is an argument of `protect`.
    #[serde(default)]
    pub allowances: Vec<Allowance>,
    pub manage_columns: bool,
    pub create_index: bool,
}

/// Rows that one command may reach although they are not the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    pub command: Command,
    /// As Postgres prints it, every name in it qualified.
    pub predicate: String,
}

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Command {
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    pub const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl Options {
    /// No columns: for looking at a table that is not to be protected.
    pub fn none() -> Self {
        Self {
            owner_column: None,
            tenant_column: None,
            parent_column: None,
            public_column: None,
            read_scope: None,
            write_scope: None,
            key_column: None,
            reference_level: None,
            read_level: None,
            write_level: None,
            capability: None,
            allowances: Vec::new(),
            manage_columns: false,
            create_index: false,
        }
    }

    /// The columns that decide whose a row is; what they hold never changes under a client.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        [&self.owner_column, &self.parent_column, &self.tenant_column].into_iter().flatten().map(String::as_str)
    }

    /// What is needed of a shared row to refer to it: to have something done with it, if nothing else is declared.
    pub fn reference_level(&self) -> Level {
        self.reference_level.unwrap_or(Level::Use)
    }

    /// The level that a command requires of who is not the owner: of the row where it can be shared itself, and of its
    /// parent where it has one. `None` where no level is enough.
    pub fn level(&self, command: Command) -> Option<Level> {
        if self.parent_column.is_some() {
            return Some(match command {
                Command::Select => self.read_level.unwrap_or(Level::View),
                _ => self.write_level.unwrap_or(Level::Edit),
            });
        }
        match command {
            Command::Select => Some(Level::View),
            Command::Insert => None,
            Command::Update => Some(Level::Edit),
            Command::Delete => Some(Level::Manage),
        }
    }

    /// The scope that a command requires.
    pub fn scope(&self, command: Command) -> Option<&str> {
        let scope = if command == Command::Select { &self.read_scope } else { &self.write_scope };
        scope.as_deref()
    }

    pub fn same_scopes(&self, other: &Self) -> bool {
        self.read_scope == other.read_scope && self.write_scope == other.write_scope
    }

    pub fn same_sharing(&self, other: &Self) -> bool {
        self.key_column == other.key_column
            && self.reference_level == other.reference_level
            && self.read_level == other.read_level
            && self.write_level == other.write_level
            && self.capability == other.capability
    }

    /// Whether one of its scopes would be required no more.
    pub fn loses_scope(&self, later: &Self) -> bool {
        let loses = |now: &Option<_>, later: &Option<_>| now.is_some() && later.is_none();
        loses(&self.read_scope, &later.read_scope) || loses(&self.write_scope, &later.write_scope)
    }

    /// What is declared of sharing and would be no more.
    pub fn loses_sharing(&self, later: &Self) -> Option<&'static str> {
        let lost = |now: bool, later: bool| now && !later;
        [
            (lost(self.key_column.is_some(), later.key_column.is_some()), "shareable"),
            (lost(self.reference_level.is_some(), later.reference_level.is_some()), "reference_level"),
            (lost(self.read_level.is_some(), later.read_level.is_some()), "read_level"),
            (lost(self.write_level.is_some(), later.write_level.is_some()), "write_level"),
            (lost(self.capability.is_some(), later.capability.is_some()), "capability"),
        ]
        .into_iter()
        .find_map(|(is_lost, name)| is_lost.then_some(name))
    }

    pub fn same_columns(&self, other: &Self) -> bool {
        self.columns().eq(other.columns())
            && self.parent_column == other.parent_column
            && self.public_column == other.public_column
            && self.owner_column == other.owner_column
    }
}

/// What a table was like before it was protected, as far as that was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_security: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<bool>,
    /// Columns that were nullable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nullable: Vec<String>,
    /// The defaults that were replaced; null where there was none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, Option<String>>,
    /// The index that was made, quoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Indexes of a partition that were there before the one of the partitioned table, quoted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adopted: Vec<String>,
    /// The grants that were revoked, and those that were lost with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// The policies that were dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<OriginalPolicy>,
}

impl Changes {
    /// Adds what a later run changed; what an earlier one remembers of the time before stays.
    pub fn merge(&mut self, later: Changes) {
        self.row_security = self.row_security.or(later.row_security);
        self.forced = self.forced.or(later.forced);
        for column in later.nullable {
            if !self.nullable.contains(&column) {
                self.nullable.push(column);
            }
        }
        for (column, default) in later.defaults {
            self.defaults.entry(column).or_insert(default);
        }
        if self.index.is_none() {
            self.index = later.index;
        }
        for index in later.adopted {
            if !self.adopted.contains(&index) {
                self.adopted.push(index);
            }
        }
        for grant in later.grants {
            if !self.grants.contains(&grant) {
                self.grants.push(grant);
            }
        }
        for policy in later.policies {
            if self.policies.iter().all(|known| known.name != policy.name) {
                self.policies.push(policy);
            }
        }
    }

    /// Follows the renaming of a column.
    pub fn rename(&mut self, from: &str, to: &str) {
        for column in &mut self.nullable {
            if column == from {
                to.clone_into(column);
            }
        }
        if let Some(default) = self.defaults.remove(from) {
            self.defaults.insert(to.to_owned(), default);
        }
    }
}

/// Why a table cannot be protected, or unprotected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub message: String,
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 22023: the table or a column cannot be used.
    Unusable,
    /// 55000: something has to change first.
    WrongState,
}

impl Refusal {
    pub fn unusable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: Reason::Unusable, message: message.into(), hint: hint.into() }
    }

    pub fn wrong_state(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: Reason::WrongState, message: message.into(), hint: hint.into() }
    }
}
