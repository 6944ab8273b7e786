//! The plan of `protect`, without a server: what the catalogue says goes in, statements come out.

#![allow(clippy::unwrap_used)]

use pg_warden_unit::protect::facts::{Policy, Role, Table, Tree, Trigger};
use pg_warden_unit::protect::options::{Allowance, Changes, Command, Options, Reason};
use pg_warden_unit::protect::step::{Step, Weight};
use pg_warden_unit::protect::{plan, policy, trigger, undo};
use serde_json::{Value, json};

const UUID: u32 = 2950;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;
const INT4: u32 = 23;
const NUMERIC: u32 = 1700;

fn column(name: &str, type_id: u32) -> Value {
    json!({ "name": name, "type": type_id, "type_name": format!("type {type_id}"), "deterministic": true,
            "generated": false, "not_null": false, "default": null })
}

fn table(oid: u32, columns: Value) -> Value {
    json!({ "oid": oid, "name": format!("public.t{oid}"), "label": format!("t{oid}"), "schema": "public", "kind": "r",
            "temporary": false, "is_partition": false, "parents": [], "refers": false, "owner": 10,
            "owner_name": "owner", "client_owner": null, "admins": [{ "oid": 10, "name": "owner" }], "row_security": false, "forced": false, "rows": 7,
            "columns": columns, "policies": [], "triggers": [], "indexes": [],
            "free_index_name": format!("t{oid}_idx"), "grants": [] })
}

fn tree(tables: Vec<Value>) -> Tree {
    serde_json::from_value(json!({ "tables": tables, "parent": null })).unwrap()
}

fn owned(type_id: u32) -> Tree {
    tree(vec![table(1, json!({ "user_id": column("user_id", type_id) }))])
}

fn options() -> Options {
    Options { owner_column: Some("user_id".into()), manage_columns: true, create_index: true, ..Options::none() }
}

fn sql(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.sql.as_str()).collect()
}

/// The table as it is once the steps have been executed.
fn executed(table: &mut Table, options: &Options) {
    table.row_security = true;
    table.forced = true;
    table.policies =
        policy::policies(table, None, options, table.refers).unwrap().into_iter().map(|p| p.catalogue).collect();
    table.policies.push(policy::admin_policy(table).catalogue);
    table.triggers = trigger::triggers(table, options)
        .unwrap()
        .into_iter()
        .map(|(name, definition)| Trigger { name: name.into(), definition, enabled: true })
        .collect();
}

fn guards(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| step.weight != Weight::Comfort).collect()
}

fn select_policy(tree: &Tree) -> String {
    let steps = plan::protect(tree, &options()).unwrap();
    steps.into_iter().find(|step| step.sql.starts_with("CREATE POLICY warden_select")).unwrap().sql
}

#[test]
fn an_owner_is_compared_with_what_has_its_type() {
    let head = "CREATE POLICY warden_select ON public.t1 FOR SELECT TO PUBLIC USING (";
    for (type_id, expression) in [
        (UUID, "(user_id OPERATOR(pg_catalog.=) warden.current_user_id())"),
        (TEXT, "(user_id OPERATOR(pg_catalog.=) warden.current_external_id())"),
        (VARCHAR, "((user_id)::text OPERATOR(pg_catalog.=) warden.current_external_id())"),
        (INT4, "(user_id OPERATOR(pg_catalog.=) warden.current_external_number())"),
    ] {
        assert_eq!(select_policy(&owned(type_id)), format!("{head}{expression})"));
    }
}

#[test]
fn other_types_are_refused() {
    let refusal = plan::protect(&owned(NUMERIC), &options()).unwrap_err();
    assert_eq!(refusal.reason, Reason::Unusable);
    let mut insensitive = owned(TEXT);
    insensitive.tables[0].columns.get_mut("user_id").unwrap().deterministic = false;
    assert!(plan::protect(&insensitive, &options()).is_err());
}

#[test]
fn every_operator_of_a_policy_is_pinned() {
    let columns = json!({ "user_id": column("user_id", UUID), "tenant": column("tenant", UUID) });
    let options = Options { tenant_column: Some("tenant".into()), ..options() };
    let steps = plan::protect(&tree(vec![table(1, columns)]), &options).unwrap();
    let policies: Vec<_> = sql(&steps).into_iter().filter(|sql| sql.starts_with("CREATE POLICY")).collect();
    assert_eq!(policies.len(), 5);
    for policy in policies.into_iter().filter(|sql| !sql.contains("warden_admin")) {
        assert!(policy.contains("warden.current_tenant_id()"));
        assert!(!policy.replace("OPERATOR(pg_catalog.=)", "").contains('='), "{policy}");
    }
}

