//! Policies that were there before protection, kept for `unprotect`. Knows nothing of Postgres.

use serde::{Deserialize, Serialize};

/// A policy of somebody else, as a statement needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalPolicy {
    /// Quoted.
    pub name: String,
    pub permissive: bool,
    /// ALL, SELECT, INSERT, UPDATE or DELETE.
    pub command: String,
    /// Quoted, or PUBLIC.
    pub roles: Vec<String>,
    pub using: Option<String>,
    pub check: Option<String>,
    /// As a literal.
    pub comment: Option<String>,
}

impl OriginalPolicy {
    /// The statement that makes it.
    pub fn create(&self, table: &str) -> String {
        let kind = if self.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
        let (name, command, roles) = (&self.name, &self.command, self.roles.join(", "));
        let mut sql = format!("CREATE POLICY {name} ON {table} AS {kind} FOR {command} TO {roles}");
        if let Some(using) = &self.using {
            sql += &format!(" USING ({using})");
        }
        if let Some(check) = &self.check {
            sql += &format!(" WITH CHECK ({check})");
        }
        sql
    }

    /// The statement that says what it said of itself.
    pub fn comment_on(&self, table: &str) -> Option<String> {
        let comment = self.comment.as_ref()?;
        Some(format!("COMMENT ON POLICY {} ON {table} IS {comment}", self.name))
    }
}
