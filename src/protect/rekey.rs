//! The rows of users in every protected table: counting them, giving them to somebody else, deleting them.
//! The statements are made in `owned`, and executed as the owner of each table.

use super::catalogue;
use super::facts::Kind;
use super::owned::{self, Group, Owned, Scope, Tables};
use super::owner_writes::{defer_nothing, refuse_superuser, writing_as};
use super::table_owner::act_as;
use crate::error::{Error, Result, or_raise};
use crate::{identity, issuers, spi};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// See the comment on the SQL function.
#[pg_extern(sql = false)]
fn owned_rows(
    user_id: Uuid,
    external_id: Option<&str>,
) -> TableIterator<'static, (name!(table_name, String), name!(rows, i64))> {
    TableIterator::new(or_raise(count_of(&Keys::of(&[(user_id, external_id)]))))
}

/// See the comment on the SQL function.
#[pg_extern(sql = false)]
fn owners_among(user_ids: Vec<Uuid>, external_ids: Vec<Option<String>>) -> SetOfIterator<'static, Uuid> {
    SetOfIterator::new(or_raise(find_owners(&pairs(&user_ids, &external_ids))))
}

/// See the comment on the SQL function.
#[pg_extern(sql = false)]
fn delete_owned_rows(
    user_ids: Vec<Uuid>,
    external_ids: Vec<Option<String>>,
) -> TableIterator<'static, (name!(table_name, String), name!(rows, i64))> {
    TableIterator::new(or_raise(delete(&Keys::of(&pairs(&user_ids, &external_ids)))))
}

/// See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn rekey_rows(
    source: Uuid,
    source_external_id: Option<&str>,
    target: Uuid,
    target_external_id: Option<&str>,
    on_conflict: &str,
    merge_id: Uuid,
) -> TableIterator<'static, (name!(table_name, String), name!(rows, i64), name!(taken_out, i64))> {
    let keys = Keys::of(&[(source, source_external_id)]).given_to(target, target_external_id);
    TableIterator::new(or_raise(rekey(&keys, on_conflict == "keep_target", merge_id)))
}

/// Refuses everybody but superusers and admin roles, and triggers of theirs. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn require_administrator_itself() -> bool {
    or_raise(crate::caller::require_own_statement().and_then(|()| issuers::require_administrator()).map(|()| true))
}

/// Whose rows are meant, in every form that an owner column has, and to whom they are given.
struct Keys {
    ids: Vec<Uuid>,
    texts: Vec<String>,
    numbers: Vec<i64>,
    recipient: Option<(Uuid, String, Option<i64>)>,
}

impl Keys {
    fn of(users: &[(Uuid, Option<&str>)]) -> Self {
        let external = || users.iter().filter_map(|(_, external_id)| *external_id);
        Self {
            ids: users.iter().map(|(id, _)| *id).collect(),
            // Rows may be older than the external id of their owner.
            texts: users.iter().map(|(id, _)| id.to_string()).chain(external().map(str::to_owned)).collect(),
            numbers: external().filter_map(identity::number).collect(),
            recipient: None,
        }
    }

    fn given_to(self, id: Uuid, external_id: Option<&str>) -> Self {
        let text = external_id.map_or_else(|| id.to_string(), str::to_owned);
        Self { recipient: Some((id, text, external_id.and_then(identity::number))), ..self }
    }

    /// The parameters of the statements.
    fn parameters(&self) -> Vec<DatumWithOid<'static>> {
        let (id, text, number) = match &self.recipient {
            Some((id, text, number)) => (Some(*id), Some(text.clone()), *number),
            None => (None, None, None),
        };
        vec![
            self.ids.clone().into(),
            self.texts.clone().into(),
            self.numbers.clone().into(),
            id.into(),
            text.into(),
            number.into(),
        ]
    }
}

fn pairs<'a>(ids: &[Uuid], external_ids: &'a [Option<String>]) -> Vec<(Uuid, Option<&'a str>)> {
    ids.iter().copied().zip(external_ids.iter().map(Option::as_deref)).collect()
}

/// The protected tables of the database, none of which a superuser owns.
fn tables() -> Result<Tables> {
    let found = spi::read("SELECT warden.owned_tables()", &[], |row| Ok(row.get::<JsonB>(1)?))?;
    let tables: Vec<Owned> = match found.into_iter().flatten().next() {
        Some(JsonB(tables)) => catalogue::parse(tables)?,
        None => Vec::new(),
    };
    for table in &tables {
        refuse_superuser(Oid::from(table.owner), &table.name)?;
        for member in &table.members {
            refuse_superuser(Oid::from(member.owner), &member.name)?;
        }
    }
    Ok(tables.into_iter().map(|table| (table.oid, table)).collect())
}

