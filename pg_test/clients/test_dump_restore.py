"""Attack D9, features N7, U17, S2: pg_dump and what reads it back give a database that answers as before: to credentials
that are good, and to those that are over."""

from types import SimpleNamespace

import pytest
from psycopg import errors

from documents import DOCUMENTS_EACH, Documents, fill, owners_seen
from programs import run

CHILD = """
CREATE TABLE notes (id int PRIMARY KEY, document_id bigint REFERENCES documents, body text);
GRANT SELECT, INSERT ON notes TO app;
SELECT warden.protect('notes', owner_column => NULL, parent_column => 'document_id');
-- A dump brings its foreign key ahead of that of the notes.
CREATE TABLE appendices (id int PRIMARY KEY, note_id int REFERENCES notes, body text);
GRANT SELECT, INSERT ON appendices TO app;
SELECT warden.protect('appendices', owner_column => NULL, parent_column => 'note_id');
CREATE TABLE measures (id int, user_id uuid, at date) PARTITION BY RANGE (at);
CREATE TABLE measures_2026 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
GRANT SELECT ON measures, measures_2026 TO app;
SELECT warden.protect('measures', read_scope => 'agents:read');
CREATE TABLE posts (id int, user_id uuid, is_public boolean, status varchar(20));
GRANT SELECT ON posts TO app;
SELECT warden.protect('posts', public_column => 'is_public');
SELECT warden.allow('posts', 'SELECT', $$status IN ('a  template', 'b')$$, 'templates');
SELECT warden.allow('posts', 'INSERT', 'id BETWEEN 1 AND 7 OR status IS NULL', 'a form');
CREATE TABLE countries (code text PRIMARY KEY);
SELECT warden.exempt('countries', 'a lookup table');
CREATE TABLE more_notes (extra int) INHERITS (notes);
CREATE TABLE letters (id int PRIMARY KEY, user_id uuid, body text);
GRANT SELECT, INSERT ON letters TO app;
CREATE TABLE pages (id int, tenant_id uuid, body text);
GRANT SELECT, INSERT ON pages TO app;
SELECT warden.protect('pages', owner_column => NULL, tenant_column => 'tenant_id');
CREATE TABLE boards (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, name text);
CREATE TABLE cards (id int PRIMARY KEY, board_id uuid REFERENCES boards, body text);
GRANT SELECT, INSERT, UPDATE ON boards, cards TO app;
SELECT warden.protect('boards', shareable => true, reference_level => 'edit');
SELECT warden.protect('cards', owner_column => NULL, parent_column => 'board_id', read_level => 'use', write_level => 'manage');
CREATE TABLE settings (user_id uuid PRIMARY KEY, theme text);
SELECT warden.protect('settings');
CREATE POLICY old ON letters TO app USING (body <> 'draft');
SELECT warden.protect('letters', replace_policies => true);
"""
ROWS = """
INSERT INTO notes SELECT id, id, 'a note' FROM documents WHERE title = 'document 1';
INSERT INTO appendices SELECT id, id, 'an appendix' FROM notes;
INSERT INTO posts SELECT 1, id, true, 'x' FROM warden.users LIMIT 1;
INSERT INTO posts SELECT 2, id, false, 'a  template' FROM warden.users LIMIT 1;
INSERT INTO posts SELECT 3, id, false, 'a template' FROM warden.users LIMIT 1;
INSERT INTO measures SELECT 1, id, '2026-05-01' FROM warden.users;
INSERT INTO letters SELECT row_number() OVER (ORDER BY id), id, 'a letter' FROM warden.users;
SELECT warden.create_tenant('Acme', 'pro', '{"max_users": 5}', '{sso}', '7e000000-0000-4000-8000-000000000001');
SELECT warden.set_deployment('before', settings => '{"max_agents": 3}'), warden.define_setting('theme', 'text');
INSERT INTO pages VALUES (1, '7e000000-0000-4000-8000-000000000001', 'a page');
SELECT warden.add_migration_role('app2');
SELECT warden.watch_schema('public', except_tables => '{migrations}');
SELECT warden.define_role('viewer', '{user}'), warden.define_role('reader', '{agents:*,docs:read}', reads_only => true);
SELECT warden.define_scope('docs:read', '{user}', by_name_only => true), warden.register_client('web', '{user,docs:read}');
SELECT warden.grant_scope(id, 'billing') FROM warden.users;
SELECT warden.create_invite(), warden.create_invite(short => true, email => 'new@example.com', expires_in => '1 day'),
    warden.create_invite(tenant_id => '7e000000-0000-4000-8000-000000000001', tenant_roles => '{admin}');
SELECT warden.record_event('before the dump');
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'flood', fingerprint => 'ja3', user_agent => 'curl', session_id => 's'),
    warden.ban_ip('2001:db8::/48', '1 day', 'scan'), warden.ban_ip('198.51.100.0/24', '1 microsecond', 'over');
"""
# What a superuser finds, whose every row must come back.
STATE = [
    "SELECT u::text FROM warden.users u ORDER BY id",
    "SELECT * FROM warden.identities ORDER BY issuer, subject",
    "SELECT * FROM warden.passwords ORDER BY user_id",
    "SELECT * FROM warden.own_issuer",
    "SELECT * FROM warden.sessions ORDER BY id",
    "SELECT * FROM warden.refresh_tokens ORDER BY hash",
    "SELECT * FROM warden.api_keys ORDER BY id",
    "SELECT * FROM warden.device_certificates ORDER BY id",
    "SELECT * FROM warden.revoked_tokens ORDER BY jti",
    "SELECT * FROM warden.agents ORDER BY user_id",
    "SELECT * FROM warden.entities ORDER BY 1, 2",
    "SELECT * FROM warden.entity_parents ORDER BY 1, 2, 3, 4",
    "SELECT e::text FROM warden.entity_rules e ORDER BY 1",
    "SELECT * FROM warden.departures ORDER BY id",
    "SELECT * FROM warden.merged_rows ORDER BY id",
    "SELECT issuer, kids, audiences, subject_is, required_claims, leeway, provision, trusted_at FROM warden.issuers ORDER BY issuer",
    "SELECT issuer, position, jwk, added_at FROM warden.issuer_keys ORDER BY issuer, position",
    "SELECT * FROM warden.tenants ORDER BY id",
    "SELECT * FROM warden.tenant_members ORDER BY 1, 2",
    "SELECT * FROM warden.invites ORDER BY id",
    "SELECT count(*) FROM warden.invite_key",
    "SELECT * FROM warden.setting_names ORDER BY name",
    "SELECT * FROM warden.this_deployment",
    "SELECT role::text, kind, added_at FROM warden.database_roles ORDER BY 1, 2",
    "SELECT * FROM warden.bans ORDER BY network",
    "SELECT * FROM warden.ban_history ORDER BY network, banned_at",
    "SELECT warden.is_banned('203.0.113.7'), warden.is_banned('2001:db8::5'), warden.is_banned('198.51.100.1')",
    "SELECT id, relation::text, row_id, grantee, level, status, expires_at, under, granted_by, granted_at FROM warden.shares ORDER BY id",
    "SELECT * FROM warden.revoked_shares ORDER BY share_id",
    "SELECT * FROM warden.audit_log ORDER BY id",
    "SELECT * FROM warden.protected_tables ORDER BY schema_name, table_name",
    "SELECT relation::text, command, predicate, reason, allowed_at, allowed_by FROM warden.allowances ORDER BY 1, 2, 3",
    "SELECT relation::text, reason, exempted_at, exempted_by FROM warden.exempt_tables ORDER BY 1",
    "SELECT schema_name::text, owner_column, except_tables, action, watched_by FROM warden.watched_schemas",
    "SELECT * FROM warden.roles ORDER BY role, shipped",
    "SELECT * FROM warden.scopes ORDER BY scope, shipped",
    "SELECT * FROM warden.clients ORDER BY client_id",
    "SELECT relation::text, changes FROM warden.protections ORDER BY 1",
    "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2",
    "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    "SELECT oid::regprocedure::text, array(SELECT unnest(proacl)::text ORDER BY 1) FROM pg_proc"
    " WHERE pronamespace = 'warden'::regnamespace ORDER BY 1",
    "SELECT count(*), md5(string_agg(d::text, ' ' ORDER BY id)) FROM documents d",
]