#[test]
fn the_rows_of_a_tenant_are_compared_with_it_alone() {
    let columns = json!({ "tenant": column("tenant", UUID), "shown": column("shown", 16) });
    let alone = Options { owner_column: None, tenant_column: Some("tenant".into()), ..options() };
    let mut tree = tree(vec![table(1, columns)]);
    let steps = plan::protect(&tree, &alone).unwrap();
    let statements = sql(&steps);
    for command in
        ["SELECT TO PUBLIC USING", "INSERT TO PUBLIC WITH CHECK", "UPDATE TO PUBLIC USING", "DELETE TO PUBLIC USING"]
    {
        let policy = statements.iter().find(|sql| sql.contains(command)).unwrap();
        assert!(policy.contains(" ((tenant OPERATOR(pg_catalog.=) warden.current_tenant_id()))"), "{policy}");
    }
    assert!(statements.iter().any(|sql| sql.ends_with("warden.fill_owner('', 'tenant')")));
    assert!(statements.iter().any(|sql| sql.starts_with("CREATE INDEX") && sql.ends_with("(tenant)")));
    executed(&mut tree.tables[0], &alone);
    assert_eq!(guards(plan::protect(&tree, &alone).unwrap()), vec![]);
    // What would be declared beside it is for rows with an owner, and nothing at all protects nothing.
    let public = Options { public_column: Some("shown".into()), ..alone.clone() };
    let allowance = Allowance { command: Command::Select, predicate: "true".into() };
    let allowed = Options { allowances: vec![allowance], ..alone.clone() };
    let nothing = Options { tenant_column: None, ..alone };
    for options in [public, allowed, nothing] {
        assert_eq!(plan::protect(&tree, &options).unwrap_err().reason, Reason::Unusable);
    }
}

#[test]
fn what_is_protected_needs_no_guard() {
    let mut tree = owned(UUID);
    assert!(!guards(plan::protect(&tree, &options()).unwrap()).is_empty());
    executed(&mut tree.tables[0], &options());
    assert_eq!(guards(plan::protect(&tree, &options()).unwrap()), vec![]);
}

#[test]
fn each_weakening_is_one_that_the_plan_mends() {
    let weakenings: [fn(&mut Table); 7] = [
        |table| table.row_security = false,
        |table| table.forced = false,
        |table| drop(table.policies.remove(0)),
        |table| table.policies[0].using = Some("true".into()),
        |table| table.policies[0].roles = vec![10],
        |table| drop(table.triggers.remove(0)),
        |table| table.triggers[0].enabled = false,
    ];
    for weaken in weakenings {
        let mut tree = owned(UUID);
        executed(&mut tree.tables[0], &options());
        weaken(&mut tree.tables[0]);
        assert!(!guards(plan::protect(&tree, &options()).unwrap()).is_empty());
    }
}

#[test]
fn a_policy_of_somebody_else_is_refused() {
    let mut tree = owned(UUID);
    executed(&mut tree.tables[0], &options());
    let open = Policy {
        name: "open".into(),
        permissive: true,
        command: '*',
        roles: vec![0],
        using: Some("true".into()),
        check: None,
    };
    tree.tables[0].policies.push(open);
    assert_eq!(plan::protect(&tree, &options()).unwrap_err().reason, Reason::WrongState);
}

#[test]
fn the_first_foreign_key_makes_the_policies_ask() {
    let mut tree = owned(UUID);
    executed(&mut tree.tables[0], &options());
    tree.tables[0].refers = true;
    let steps = guards(plan::protect(&tree, &options()).unwrap());
    assert!(steps.iter().all(|step| step.weight == Weight::Overdue));
    assert_eq!(steps.iter().filter(|step| step.sql.contains("parents_visible(tableoid, t1.*)")).count(), 2);
    // And go on asking when the last one has gone.
    executed(&mut tree.tables[0], &options());
    tree.tables[0].refers = false;
    assert_eq!(guards(plan::protect(&tree, &options()).unwrap()), vec![]);
}

