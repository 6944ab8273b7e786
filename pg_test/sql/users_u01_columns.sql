-- U1: what is known about a user, and its defaults. Made by an administrator who is no superuser.
SELECT warden.add_client_role('app'), warden.add_admin_role('boss'), warden.add_trusted_role('gateway');

\connect - boss
SELECT warden.create_user(name => 'ann', email => ' Ann@Example.com', full_name => 'Ann Ash') AS ann \gset
SELECT warden.create_service_account('importer', display_name => 'Nightly import') AS importer \gset
SELECT warden.create_user(kind => 'anonymous') AS visitor \gset
SELECT warden.create_user(kind => 'agent', name => 'agent') AS agent \gset
SELECT t.is((to_jsonb(u) - 'id' - 'created_at' - 'updated_at')::text, (jsonb '{"external_id": null, "name": "ann", "email": "ann@example.com",
    "email_verified": false, "full_name": "Ann Ash", "display_name": "Ann Ash", "avatar_url": null, "kind": "human", "status": "active",
    "roles": ["user"], "is_bot": false, "is_scanner": false, "last_login_at": null}')::text, 'U1: the columns and their defaults')
FROM warden.find_user('ann') u;
SELECT t.ok(u.created_at = u.updated_at AND u.created_at <= now(), 'U1: created and updated at the same moment') FROM warden.find_user('ann') u;
SELECT t.is(string_agg(u.kind || ' ' || u.roles::text, ', ' ORDER BY u.kind), 'agent {user}, anonymous {anonymous}, human {user}, service {user}',
    'U1: kinds, and the role each begins with') FROM warden.list_users() u;
SELECT t.is(u.display_name, 'Nightly import', 'a service account has a name to show') FROM warden.find_user('importer') u;
SELECT t.is(count(*), 4, 'each making is recorded') FROM warden.audit_log WHERE action = 'create_user' AND database_role = 'boss';

-- Refused, each beside what was allowed above.
SELECT t.refused(format('SELECT warden.create_user(%s)', arguments), state, 'refused: ' || arguments)
FROM (VALUES ('kind => ''robot''', '22023'), ('kind => NULL', '22023'), ('name => ''''', '22023'), ('name => E''a\nb''', '22023'),
    ('name => repeat(''x'', 256)', '22023'), ('name => gen_random_uuid()::text', '22023'), ('email => ''no address''', '22023'),
    ('email => ''a@b@c''', '22023'), ('email => ''a b@c.de''', '22023'), ('full_name => repeat(''x'', 256)', '22023'),
    ('external_id => ''''', '22023'), ('name => ''ann''', '23505'), ('email => ''ANN@example.com''', '23505'),
    (format('id => %L', :'ann'), '23505')) AS r (arguments, state);
SELECT t.refused('SELECT warden.create_service_account(NULL)', '22023', 'a service account without a name');
SELECT t.refused('SELECT warden.create_service_account(''ann'')', '23505', 'a service account with a name that is taken');
SELECT t.is(total, 4, 'nobody of these exists') FROM warden.list_users(page_size => 1);

-- Whoever writes the table keeps its rules: nobody but a superuser can.
\connect - postgres
SELECT t.refused($$ INSERT INTO warden.users (email) VALUES (' X@example.com') $$, '23514', 'U3: no other form of an address is stored', 'normalised');
SELECT t.refused($$ INSERT INTO warden.users (email) VALUES (E'x@example.com\t') $$, '23514', 'U3: nor one with a tab at its end', 'normalised');
SELECT t.refused($$ INSERT INTO warden.users (status) VALUES ('gone') $$, '23514', 'U2: there are six statuses');
SELECT t.rows($$ INSERT INTO warden.users (email) VALUES ('x@example.com') $$, 1, 'a normal form is');

-- Nobody else makes or reads users.
CREATE TABLE calls (call) AS VALUES
    ('SELECT warden.create_user(name => ''eve'')'), ('SELECT warden.create_user_if_absent(name => ''eve'')'),
    ('SELECT warden.create_service_account(''eve'')'), ('SELECT * FROM warden.find_user(''ann'')'), ('SELECT * FROM warden.list_users()'),
    ('SELECT * FROM warden.search_users(''ann'')'), ('SELECT warden.count_users()'), ('SELECT * FROM warden.user_stats()'),
    ('SELECT warden.export_users()'), ('SELECT * FROM warden.update_user(gen_random_uuid(), name => ''eve'')'),
    ('SELECT warden.set_user_status(gen_random_uuid(), ''active'')'), ('SELECT warden.delete_user(gen_random_uuid())'),
    ('SELECT warden.restore_user(gen_random_uuid())'), ('SELECT warden.promote_user(gen_random_uuid())'),
    ('SELECT warden.demote_user(gen_random_uuid())'), ('SELECT warden.assign_role(gen_random_uuid(), ''owner'')'),
    ('SELECT warden.revoke_role(gen_random_uuid(), ''owner'')'), ('SELECT warden.bulk_update_users(''suspended'', role => ''user'', dry_run => false)'),
    ('SELECT warden.bulk_delete_users(role => ''user'', dry_run => false)'),
    ('SELECT * FROM warden.known_users'), ('SELECT * FROM warden.users');
GRANT SELECT ON calls TO PUBLIC;
\connect - app
SELECT t.refused(call, '42501', 'app: ' || call) FROM calls;
\connect - gateway
SELECT t.refused(call, '42501', 'gateway: ' || call) FROM calls;
\connect - mallory_login
SELECT t.refused(call, '42501', 'mallory_login: ' || call) FROM calls;

-- Nor does somebody who borrows the right to execute: the role outside the function is asked.
\connect - postgres
GRANT EXECUTE ON FUNCTION warden.find_user(text), warden.delete_user(uuid) TO app;
\connect - app
SELECT t.refused('SELECT * FROM warden.find_user(''ann'')', '42501', 'granted EXECUTE, a client still finds nobody', 'admin');
SELECT t.refused('SELECT warden.delete_user(gen_random_uuid())', '42501', 'nor deletes anybody', 'admin');
SELECT t.done();