# Tables that are read above by the view of them.
READ_BY_VIEW = {
    "trusted_issuers": "warden.issuers", "audit_records": "warden.audit_log", "exemptions": "warden.exempt_tables",
}


def have_signed_in(documents, superuser):
    """Erin signs in by everything that there is, and some of it is over. Frank was a second account of hers, and is merged."""

    def one(statement, *values):
        return superuser.execute(f"SELECT {statement}", values).fetchone()

    # Longer than the tests take.
    superuser.execute("SET warden.access_token_lifetime = '1h'; SELECT warden.rotate_signing_key('https://db.example.com')")
    erin, frank = one("warden.create_user(name => 'erin'), warden.create_user(name => 'frank')")
    one("warden.set_password(%s, 'correct horse')", erin)
    live, ended = (one("access_token, refresh_token FROM warden.login('erin', 'correct horse')") for _ in range(2))
    assert one("warden.logout(%s)", ended[1]) == (True,)
    (_, key), (revoked_id, revoked_key) = (one("id, key FROM warden.create_api_key(%s, user_id => %s)", name, erin) for name in "ab")
    (scout,) = one("warden.register_agent('scout', %s)", erin)
    (scouts_key,) = one("key FROM warden.create_api_key('scout', user_id => %s)", scout)
    device, lost_device = "0a" * 32, "0b" * 32
    one("warden.enroll_device_certificate(%s, 'laptop', user_id => %s)", device, erin)
    (lost_id,) = one("warden.enroll_device_certificate(%s, 'lost', user_id => %s)", lost_device, erin)
    assert one("warden.revoke_api_key(%s), warden.revoke_device_certificate(%s)", revoked_id, lost_id) == (True, True)
    revoked_token = documents.token(documents.users[5], jti="a revoked one", lifetime=86400)
    one("warden.revoke_token('a revoked one', %s, now() + interval '1 day')", documents.eddsa.name)
    superuser.execute("INSERT INTO settings VALUES (%s, 'dark'), (%s, 'light')", (erin, frank))
    assert one("taken_out FROM warden.merge_users(%s, %s, on_conflict => 'keep_target')", frank, erin) == (1,)
    one("warden.declare_entity('agent', '1', true), warden.declare_entity('team', '2', false)")
    one("warden.add_entity_parent('agent', '1', 'team', '2'), warden.set_entity_rule('team', '2', 'deny', 'why', role => 'viewer')")
    return SimpleNamespace(
        erin=erin,
        accepted={live[0]: erin, key: erin, scouts_key: scout},
        refused=[ended[0], revoked_key, revoked_token],
        device=device, lost_device=lost_device, refresh_token=live[1], used_refresh_token=ended[1],
    )


