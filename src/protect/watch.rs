//! `watch_schema` and `unwatch_schema`; what they ask for happens in `follow`.

use super::catalogue;
use super::options::Options;
use crate::error::{Error, Result, or_raise};
use crate::{audit, caller, spi};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde_json::json;

/// Watches a schema. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn watch_schema(
    schema_name: Option<Oid>,
    owner_column: Option<String>,
    except_tables: Option<Vec<Option<String>>>,
    action: Option<String>,
    manage_columns: Option<bool>,
    create_index: Option<bool>,
) -> Vec<String> {
    let options = Options {
        owner_column,
        manage_columns: manage_columns.unwrap_or(true),
        create_index: create_index.unwrap_or(true),
        ..Options::none()
    };
    or_raise(watch(schema_name, options, except_tables.unwrap_or_default(), action))
}

/// Ends watching a schema. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn unwatch_schema(schema_name: Option<Oid>) -> bool {
    or_raise(unwatch(schema_name))
}

fn watch(
    schema: Option<Oid>,
    options: Options,
    except_tables: Vec<Option<String>>,
    action: Option<String>,
) -> Result<Vec<String>> {
    let Schema { oid: schema, name, .. } = owned_schema(schema)?;
    let owner_column = required_column(options.owner_column)?;
    let action = action.unwrap_or_default();
    if action != "protect" && action != "refuse" {
        return Err(Error::invalid("unknown action", "A new table is protected ('protect') or refused ('refuse')."));
    }
    let except_tables: Vec<String> = except_tables.into_iter().flatten().collect();
    audit::record(
        "watch_schema",
        Some(&name),
        json!({ "owner_column": owner_column, "except_tables": except_tables, "action": action,
                "manage_columns": options.manage_columns, "create_index": options.create_index }),
    )?;
    spi::write(
        "INSERT INTO warden.watched_schemas AS w (schema_name, owner_column, except_tables, action, manage_columns, create_index,
                                                  watched_by)
         VALUES ($1::name, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (schema_name) DO UPDATE SET owner_column = excluded.owner_column,
             except_tables = excluded.except_tables, action = excluded.action,
             manage_columns = excluded.manage_columns, create_index = excluded.create_index,
             watched_at = excluded.watched_at, watched_by = excluded.watched_by",
        &[
            name.as_str().into(),
            owner_column.clone().into(),
            except_tables.clone().into(),
            action.into(),
            options.manage_columns.into(),
            options.create_index.into(),
            caller::name().into(),
        ],
    )?;
    spi::read(
        "SELECT format('%I.%I', n.nspname, c.relname)
         FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND c.relname <> ALL ($3)
           AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation = c.oid)
           AND NOT warden.is_exempt(c.oid)
         ORDER BY 1",
        &[schema.into(), owner_column.into(), except_tables.into()],
        |row| Ok(row.get::<String>(1)?.unwrap_or_default()),
    )
}

fn unwatch(schema: Option<Oid>) -> Result<bool> {
    let Schema { name, .. } = owned_schema(schema)?;
    let ended = spi::write(
        "DELETE FROM warden.watched_schemas w WHERE w.schema_name = $1::name RETURNING 1",
        &[name.as_str().into()],
    )? > 0;
    if ended {
        audit::record("unwatch_schema", Some(&name), json!({}))?;
    }
    Ok(ended)
}

/// A schema of the application.
pub struct Schema {
    pub oid: Oid,
    pub name: String,
    owner: Oid,
}

/// The schema that is meant, unless it is one of the system's.
pub fn schema_of_the_application(schema: Option<Oid>) -> Result<Schema> {
    let unusable = || Error::invalid("schema does not exist", "Name a schema of this database.");
    let oid = schema.ok_or_else(unusable)?;
    let found = spi::read(
        "SELECT n.nspname::text, n.nspowner, starts_with(n.nspname::text, 'pg_') OR n.nspname IN ('information_schema', 'warden')
         FROM pg_namespace n WHERE n.oid = $1",
        &[oid.into()],
        |row| Ok((row.get::<String>(1)?, row.get::<Oid>(2)?, row.get::<bool>(3)?)),
    )?;
    let Some((Some(name), Some(owner), reserved)) = found.into_iter().next() else { return Err(unusable()) };
    if reserved == Some(true) {
        return Err(Error::invalid(
            format!("schema {name} is not the application's"),
            "Name a schema with tables of the application.",
        ));
    }
    Ok(Schema { oid, name, owner })
}

/// The owner column, which has to be given.
pub fn required_column(owner_column: Option<String>) -> Result<String> {
    owner_column.filter(|column| !column.is_empty()).ok_or_else(|| {
        Error::invalid("no owner column is given", "Name the column by which tables are to be protected.")
    })
}

/// The schema, for its owner only.
fn owned_schema(schema: Option<Oid>) -> Result<Schema> {
    let schema = schema_of_the_application(schema)?;
    caller::require_own_statement()?;
    if !catalogue::caller_has_role(schema.owner.to_u32())? {
        return Err(Error::forbidden(
            format!("must be owner of schema {}", schema.name),
            "Call this as the owner of the schema, or as a superuser.",
        ));
    }
    Ok(schema)
}
