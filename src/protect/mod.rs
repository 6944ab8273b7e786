//! Protecting tables: `protect`, `unprotect`, the triggers of protected tables, and the event triggers
//! that keep protection standing.
//!
//! `facts` is what the catalogue says. `policy` and `trigger` are the texts of what protects, `plan`
//! makes statements of them (with what `checks` refuses and what `columns` adds for comfort), `undo`
//! those of `unprotect`, and `apply` executes them as the table's owner. `parents` and `guard` run when
//! rows are written, `follow` and `watch` when tables are changed, of which `reconcile` lets stand what
//! weakens nothing. `owned`, `rekey` and `owner_writes` count, move and delete the rows of one user.
//! `shares` keeps what is shared beside its rows, `rows` asks what somebody may do with one. `prove`
//! tries out what all of it is worth. The SQL declarations are in `sql/protect.sql`,
//! `sql/protections.sql` and the files beside them.

mod acting;
mod allow;
mod apply;
mod catalogue;
mod checks;
mod columns;
mod exempt;
mod expression;
mod facts;
mod follow;
mod guard;
mod options;
mod original;
mod owned;
mod owner_writes;
mod parents;
mod plan;
mod policy;
mod protect_schema;
mod prove;
mod reconcile;
mod references;
mod rekey;
mod rows;
mod shares;
mod step;
pub mod table_owner;
mod trigger;
mod undo;
mod watch;

use crate::error::{Error, Result, or_raise};
use crate::{scope_checks, shared_rows};
use options::{Options, Reason, Refusal};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use step::{Step, Weight};

/// Protects a table. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn protect(
    table_name: Option<Oid>,
    owner_column: Option<String>,
    tenant_column: Option<String>,
    parent_column: Option<String>,
    public_column: Option<String>,
    manage_columns: Option<bool>,
    create_index: Option<bool>,
    replace_policies: Option<bool>,
    dry_run: Option<bool>,
    read_scope: Option<String>,
    write_scope: Option<String>,
    shareable: Option<bool>,
    reference_level: Option<String>,
    read_level: Option<String>,
    write_level: Option<String>,
    capability: Option<String>,
) -> TableIterator<'static, (name!(step, i32), name!(sql, String), name!(lock, String), name!(rows, Option<i64>))> {
    let level = |name: Option<String>| or_raise(name.as_deref().map(shared_rows::level).transpose());
    let options = Options {
        owner_column,
        tenant_column,
        parent_column,
        public_column,
        read_scope,
        write_scope,
        reference_level: level(reference_level),
        read_level: level(read_level),
        write_level: level(write_level),
        capability,
        manage_columns: manage_columns.unwrap_or(true),
        create_index: create_index.unwrap_or(true),
        ..Options::none()
    };
    let replace_policies = replace_policies.unwrap_or(false);
    let dry_run = dry_run.unwrap_or(false);
    report(or_raise(named(table_name).and_then(|table| {
        for scope in [&options.read_scope, &options.write_scope].into_iter().flatten() {
            scope_checks::require_one(scope)?;
        }
        apply::protect(table, &options, shareable.unwrap_or(false), replace_policies, dry_run)
    })))
}

/// Undoes `protect`. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn unprotect(
    table_name: Option<Oid>,
    restore_policies: Option<bool>,
) -> TableIterator<'static, (name!(step, i32), name!(sql, String), name!(lock, String), name!(rows, Option<i64>))> {
    let restore_policies = restore_policies.unwrap_or(true);
    report(or_raise(named(table_name).and_then(|table| apply::unprotect(table, restore_policies))))
}

/// Whether a protected table is as `protect` made it. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn is_intact(relation: Oid) -> Option<bool> {
    let protection = or_raise(catalogue::protection(relation.to_u32()))?;
    Some(or_raise(gaps(&protection)).is_empty())
}

/// Follows a change of the admin and migration roles. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn follow_database_roles() -> bool {
    or_raise(reconcile::database_roles().map(|()| true))
}

/// What a protected table lacks of its guards; one that could not be protected today lacks them too.
fn gaps(protection: &catalogue::Protection) -> Result<Vec<String>> {
    // The table by itself: what it needs of guards does not depend on those around it.
    let mut tree = catalogue::facts(&[protection.relation], &protection.options)?;
    if protection.root != protection.relation {
        // But whose rows its rows belong to is said by the foreign key of the table at the top.
        tree.parent = catalogue::facts(&[protection.root], &protection.options)?.parent;
    }
    Ok(match plan::protect(&tree, &protection.options) {
        Ok(steps) => steps.into_iter().filter(|step| step.weight != Weight::Comfort).map(|step| step.sql).collect(),
        Err(refusal) => vec![refusal.message],
    })
}

fn named(table: Option<Oid>) -> Result<u32> {
    table
        .map(Oid::to_u32)
        .ok_or_else(|| Error::invalid("no table is given", "Name the table, as in warden.protect('documents')."))
}

#[allow(clippy::type_complexity)]
fn report(
    steps: Vec<Step>,
) -> TableIterator<'static, (name!(step, i32), name!(sql, String), name!(lock, String), name!(rows, Option<i64>))> {
    let rows = (1..).zip(steps).map(|(number, step)| (number, step.sql, step.lock.to_owned(), step.rows));
    TableIterator::new(rows)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.reason {
            Reason::Unusable => Self::invalid(refusal.message, refusal.hint),
            Reason::WrongState => Self::wrong_state(refusal.message, refusal.hint),
        }
    }
}