#[test]
fn the_door_is_for_the_owner_and_the_admins_of_today() {
    let mut tree = owned(UUID);
    executed(&mut tree.tables[0], &options());
    tree.tables[0].admins.push(Role { oid: 11, name: "boss".into() });
    let steps = guards(plan::protect(&tree, &options()).unwrap());
    assert!(steps.iter().all(|step| step.weight == Weight::Overdue));
    let door = "CREATE POLICY warden_admin ON public.t1 FOR ALL TO owner, boss \
                USING (warden.admin_open()) WITH CHECK (warden.admin_open())";
    assert_eq!(sql(&steps), ["DROP POLICY warden_admin ON public.t1", door]);
    // A door that is open to everybody is nothing to follow, but a hole.
    executed(&mut tree.tables[0], &options());
    tree.tables[0].policies.iter_mut().find(|policy| policy.name == "warden_admin").unwrap().using =
        Some("true".into());
    let steps = guards(plan::protect(&tree, &options()).unwrap());
    assert!(steps.iter().any(|step| step.weight == Weight::Stray));
}

#[test]
fn an_index_serves_when_it_leads_with_the_owner_or_the_tenant_and_the_owner() {
    let columns = json!({ "user_id": column("user_id", UUID), "tenant": column("tenant", UUID) });
    let options = Options { tenant_column: Some("tenant".into()), ..options() };
    for (index, serves) in [
        (json!(["user_id"]), true),
        (json!(["user_id", null]), true),
        (json!(["tenant", "user_id"]), true),
        (json!(["tenant"]), false),
        (json!([null, "user_id"]), false),
        (json!(["id", "user_id"]), false),
    ] {
        let mut facts = table(1, columns.clone());
        facts["indexes"] = json!([{ "name": "i", "columns": index }]);
        let steps = plan::protect(&tree(vec![facts]), &options).unwrap();
        assert_eq!(!sql(&steps).iter().any(|sql| sql.starts_with("CREATE INDEX")), serves, "{index}");
    }
}

#[test]
fn a_row_trigger_never_stands_on_a_partitioned_table() {
    let columns = json!({ "user_id": column("user_id", UUID) });
    let mut root = table(1, columns.clone());
    root["kind"] = json!("p");
    let mut part = table(2, columns);
    part["is_partition"] = json!(true);
    let steps = plan::protect(&tree(vec![root, part]), &options()).unwrap();
    let triggers = |oid| steps.iter().filter(move |step| step.table == oid && step.sql.starts_with("CREATE TRIGGER"));
    assert_eq!(triggers(1).count(), 1);
    assert_eq!(triggers(2).count(), 4);
    assert_eq!(sql(&steps).iter().filter(|sql| sql.starts_with("CREATE INDEX")).count(), 1);
}

#[test]
fn unprotect_restores_what_was_changed_and_no_more() {
    let mut tree = owned(UUID);
    tree.tables[0].row_security = true;
    let changes = plan::protect(&tree, &options()).unwrap().into_iter().flat_map(|step| step.changes).fold(
        Changes::default(),
        |mut all, (_, change)| {
            all.merge(change);
            all
        },
    );
    executed(&mut tree.tables[0], &options());
    let steps = undo::unprotect(&tree, &[(1, changes)].into());
    let sql = sql(&steps);
    assert_eq!(sql.iter().filter(|sql| sql.starts_with("DROP POLICY")).count(), 5);
    assert!(sql.contains(&"ALTER TABLE ONLY public.t1 NO FORCE ROW LEVEL SECURITY"));
    assert!(!sql.contains(&"ALTER TABLE ONLY public.t1 DISABLE ROW LEVEL SECURITY"));
    assert!(sql.contains(&"ALTER TABLE ONLY public.t1 ALTER COLUMN user_id DROP DEFAULT"));
}

#[test]
fn a_later_run_does_not_forget_the_time_before() {
    let mut changes = Changes { row_security: Some(false), index: Some("first".into()), ..Changes::default() };
    changes.defaults.insert("user_id".into(), Some("gen_random_uuid()".into()));
    let mut later = Changes { row_security: Some(true), index: Some("second".into()), ..Changes::default() };
    later.defaults.insert("user_id".into(), None);
    changes.merge(later);
    assert_eq!(changes.row_security, Some(false));
    assert_eq!(changes.index.as_deref(), Some("first"));
    assert_eq!(changes.defaults["user_id"].as_deref(), Some("gen_random_uuid()"));
    changes.rename("user_id", "author");
    assert!(changes.defaults.contains_key("author"));
}
