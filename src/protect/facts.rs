//! What the catalogue says about a table, as `warden.tree_facts()` reads it. Knows nothing of Postgres.

use super::policy;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A table with its partitions and inheritance children, parents before children.
#[derive(Debug, Clone, Deserialize)]
pub struct Tree {
    pub tables: Vec<Table>,
    /// What the foreign key of the parent column refers to.
    pub parent: Option<Parent>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    pub oid: u32,
    /// Qualified and quoted, to be put into statements.
    pub name: String,
    /// The table's own name, quoted, as it stands in expressions.
    pub label: String,
    pub schema: String,
    /// `pg_class.relkind`.
    pub kind: char,
    pub temporary: bool,
    pub is_partition: bool,
    /// Of which it is a partition or an inheritance child.
    pub parents: Vec<u32>,
    /// It or a child has a foreign key.
    pub refers: bool,
    pub owner: u32,
    pub owner_name: String,
    /// The client role that is, or can become, the owner.
    pub client_owner: Option<String>,
    /// A client's table that refers to this one, or a trigger whose function is a client's.
    pub client_object: Option<String>,
    /// The owner, the admins and the migration roles, for whom the door is; by ascending number.
    pub admins: Vec<Role>,
    pub row_security: bool,
    pub forced: bool,
    /// Estimated; `None` where the table was never analysed.
    pub rows: Option<i64>,
    /// The one column of the primary key, unquoted; `None` where that has several, or there is none.
    #[serde(default)]
    pub primary_key: Option<String>,
    /// The columns asked for, by their unquoted name.
    pub columns: BTreeMap<String, Column>,
    pub policies: Vec<Policy>,
    /// Those that are ours by function or by name.
    pub triggers: Vec<Trigger>,
    /// Those that an equality on their first column can use for every row.
    pub indexes: Vec<Index>,
    /// A quoted name that no relation of the schema has.
    pub free_index_name: String,
    /// What clients were granted that no policy is asked about, and what is lost with it.
    pub grants: Vec<Grant>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Column {
    /// Quoted.
    pub name: String,
    /// `pg_type.oid`.
    #[serde(rename = "type")]
    pub type_id: u32,
    pub type_name: String,
    /// Equal values have equal bytes under the column's collation.
    pub deterministic: bool,
    /// GENERATED, as an expression or as identity.
    pub generated: bool,
    pub not_null: bool,
    pub default: Option<String>,
}

/// What an owner column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The id of the user.
    Id,
    /// Its external id.
    Text,
    /// Its external id as a number.
    Number,
}

/// A policy as Postgres prints it, but on one line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Policy {
    pub name: String,
    pub permissive: bool,
    /// `pg_policy.polcmd`.
    pub command: char,
    /// By number, ascending; 0 is PUBLIC.
    pub roles: Vec<u32>,
    #[serde(default, deserialize_with = "one_line")]
    pub using: Option<String>,
    #[serde(default, deserialize_with = "one_line")]
    pub check: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Role {
    pub oid: u32,
    /// Quoted.
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Trigger {
    pub name: String,
    pub definition: String,
    pub enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Index {
    pub name: String,
    /// Unquoted; `None` for an expression.
    pub columns: Vec<Option<String>>,
    /// Part of an index of the partitioned table above.
    pub attached: Option<Attached>,
}

/// How to make the index of a partition again.
#[derive(Debug, Clone, Deserialize)]
pub struct Attached {
    pub create: String,
    /// As a literal.
    pub comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub privilege: String,
    /// Quoted; `None` for the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A quoted role, or PUBLIC.
    pub grantee: String,
    pub grantable: bool,
    /// It is not revoked itself, but lost with one that is.
    #[serde(default, skip_serializing)]
    pub follows: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Parent {
    pub name: String,
    pub itself: bool,
    pub protected: bool,
    pub partitioned: bool,
    /// What the foreign key refers to.
    pub key: Column,
    /// The column by which the parent is protected.
    pub owner: Option<Column>,
    /// The column by which its rows can be shared.
    #[serde(default)]
    pub share_key: Option<Column>,
    /// What the rows of the parent belong to themselves.
    pub above: Option<Box<Above>>,
}

/// A parent's own parent.
#[derive(Debug, Clone, Deserialize)]
pub struct Above {
    /// The parent's foreign key.
    pub column: Column,
    /// `None` while a dump has not brought the key yet.
    pub parent: Option<Parent>,
}

fn one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| policy::one_line(&text)))
}

impl Table {
    pub fn is_partitioned(&self) -> bool {
        self.kind == 'p'
    }

    /// Whether it is a partition or an inheritance child.
    pub fn has_parent(&self) -> bool {
        !self.parents.is_empty()
    }
}

impl Column {
    /// What it holds as an owner column; `None` for a type of which no id is.
    pub fn kind(&self) -> Option<Kind> {
        match self.type_id {
            UUID => Some(Kind::Id),
            TEXT | VARCHAR => Some(Kind::Text),
            INT2 | INT4 | INT8 => Some(Kind::Number),
            _ => None,
        }
    }

    /// Whether rows can be told apart by it: it is of such a type, and what is equal has equal bytes.
    pub fn identifies(&self) -> bool {
        self.kind().is_some() && self.deterministic
    }

    /// Whether a column of numbers can hold this one.
    pub fn holds(&self, number: i64) -> bool {
        match self.type_id {
            INT2 => i16::try_from(number).is_ok(),
            INT4 => i32::try_from(number).is_ok(),
            _ => true,
        }
    }
}

// pg_type.oid, which never changes for these.
pub const BOOL: u32 = 16;
pub const UUID: u32 = 2950;
pub const VARCHAR: u32 = 1043;
const TEXT: u32 = 25;
const INT2: u32 = 21;
const INT4: u32 = 23;
const INT8: u32 = 20;
