//! The statements over the rows of one user, without a server.

#![allow(clippy::unwrap_used)]

use pg_warden_unit::protect::owned::{self, Group, Owned, Tables};
use serde_json::{Value, json};

const UUID: u32 = 2950;
const VARCHAR: u32 = 1043;
const INT2: u32 = 21;
const INT4: u32 = 23;

const ALICE: u32 = 100;
const MALLORY: u32 = 101;

fn column(name: &str, type_id: u32) -> Value {
    json!({ "name": name, "type": type_id, "type_name": "", "deterministic": true, "generated": false, "not_null": true, "default": null })
}

fn table(oid: u32, owner: u32, column_name: &str, type_id: u32) -> Value {
    json!({ "oid": oid, "name": format!("s.t{oid}"), "schema": "s", "owner": owner, "names_owner": true,
            "column": column(column_name, type_id), "base_type": "uuid", "parent": null,
            "members": [{ "oid": oid, "name": format!("s.t{oid}"), "schema": "s", "owner": owner }],
            "scopes": [], "refers_to": [], "dependents": [] })
}

fn child(oid: u32, owner: u32, parent: u32) -> Value {
    let mut child = table(oid, owner, "parent_id", INT4);
    child["names_owner"] = json!(false);
    child["parent"] = json!({ "root": parent, "name": format!("s.t{parent}"), "key": "id" });
    child["refers_to"] = json!([parent]);
    child
}

fn tables(tables: Vec<Value>) -> Tables {
    let tables: Vec<Owned> = tables.into_iter().map(|table| serde_json::from_value(table).unwrap()).collect();
    tables.into_iter().map(|table| (table.oid, table)).collect()
}

fn only(groups: Vec<Group>) -> Group {
    assert_eq!(groups.len(), 1);
    groups.into_iter().next().unwrap()
}

#[test]
fn a_row_is_compared_with_the_form_of_the_user_that_its_column_holds() {
    let all = tables(vec![table(1, ALICE, "u", UUID), table(2, ALICE, "u", VARCHAR), table(3, ALICE, "u", INT2)]);
    let conditions: Vec<_> = all.values().map(|table| owned::count(table, &all).unwrap()).collect();
    assert_eq!(
        conditions,
        [
            "SELECT pg_catalog.count(*) FROM s.t1 AS t WHERE t.u OPERATOR(pg_catalog.=) ANY ($1)",
            "SELECT pg_catalog.count(*) FROM s.t2 AS t WHERE (t.u)::text OPERATOR(pg_catalog.=) ANY ($2)",
            "SELECT pg_catalog.count(*) FROM s.t3 AS t WHERE t.u OPERATOR(pg_catalog.=) ANY ($3)",
        ]
    );
}

#[test]
fn children_are_meant_by_their_parents_and_deleted_with_them_but_not_given_away() {
    let all = tables(vec![table(1, ALICE, "u", UUID), child(2, ALICE, 1), child(3, ALICE, 2)]);
    let meant = "t.parent_id OPERATOR(pg_catalog.=) ANY (SELECT p0.id FROM s.t2 AS p0 WHERE p0.parent_id OPERATOR(pg_catalog.=) ANY \
                 (SELECT p1.id FROM s.t1 AS p1 WHERE p1.u OPERATOR(pg_catalog.=) ANY ($1)))";
    assert_eq!(
        owned::count(&all[&3], &all).unwrap(),
        format!("SELECT pg_catalog.count(*) FROM s.t3 AS t WHERE {meant}")
    );
    let group = only(owned::deletes(&all));
    assert_eq!(group.tables, [3, 2, 1]);
    let group = only(owned::updates(&all));
    assert_eq!(group.tables, [1]);
    assert_eq!(
        group.sql,
        "WITH w0 AS (UPDATE s.t1 AS t SET u = $4 WHERE t.u OPERATOR(pg_catalog.=) ANY ($1) RETURNING 1) \
         SELECT ARRAY[(SELECT pg_catalog.count(*) FROM w0)]"
    );
}

