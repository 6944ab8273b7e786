//! The text of triggers. Knows nothing of Postgres.

use super::facts::Table;
use super::options::{Options, Refusal};
use super::policy::{bare, column, is_owner, join, shared};
use crate::access_level::Level;

/// The triggers of a table: name, and the statement exactly as Postgres prints it.
///
/// Row triggers stand on the tables that hold rows, never on a partitioned one: its clones would keep
/// a protected partition from being attached again.
pub fn triggers(table: &Table, options: &Options) -> Result<Vec<(&'static str, String)>, Refusal> {
    let mut triggers = vec![(
        "_warden_truncate",
        format!(
            "CREATE TRIGGER _warden_truncate BEFORE TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION warden.refuse_truncate()",
            table.name
        ),
    )];
    if table.is_partitioned() {
        return Ok(triggers);
    }
    let mut changed = Vec::new();
    for name in options.columns().chain(options.key_column.as_deref()) {
        let column = column(table, name)?;
        changed.push(format!("({} IS DISTINCT FROM {})", bare(column, "old."), bare(column, "new.")));
    }
    let keep = |name: &str, event: &str| {
        format!(
            "CREATE TRIGGER {name} {event} UPDATE ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION warden.keep_owner()",
            table.name,
            join(&changed, " OR ")
        )
    };
    // AFTER, so that no BEFORE trigger of the application comes later and sets the owner all the same.
    triggers.push(("_warden_keep", keep("_warden_keep", "AFTER")));
    if table.is_partition {
        // A row that moves to another partition fires no AFTER UPDATE trigger.
        triggers.push(("_warden_keep_moved", keep("_warden_keep_moved", "BEFORE")));
    }
    if let Some(key) = &options.key_column {
        triggers.extend(of_shares(table, options, key)?);
    }
    let filled = [options.owner_column.as_deref(), options.tenant_column.as_deref()];
    if filled.iter().any(Option::is_some) {
        let mut missing = Vec::new();
        for name in filled.iter().flatten() {
            missing.push(format!("(new.{} IS NULL)", column(table, name)?.name));
        }
        // The first is the owner, empty where there is none.
        let given = if filled[1].is_some() { 2 } else { 1 };
        let arguments: Vec<_> = filled[..given].iter().map(|name| literal(name.unwrap_or_default())).collect();
        triggers.push((
            "_warden_fill",
            format!(
                "CREATE TRIGGER _warden_fill BEFORE INSERT ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION warden.fill_owner({})",
                table.name,
                join(&missing, " OR "),
                arguments.join(", ")
            ),
        ));
    }
    Ok(triggers)
}

/// What a table needs whose rows can be shared: a share goes with its row, and who may not share a row does not show it
/// to everybody either.
fn of_shares(table: &Table, options: &Options, key: &str) -> Result<Vec<(&'static str, String)>, Refusal> {
    let key_column = column(table, key)?;
    let follow = |name: &str, event: &str, when: &str| {
        format!(
            "CREATE TRIGGER {name} AFTER {event} ON {} FOR EACH ROW {when}EXECUTE FUNCTION warden.shares_follow_row({})",
            table.name,
            literal(key)
        )
    };
    let is_other = format!("WHEN (({} IS DISTINCT FROM {})) ", bare(key_column, "old."), bare(key_column, "new."));
    let mut triggers = vec![
        ("_warden_shares_delete", follow("_warden_shares_delete", "DELETE", "")),
        ("_warden_shares_update", follow("_warden_shares_update", "UPDATE", &is_other)),
        (
            "_warden_shares_truncate",
            format!(
                "CREATE TRIGGER _warden_shares_truncate AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION warden.shares_follow_table()",
                table.name
            ),
        ),
    ];
    if let (Some(public), Some(owner)) = (&options.public_column, &options.owner_column) {
        let public = &column(table, public)?.name;
        triggers.push((
            "_warden_public",
            format!(
                "CREATE TRIGGER _warden_public AFTER UPDATE ON {} FOR EACH ROW WHEN (((old.{public} IS DISTINCT FROM new.{public}) AND ({} IS NOT TRUE) AND (NOT {}))) EXECUTE FUNCTION warden.keep_private()",
                table.name,
                is_owner(column(table, owner)?, "old.")?,
                shared("old.", key_column, Level::Share),
            ),
        ));
    }
    Ok(triggers)
}

/// A string literal in the spelling of `pg_get_triggerdef`.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
