//! Protecting every table of a schema that has an owner column: `protect_schema`.

use super::options::Options;
use super::step::Step;
use super::{apply, watch};
use crate::error::{Error, Result, or_raise};
use crate::{audit, caller, spi};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde_json::json;

/// One row of the answer: table, then step, sql, lock and rows of a statement, or the note why there is none.
type Row = (Oid, Option<i32>, Option<String>, Option<String>, Option<i64>, Option<String>);

/// A table of the schema that is not protected.
struct Open {
    oid: Oid,
    name: String,
    /// Why it is to stay so.
    note: Option<String>,
}

struct How {
    replace_policies: bool,
    dry_run: bool,
}

/// Protects the tables of a schema. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn protect_schema(
    schema_name: Option<Oid>,
    owner_column: Option<String>,
    except_tables: Option<Vec<Option<String>>>,
    manage_columns: Option<bool>,
    create_index: Option<bool>,
    replace_policies: Option<bool>,
    dry_run: Option<bool>,
) -> TableIterator<
    'static,
    (
        name!(table_name, Oid),
        name!(step, Option<i32>),
        name!(sql, Option<String>),
        name!(lock, Option<String>),
        name!(rows, Option<i64>),
        name!(note, Option<String>),
    ),
> {
    let options = Options {
        owner_column,
        manage_columns: manage_columns.unwrap_or(true),
        create_index: create_index.unwrap_or(true),
        ..Options::none()
    };
    let except_tables = except_tables.into_iter().flatten().flatten().collect();
    let how = How { replace_policies: replace_policies.unwrap_or(false), dry_run: dry_run.unwrap_or(false) };
    TableIterator::new(or_raise(protect_tables(schema_name, &options, except_tables, how)))
}

fn protect_tables(schema: Option<Oid>, options: &Options, except_tables: Vec<String>, how: How) -> Result<Vec<Row>> {
    caller::require_own_statement()?;
    let schema = watch::schema_of_the_application(schema)?;
    let owner_column = watch::required_column(options.owner_column.clone())?;
    let mut steps: Vec<Step> = Vec::new();
    let mut protected = Vec::new();
    let mut open = Vec::new();
    for table in open_tables(schema.oid, &owner_column, &except_tables)? {
        if table.note.is_none() {
            steps.extend(apply::protect(table.oid.to_u32(), options, false, how.replace_policies, how.dry_run)?);
            protected.push(table.name);
        } else {
            open.push(table);
        }
    }
    if !how.dry_run && !protected.is_empty() {
        let detail = json!({ "owner_column": owner_column, "except_tables": except_tables, "protected": protected });
        audit::record("protect_schema", Some(&schema.name), detail)?;
    }
    let statements = (1..).zip(steps).map(|(number, step)| {
        (Oid::from(step.table), Some(number), Some(step.sql), Some(step.lock.to_owned()), step.rows, None)
    });
    let notes = open.into_iter().map(|table| (table.oid, None, None, None, None, table.note));
    Ok(statements.chain(notes).collect())
}

/// The tables of a schema that are not protected, with why they are to stay so.
fn open_tables(schema: Oid, owner_column: &str, except_tables: &[String]) -> Result<Vec<Open>> {
    spi::read(
        "SELECT o.relation::oid, o.name, o.note FROM warden.open_tables($1, $2, $3) o",
        &[schema.into(), owner_column.into(), except_tables.to_vec().into()],
        |row| {
            let missing = || Error::internal("a table of the schema has no name");
            Ok(Open {
                oid: row.get::<Oid>(1)?.ok_or_else(missing)?,
                name: row.get::<String>(2)?.ok_or_else(missing)?,
                note: row.get::<String>(3)?,
            })
        },
    )
}