def share_alices_boards(documents, superuser):
    """Alice shares hers with bob, who shares it on with carol, and offers it to dave; carol had dave's, which was taken away."""
    alice, bob, carol, dave = documents.users[:4]
    for user, statement, values in (
        (alice, "share('boards', %s, %s, 'share')", (alice, bob)),
        (bob, "share('boards', %s, %s, 'view')", (alice, carol)),
        (alice, "share('boards', %s, %s, 'edit', offer => true)", (alice, dave)),
    ):
        with documents.connect("app") as app:
            documents.sign_in(app, user)
            app.execute(f"SELECT warden.{statement}", values)
    # One that could not be deleted when it was taken away.
    superuser.execute("SELECT warden.assign('boards', %s, %s, 'manage')", (dave, carol))
    superuser.execute("INSERT INTO warden.revoked_shares SELECT id FROM warden.shares WHERE row_id = %s::text", (dave,))


@pytest.fixture(scope="module")
def source(database):
    """The documents, with a child table, a partitioned table, federated users and a suspended one."""
    # Dumps would bring the assertions of the SQL tests along.
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t CASCADE")
    documents = fill(database)
    with database.connect("owner") as owner:
        owner.execute(CHILD)
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute(ROWS)
        # Not those who sign in below by the issuer of the documents, which may not speak for them any more.
        link = "SELECT warden.link_identity(id, 'https://other.example.com', 'auth0|' || id) FROM unnest(%s::uuid[]) AS u (id)"
        superuser.execute(link, (list(documents.users[10:20]),))
        superuser.execute("SELECT warden.set_user_status(%s, 'suspended')", (documents.users[-1],))
        superuser.execute("SELECT warden.add_member('7e000000-0000-4000-8000-000000000001', %s)", (documents.users[0],))
        superuser.execute("INSERT INTO boards SELECT id, id, 'a board' FROM unnest(%s::uuid[]) AS u (id)", (list(documents.users[:4]),))
        superuser.execute("INSERT INTO cards SELECT row_number() OVER (), id, 'a card' FROM boards")
        share_alices_boards(documents, superuser)
        SHOWN[documents.name] = have_signed_in(documents, superuser)
    return documents


# By the name of the source: what have_signed_in() has returned.
SHOWN = {}


@pytest.fixture(scope="module")
def shown(source):
    return SHOWN[source.name]


def by_psql(source, target, directory):
    run("pg_dump", "-d", source, "-f", f"{directory}/dump.sql")
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", f"{directory}/dump.sql", "-o", "/dev/null")


def by_psql_in_one_transaction(source, target, directory):
    run("pg_dump", "-d", source, "-f", f"{directory}/dump.sql")
    run("psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", f"{directory}/dump.sql", "-o", "/dev/null")