#[test]
fn a_parent_column_without_its_foreign_key_names_nobody() {
    let mut orphan = child(2, ALICE, 1);
    orphan["parent"] = Value::Null;
    let all = tables(vec![table(1, ALICE, "u", UUID), orphan]);
    assert_eq!(owned::count(&all[&2], &all), None);
    assert_eq!(owned::owners(&all[&2], &all), None);
    assert_eq!(owned::deletes(&all).iter().flat_map(|group| group.tables.clone()).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_another_owner_has_is_written_as_that_owner() {
    let mut partitioned = table(1, ALICE, "u", UUID);
    partitioned["members"] = json!([
        { "oid": 11, "name": "s.a", "schema": "s", "owner": ALICE },
        { "oid": 12, "name": "z.b", "schema": "z", "owner": MALLORY },
    ]);
    let all = tables(vec![partitioned, child(2, MALLORY, 1)]);
    // Whose parents it need not be able to read.
    assert_eq!(owned::count(&all[&2], &all), None);
    let updates = owned::updates(&all);
    let written: Vec<_> = updates.iter().map(|group| (group.owner, group.schema.as_str())).collect();
    assert_eq!(written, [(ALICE, "s"), (MALLORY, "z")]);
    assert!(updates[0].sql.contains("UPDATE ONLY s.a AS t") && updates[1].sql.contains("UPDATE ONLY z.b AS t"));
}

#[test]
fn parents_are_given_away_first_and_deleted_last_also_in_a_circle() {
    let (mut orders, mut clients) = (table(1, ALICE, "u", UUID), table(2, MALLORY, "u", UUID));
    orders["refers_to"] = json!([2]);
    let order = |groups: Vec<Group>| groups.into_iter().flat_map(|group| group.tables).collect::<Vec<_>>();
    let all = tables(vec![orders.clone(), clients.clone()]);
    assert_eq!(order(owned::updates(&all)), [2, 1]);
    assert_eq!(order(owned::deletes(&all)), [1, 2]);
    clients["refers_to"] = json!([1]);
    let all = tables(vec![orders, clients]);
    assert_eq!(order(owned::updates(&all)).len(), 2);
}

#[test]
fn a_conflict_is_of_the_row_as_it_will_be() {
    let mut settings = table(1, ALICE, "u", UUID);
    settings["scopes"] = json!([{ "name": "ONLY s.t1", "label": "t1", "owner": ALICE, "columns": ["id", "u", "name"], "keys": [{
        "predicate": "(NOT archived)", "nulls_are_equal": false, "parts": [
            { "expression": "u", "operator": "OPERATOR(pg_catalog.=)", "collation": null },
            { "expression": "lower(name)", "operator": "OPERATOR(pg_catalog.=)", "collation": "pg_catalog.\"C\"" },
        ] }] }]);
    let all = tables(vec![settings]);
    let sql = owned::conflicting(&all[&1], &all[&1].scopes[0], &all).unwrap();
    assert!(
        sql.contains("(SELECT moved.id AS id, ($4::uuid) AS u, moved.name AS name) AS t1 WHERE (NOT archived)"),
        "{sql}"
    );
    assert!(
        sql.contains("n.k1 COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.=) o.k1 COLLATE pg_catalog.\"C\""),
        "{sql}"
    );
    assert!(
        sql.contains(
            "NOT (o.relation OPERATOR(pg_catalog.=) moved.tableoid AND o.place OPERATOR(pg_catalog.=) moved.ctid)"
        ),
        "{sql}"
    );
}

#[test]
fn a_number_fits_its_column_or_not() {
    let all = tables(vec![table(1, ALICE, "u", INT2), table(2, ALICE, "u", INT4)]);
    assert!(all[&1].column.holds(32_767) && !all[&1].column.holds(32_768));
    assert!(all[&2].column.holds(2_147_483_647) && !all[&2].column.holds(2_147_483_648));
}