/// How many rows of each table are meant; also on a standby.
fn count_of(keys: &Keys) -> Result<Vec<(String, i64)>> {
    let tables = tables()?;
    let mut counts = Vec::new();
    for table in tables.values() {
        let Some(sql) = owned::count(table, &tables) else { continue };
        let rows = act_as(Oid::from(table.owner), || {
            spi::read(&sql, &keys.parameters(), |row| Ok(row.get::<i64>(1)?.unwrap_or_default()))
        })?;
        counts.push((table.name.clone(), rows.first().copied().unwrap_or_default()));
    }
    Ok(counts)
}

/// A number, asked for as a table's owner.
fn number(owner: u32, sql: &str, keys: &Keys) -> Result<i64> {
    let answers = act_as(Oid::from(owner), || {
        spi::change(sql, &keys.parameters(), |row| Ok(row.get::<i64>(1)?.unwrap_or_default()))
    })?;
    Ok(answers.first().copied().unwrap_or_default())
}

/// As `number`, of a statement that calls the functions of indexes, which are the owner's code.
fn number_of_conflicts(owner: u32, sql: &str, keys: &Keys) -> Result<i64> {
    writing_as(Oid::from(owner), "pg_catalog", || number(owner, sql, keys))
}

fn find_owners(users: &[(Uuid, Option<&str>)]) -> Result<Vec<Uuid>> {
    let (tables, keys) = (tables()?, Keys::of(users));
    let mut by_text: BTreeMap<String, Uuid> = BTreeMap::new();
    for (id, external_id) in users {
        by_text.extend([Some(id.to_string()), external_id.map(str::to_owned)].into_iter().flatten().map(|t| (t, *id)));
    }
    let mut owners = BTreeSet::new();
    for table in tables.values() {
        let Some(sql) = owned::owners(table, &tables) else { continue };
        let found = act_as(Oid::from(table.owner), || {
            spi::read(&sql, &keys.parameters(), |row| Ok(row.get::<String>(1)?.unwrap_or_default()))
        })?;
        owners.extend(found.iter().filter_map(|text| by_text.get(text)).map(|id| *id.as_bytes()));
    }
    Ok(owners.into_iter().map(Uuid::from_bytes).collect())
}

fn delete(keys: &Keys) -> Result<Vec<(String, i64)>> {
    let before = count_of(keys)?;
    let tables = tables()?;
    defer_nothing()?;
    let deleted = until_none_is_left(&tables, &owned::deletes(&tables), keys, |table| owned::count(table, &tables))?;
    // A cascade may have been faster.
    let counts = tables.values().filter_map(|table| {
        let before = before.iter().find(|(name, _)| *name == table.name).map_or(0, |(_, rows)| *rows);
        let rows = before.max(deleted.get(&table.oid).copied().unwrap_or_default());
        (rows > 0).then(|| (table.name.clone(), rows))
    });
    Ok(counts.collect())
}

fn rekey(keys: &Keys, keep_target: bool, merge_id: Uuid) -> Result<Vec<(String, i64, i64)>> {
    let tables = tables()?;
    let owners = |table: &Owned| table.kind().and_then(|_| owned::count(table, &tables));
    let mut before = BTreeMap::new();
    for table in tables.values() {
        let Some(sql) = owners(table) else { continue };
        let rows = number(table.owner, &sql, keys)?;
        if rows > 0 {
            require_number(table, keys)?;
        }
        before.insert(table.oid, rows);
    }
    defer_nothing()?;
    let mut taken_out = BTreeMap::new();
    if keep_target {
        for table in tables.values() {
            let rows = take_out(table, &tables, keys, merge_id)?;
            taken_out.insert(table.oid, rows);
        }
    } else {
        refuse_conflicts(&tables, keys)?;
    }
    let moved = until_none_is_left(&tables, &owned::updates(&tables), keys, owners)?;
    let of = |counts: &BTreeMap<u32, i64>, table: &Owned| counts.get(&table.oid).copied().unwrap_or_default();
    let counts = tables.values().filter_map(|table| {
        let out = of(&taken_out, table);
        // A cascade may have been faster.
        let rows = of(&moved, table).max(of(&before, table) - out);
        (rows > 0 || out > 0).then(|| (table.name.clone(), rows, out))
    });
    Ok(counts.collect())
}

/// Executes the statements; again where rows have been committed meanwhile.
fn until_none_is_left(
    tables: &Tables,
    groups: &[Group],
    keys: &Keys,
    left: impl Fn(&Owned) -> Option<String>,
) -> Result<BTreeMap<u32, i64>> {
    let mut written = BTreeMap::new();
    let mut keeps = None;
    for _ in 0..3 {
        for group in groups {
            let counts = writing_as(Oid::from(group.owner), &group.schema, || {
                spi::change(&group.sql, &keys.parameters(), |row| Ok(row.get::<Vec<i64>>(1)?.unwrap_or_default()))
            })?;
            for (table, rows) in group.tables.iter().zip(counts.into_iter().flatten()) {
                *written.entry(*table).or_default() += rows;
            }
        }
        keeps = None;
        for table in tables.values() {
            if let Some(sql) = left(table)
                && number(table.owner, &sql, keys)? > 0
            {
                keeps = Some(table.name.clone());
            }
        }
        if keeps.is_none() {
            return Ok(written);
        }
    }
    Err(Error::wrong_state(
        format!("rows of {} stay with the user", keeps.unwrap_or_default()),
        "A trigger of the table keeps them, or new ones come all the time: suspend the user first.",
    ))
}