def by_pg_restore_in_one_transaction(source, target, directory):
    run("pg_dump", "-Fc", "-d", source, "-f", f"{directory}/dump")
    run("pg_restore", "-1", "-d", target, f"{directory}/dump")


def by_parallel_pg_restore(source, target, directory):
    run("pg_dump", "-Fd", "-j", "2", "-d", source, "-f", f"{directory}/dump")
    run("pg_restore", "-e", "-j", "4", "-d", target, f"{directory}/dump")


def in_another_order(source, target, directory, comes_last):
    """As a parallel pg_restore may do it: it knows of nothing that policies depend on but their table."""
    run("pg_dump", "-Fc", "-d", source, "-f", f"{directory}/dump")
    contents = run("pg_restore", "-l", f"{directory}/dump").stdout.splitlines()
    last = [line for line in contents if comes_last(line)]
    assert last
    order = [line for line in contents if line not in last] + last
    (directory / "order").write_text("\n".join(order) + "\n")
    run("pg_restore", "-e", "-L", f"{directory}/order", "-d", target, f"{directory}/dump")


def by_pg_restore_with_the_allowances_last(source, target, directory):
    in_another_order(source, target, directory, lambda line: " TABLE DATA warden allowances " in line)


def by_pg_restore_with_every_record_last(source, target, directory):
    in_another_order(source, target, directory, lambda line: " TABLE DATA warden " in line)


