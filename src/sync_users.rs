//! Reading a table of users: what `sync_users` cannot do in SQL. Everything else of it is in `sql/sync_users.sql`.

use crate::error::{Error, Result, or_raise};
use crate::protect::table_owner;
use crate::{caller, issuers, spi};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Key, email, and whether the user may sign in.
type SourceUser = (Option<String>, Option<String>, Option<bool>);

/// Who calls, and whether these can be the columns. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn require_source(
    source: Option<Oid>,
    key_column: Option<String>,
    email_column: Option<String>,
    active_column: Option<String>,
) -> bool {
    or_raise(check_source(source, key_column, email_column, active_column).map(|()| true))
}

/// The users of a table. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn source_users(
    source: Oid,
    key_column: &str,
    email_column: Option<&str>,
    active_column: Option<&str>,
) -> TableIterator<'static, (name!(key, Option<String>), name!(email, Option<String>), name!(active, Option<bool>))> {
    TableIterator::new(or_raise(read(source, key_column, email_column, active_column)))
}

fn check_source(source: Option<Oid>, key: Option<String>, email: Option<String>, active: Option<String>) -> Result<()> {
    caller::require_own_statement()?;
    issuers::require_administrator()?;
    let (Some(source), Some(key)) = (source, key) else {
        return Err(Error::invalid("no table or no key column is given", "Name the table of users and its key."));
    };
    let obstacles = spi::read(
        "SELECT o.reason, o.remedy FROM warden.source_obstacle($1, $2, $3, $4) o",
        &[source.into(), key.clone().into(), email.clone().into(), active.clone().into()],
        |row| Ok((row.get::<String>(1)?.unwrap_or_default(), row.get::<String>(2)?.unwrap_or_default())),
    )?;
    if let Some((reason, remedy)) = obstacles.into_iter().next() {
        return Err(Error::invalid(reason, remedy));
    }
    require_privileges(source, [Some(key), email, active])
}

/// The table is read as its owner: whoever may not read it shall not have it read.
fn require_privileges(source: Oid, columns: [Option<String>; 3]) -> Result<()> {
    let columns: Vec<String> = columns.into_iter().flatten().collect();
    let may = spi::read(
        "SELECT pg_catalog.has_table_privilege($1, $2, 'TRIGGER')
            AND (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege($1, $2, c.name, 'SELECT'))
                 FROM pg_catalog.unnest($3) AS c (name))",
        &[caller::oid().into(), source.into(), columns.into()],
        |row| Ok(row.get::<bool>(1)?),
    )?;
    if may == [Some(true)] {
        return Ok(());
    }
    Err(Error::forbidden(
        format!("role \"{}\" may not read these columns, or not put a trigger on the table", caller::name()),
        "GRANT SELECT, TRIGGER on the table of users to it.",
    ))
}

fn read(
    source: Oid,
    key_column: &str,
    email_column: Option<&str>,
    active_column: Option<&str>,
) -> Result<Vec<SourceUser>> {
    let (owner, table) = owner_and_name(source)?;
    let email = email_column.map_or_else(|| "NULL".to_owned(), quote_identifier);
    let active = active_column.map_or_else(|| "true".to_owned(), quote_identifier);
    let sql = format!("SELECT {}::text, {email}::text, {active} FROM {table}", quote_identifier(key_column));
    table_owner::act_as(owner, || spi::read(&sql, &[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?))))
}

fn owner_and_name(table: Oid) -> Result<(Oid, String)> {
    let found = spi::read(
        "SELECT c.relowner, pg_catalog.format('%I.%I', n.nspname, c.relname)
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1",
        &[table.into()],
        |row| Ok(row.get::<Oid>(1)?.zip(row.get::<String>(2)?)),
    )?;
    found.into_iter().flatten().next().ok_or_else(|| Error::internal("the table of users is gone"))
}
