-- A user is found, and the first page listed, by an index, also among many: what the functions run is explained as they run it.
INSERT INTO warden.users (name, email, external_id, synced, created_at)
SELECT 'user ' || n, n || '@example.com', n, n % 2 = 0, now() - interval '1 minute' * n FROM generate_series(1, 20000) n;
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at, started_at)
SELECT u.id, 'login', '{}', now() + interval '1 day', u.created_at - interval '1 day' * n FROM warden.users u CROSS JOIN generate_series(1, 2) n;
ANALYZE warden.users, warden.sessions;
CREATE FUNCTION nodes(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
    RETURN (SELECT string_agg(n #>> '{}', ', ') FROM jsonb_path_query(plan, 'strict $.**."Index Name"') n)
        || CASE WHEN jsonb_path_exists(plan, 'strict $.**."Node Type" ? (@ == "Seq Scan" || @ == "Sort")') THEN ' and more' ELSE '' END;
END $$;
SELECT t.is(nodes('SELECT * FROM warden.users_with_email(''7@example.com'')'), 'users_email_key, users_synced_email_idx', 'by email');
SELECT t.is(nodes('SELECT * FROM warden.known_users WHERE name = ''user 7'''), 'users_name_key', 'by name');
SELECT t.is(nodes('SELECT * FROM warden.known_users WHERE external_id = ''7'''), 'users_external_id_key', 'by external id');
SELECT t.is(nodes('SELECT u.id FROM warden.matching_users(NULL, NULL, NULL, NULL) u
    WHERE (u.created_at, u.id) < (''infinity'', ''ffffffff-ffff-ffff-ffff-ffffffffffff'') ORDER BY u.created_at DESC, u.id DESC LIMIT 20'),
    'users_newest_idx', 'a page is read off the index, without a sort');
SELECT t.is(nodes('SELECT FROM warden.users u WHERE u.status = ''active'' AND u.roles && ''{owner,admin}'''), 'users_administrators_idx', 'the few who administer');
-- The functions themselves: how many rows they touched is counted by Postgres, which a new session begins anew.
SELECT warden.add_admin_role('boss');
\connect - boss
BEGIN;
SELECT t.rows('SELECT * FROM warden.find_user(''7@example.com'')', 1, 'found by email');
SELECT t.rows('SELECT * FROM warden.find_user(''user 7'')', 1, 'found by name');
SELECT t.rows('SELECT * FROM warden.list_users(with_total => false)', 20, 'a first page');
SELECT t.is(pg_stat_get_xact_numscans('warden.users'::regclass), 0, 'none of it read the whole table');
SELECT t.rows('SELECT * FROM warden.find_first_user()', 1, 'the first');
SELECT t.rows('SELECT * FROM warden.list_users_with_sessions()', 20, 'those with the latest sessions');
SELECT t.is(pg_stat_get_xact_numscans('warden.users'::regclass) + pg_stat_get_xact_numscans('warden.sessions'::regclass), 0, 'nor of the sessions');
SELECT t.ok(pg_stat_get_xact_tuples_fetched('warden.sessions_newest_idx'::regclass) < 100, 'whose latest alone are read');
SELECT t.rows('SELECT * FROM warden.search_users(''user 777'')', 11, 'a search does');
SELECT t.ok(pg_stat_get_xact_numscans('warden.users'::regclass) > 0, 'and is counted');
COMMIT;
SELECT t.done();