WAYS = [
    by_psql,
    by_psql_in_one_transaction,
    by_pg_restore_in_one_transaction,
    by_parallel_pg_restore,
    by_pg_restore_with_the_allowances_last,
    by_pg_restore_with_every_record_last,
]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def restored(request, source, tmp_path_factory):
    name = f"{source.name}_{request.param.__name__}"
    restored = Documents(**{**vars(source), "name": name})
    with source.connect("postgres", autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            request.param(source.dsn("postgres"), restored.dsn("postgres"), tmp_path_factory.mktemp(name))
            yield restored
        finally:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_every_row_and_right_is_there(source, restored):
    with source.connect("postgres") as before, restored.connect("postgres") as after:
        for query in STATE:
            assert after.execute(query).fetchall() == before.execute(query).fetchall(), query


def test_each_dumped_table_is_compared_and_has_rows(source):
    """Or the test above would compare nothing with nothing."""
    with source.connect("postgres") as superuser:
        dumped = "SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'pg_warden'"
        tables = [table.removeprefix("warden.") for (table,) in superuser.execute(dumped)]
        assert len(tables) > 30
        for table in tables:
            assert any(READ_BY_VIEW.get(table, f"warden.{table}") in query for query in STATE), table
            assert superuser.execute(f"SELECT count(*) FROM warden.{table}").fetchone() > (0,), table


def test_what_was_good_is_good_and_what_was_over_is_over(restored, shown):
    with restored.connect("app") as app:
        for credential, user in shown.accepted.items():
            assert app.execute("SELECT warden.authenticate(%s)", (credential,)).fetchone() == (user,)
            app.rollback()
        for credential in shown.refused:
            with pytest.raises(errors.InvalidAuthorizationSpecification):
                app.execute("SELECT warden.authenticate(%s)", (credential,))
            app.rollback()
    with restored.connect("gateway") as gateway:
        assert gateway.execute("SELECT warden.set_current_device(%s)", (shown.device,)).fetchone() == (shown.erin,)
        gateway.rollback()
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            gateway.execute("SELECT warden.set_current_device(%s)", (shown.lost_device,))


def test_the_key_of_short_invites_is_in_no_dump(source, restored):
    with source.connect("postgres") as before, restored.connect("postgres") as after:
        key = "SELECT key FROM warden.invite_key"
        assert before.execute(key).fetchone() != after.execute(key).fetchone()


def test_tokens_are_believed_and_isolate(restored):
    alice, bob = restored.users[:2]
    with restored.connect("app") as app:
        for token, user in ((restored.eddsa.token(alice), alice), (restored.rs256.token(bob), bob)):
            app.execute("SELECT warden.authenticate(%s)", (token,))
            assert app.execute("SELECT user_id FROM documents").fetchall() == [(user,)] * DOCUMENTS_EACH
            assert app.execute("SELECT count(*) FROM notes JOIN appendices a ON a.note_id = notes.id").fetchone() == (1,)
            assert app.execute("SELECT count(*) FROM appendices").fetchone() == (1,)
            assert app.execute("SELECT user_id FROM measures_2026").fetchall() == [(user,)]
            app.commit()
            assert owners_seen(app) == set()
            app.commit()


def test_tenants_have_their_members_alone(restored):
    alice, bob = restored.users[:2]
    tenant = "7e000000-0000-4000-8000-000000000001"
    authenticate = "SELECT warden.authenticate(%s, tenant_id => %s)"
    with restored.connect("app") as app:
        app.execute(authenticate, (restored.token(alice), tenant))
        assert app.execute("SELECT body, warden.has_feature('sso') FROM pages").fetchall() == [("a page", True)]
        app.commit()
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            app.execute(authenticate, (restored.token(bob), tenant))


def test_what_is_shared_stays_so(source, restored):
    alice, bob, carol, dave = restored.users[:4]
    for documents in (source, restored):
        with documents.connect("app") as app:
            for user, boards, cards, level in ((bob, {alice, bob}, 2, "share"), (carol, {alice, carol}, 1, "view"), (dave, {dave}, 1, None)):
                documents.sign_in(app, user)
                assert {id for (id,) in app.execute("SELECT id FROM boards")} == boards
                assert app.execute("SELECT count(*) FROM cards").fetchone() == (cards,)
                assert app.execute("SELECT warden.access_level('boards', %s)", (alice,)).fetchone() == (level,)
                app.rollback()
            # What was offered can be accepted.
            documents.sign_in(app, dave)
            app.execute("SELECT warden.accept_share(share_id) FROM warden.shared_with_me() WHERE status = 'pending'")
            assert app.execute("UPDATE boards SET name = 'by dave'").rowcount == 2
            app.rollback()
            # What was shared on falls with the share under it.
            documents.sign_in(app, alice)
            assert app.execute("SELECT warden.unshare('boards', %s, %s)", (alice, bob)).fetchone() == (2,)
            app.rollback()


def test_exceptions_stand(restored):
    with restored.connect("app") as app:
        assert app.execute("SELECT id FROM posts ORDER BY id").fetchall() == [(1,), (2,)]
    with restored.connect("postgres") as superuser:
        listed = "SELECT intact, public_column, jsonb_array_length(allowances) FROM warden.protected_tables WHERE table_name = 'posts'"
        assert superuser.execute(listed).fetchall() == [(True, "is_public", 2)]


def test_all_is_intact(restored):
    with restored.connect("postgres") as superuser:
        listed = superuser.execute("SELECT table_name, intact FROM warden.protected_tables").fetchall()
    assert len(listed) == 12
    assert all(intact for _, intact in listed), listed


def test_refusals_stand(restored):
    alice, bob, suspended = restored.users[0], restored.users[1], restored.users[-1]
    with restored.connect("app") as app:
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            restored.sign_in(app, suspended)
        app.rollback()
        for statement in (
            f"INSERT INTO documents (user_id, title) VALUES ('{bob}', '')",
            f"UPDATE documents SET user_id = '{bob}'",
            "TRUNCATE notes, documents",
            "SELECT warden.set_current_user(NULL)",
        ):
            restored.sign_in(app, alice)
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(statement)
            app.rollback()


def test_life_goes_on(restored):
    """Nothing is left to protect; sequences go on where they were; the guard is up."""
    with restored.connect("owner") as owner:
        assert owner.execute("SELECT * FROM warden.protect('documents')").fetchall() == []
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            owner.execute("ALTER TABLE documents DISABLE ROW LEVEL SECURITY")
    with restored.connect("app") as app:
        restored.sign_in(app, restored.users[0])
        app.execute("INSERT INTO documents (title) VALUES ('new')")
        app.execute("SELECT warden.record_event('after the restore')")
    with restored.connect("postgres") as superuser:
        latest = superuser.execute("SELECT action, user_id FROM warden.audit_log ORDER BY id DESC LIMIT 1").fetchone()
        assert latest == ("after the restore", restored.users[0])


def test_users_sign_in_again_with_a_new_signing_key(restored, shown):
    """The private one is in no dump."""
    login, refresh = "SELECT error FROM warden.login('erin', %s)", "SELECT error FROM warden.refresh(%s)"
    with restored.connect("postgres", autocommit=True) as superuser:
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            superuser.execute(login, ("correct horse",))
        superuser.execute("SELECT warden.rotate_signing_key()")
        assert superuser.execute(login, ("correct horse",)).fetchone() == (None,)
        assert superuser.execute(login, ("a guess",)).fetchone() == ("invalid_grant",)
        assert superuser.execute(refresh, (shown.refresh_token,)).fetchone() == (None,)
        for used in (shown.refresh_token, shown.used_refresh_token):
            assert superuser.execute(refresh, (used,)).fetchone() == ("invalid_grant",)