/// An integer column holds external numbers, and not every user has one.
fn require_number(table: &Owned, keys: &Keys) -> Result<()> {
    let number = keys.recipient.as_ref().and_then(|(_, _, number)| *number);
    if table.kind() != Some(Kind::Number) || number.is_some_and(|number| table.column.holds(number)) {
        return Ok(());
    }
    Err(Error::wrong_state(
        format!("the target has no number for column {} of {}", table.column.name, table.name),
        "The column holds external ids that are numbers: give the target one that fits.",
    ))
}

fn refuse_conflicts(tables: &Tables, keys: &Keys) -> Result<()> {
    let mut conflicts = Vec::new();
    for table in tables.values() {
        let mut rows = 0;
        for scope in &table.scopes {
            if let Some(rest) = owned::conflicting(table, scope, tables) {
                rows += number_of_conflicts(scope.owner, &format!("SELECT pg_catalog.count(*) {rest}"), keys)?;
            }
        }
        if rows > 0 {
            conflicts.push(format!("{}: {rows} rows", table.name));
        }
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(Error::Taken {
        message: "rows of the source conflict with rows of the target".into(),
        detail: conflicts.join("\n"),
        hint: "on_conflict => 'keep_target' takes out those of the source and keeps them in warden.merged_rows.".into(),
    })
}

/// Takes out the rows that the recipient has already, and keeps what they held.
fn take_out(table: &Owned, tables: &Tables, keys: &Keys, merge_id: Uuid) -> Result<i64> {
    let mut taken_out = 0;
    for scope in &table.scopes {
        let Some(rest) = owned::conflicting(table, scope, tables) else { continue };
        refuse_dependents(table, scope, &rest, keys)?;
        let sql = format!(
            "SELECT moved.tableoid, moved.ctid::pg_catalog.text, pg_catalog.to_jsonb(moved.*) {rest} FOR UPDATE OF moved"
        );
        let rows = writing_as(Oid::from(scope.owner), "pg_catalog", || {
            spi::change(&sql, &keys.parameters(), |row| {
                Ok(row.get::<Oid>(1)?.zip(row.get::<String>(2)?).zip(row.get::<JsonB>(3)?))
            })
        })?;
        let mut places: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for ((member, place), JsonB(row)) in rows.into_iter().flatten() {
            spi::write(
                "INSERT INTO warden.merged_rows (merge_id, table_name, row_data) VALUES ($1, $2, $3)",
                &[merge_id.into(), table.name.clone().into(), JsonB(row).into()],
            )?;
            places.entry(member.to_u32()).or_default().push(place);
        }
        for (oid, places) in places {
            let member = table.members.iter().find(|member| member.oid == oid);
            let member = member.ok_or_else(|| Error::internal("a row is in no member of its table"))?;
            let sql = format!(
                "DELETE FROM ONLY {} AS t WHERE t.ctid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.tid[])",
                member.name
            );
            let expected = places.len();
            let deleted =
                writing_as(Oid::from(member.owner), &member.schema, || spi::write(&sql, &[places.clone().into()]))?;
            if deleted != expected {
                return Err(Error::wrong_state(
                    format!("a trigger of {} keeps rows from being deleted", member.name),
                    "Give the user's conflicting rows other keys first.",
                ));
            }
            taken_out += deleted as i64;
        }
    }
    Ok(taken_out)
}

/// With a row go those that cascade from it, and these nobody would have kept.
fn refuse_dependents(table: &Owned, scope: &Scope, rest: &str, keys: &Keys) -> Result<()> {
    for dependent in &table.dependents {
        let exists = format!("EXISTS (SELECT 1 FROM {} AS dependent WHERE {})", dependent.name, dependent.condition);
        // What only another owner may read counts as being there.
        let exists = if dependent.owner == scope.owner { exists.as_str() } else { "true" };
        let rows = number_of_conflicts(scope.owner, &format!("SELECT pg_catalog.count(*) {rest} AND {exists}"), keys)?;
        if rows > 0 {
            return Err(Error::wrong_state(
                format!("{rows} rows of {} conflict, and rows of {} depend on them", table.name, dependent.name),
                "They would go, or lose their parent, with the row that is taken out: move or delete them first.",
            ));
        }
    }
    Ok(())
}
