-- E8, F5, U17, D12: API keys. Wrong, revoked, expired ones and those of who may not come in are refused by one answer; no key has
-- more than its maker or its user; another user's keys do not exist.
\ir lib/cast.sql
\ir lib/sessions.sql
SELECT warden.add_admin_role('boss');
SELECT warden.create_service_account('importer') AS importer \gset
SELECT begin_session(:'alice', 'phone') AS phone, begin_session(:'bob') AS bobs \gset
SELECT session_token(:'phone') AS phone_token, session_token(:'bobs') AS bobs_token \gset
CREATE FUNCTION good(key text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(key);
    RETURN true;
EXCEPTION WHEN invalid_authorization_specification THEN RETURN false;
END $$;
\set acted `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "user agents:read", "act": {"sub": "b0b00000-0000-4000-8000-000000000002"}}'`

\ir lib/as_attacker.sql
SELECT t.refused('SELECT warden.create_api_key(''mine'')', '28000', 'nobody makes no key');
SELECT t.refused('SELECT warden.revoke_api_key(gen_random_uuid())', '28000', 'and revokes none');
SELECT t.rows('SELECT * FROM warden.list_api_keys()', 0, 'and has none');

BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT id AS ci_id, prefix AS ci_prefix, key AS ci FROM warden.create_api_key('CI') \gset
SELECT id AS reader_id, key AS reader FROM warden.create_api_key('reader', '{agents:read}', now() + interval '1 hour') \gset
SELECT t.matches(:'ci', '^wk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$', 'a key has 256 bits');
SELECT t.is(split_part(:'ci', '_', 2), :'ci_prefix', 'after a prefix that finds it');
SELECT t.refused('SELECT warden.create_api_key(''more'', ''{user,admin}'')', '42501', 'not with a scope that its maker lacks');
SELECT t.refused('SELECT warden.create_api_key(''more'', ''{user,NULL}'')', '22023', 'nor with none among them');
SELECT t.refused('SELECT warden.create_api_key(''past'', expires_at => now())', '22023', 'nor with its end behind it');
SELECT t.refused('SELECT warden.create_api_key(NULL)', '22023', 'nor without a name');
SELECT t.refused('SELECT warden.create_api_key(''  '')', '22023', 'or an empty one');
SELECT t.refused('SELECT warden.create_api_key(repeat(''n'', 101))', '22023', 'or too long a one');
SELECT t.refused(format('SELECT warden.create_api_key(''his'', user_id => %L)', :'bob'), 'P0002', 'nor for bob', '^user not found$');
SELECT t.is(t.error(format('SELECT warden.create_api_key(''his'', user_id => %L)', :'bob')) - 'context',
    t.error('SELECT warden.create_api_key(''his'', user_id => gen_random_uuid())') - 'context', 'who is nobody');
-- The key is there whatever becomes of this.
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT id AS bobs_id, key AS bobs_key FROM warden.create_api_key('bob''s', user_id => :'bob') \gset
COMMIT;

BEGIN;
SELECT t.is(warden.authenticate(:'ci'), :'alice'::uuid, 'the key is good');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and shows what is alice''s');
SELECT t.ok(warden.current_scopes() @> '{agents:read,user}', 'with the scopes of its maker');
SELECT t.ok(warden.current_session_id() IS NULL, 'it belongs to no session');
SELECT t.is(string_agg(format('%s %s %s %s', name, scopes, is_active, last_used_at IS NULL), ', '), 'reader {agents:read} t t, CI {agents:read,user} t f', 'alice lists her keys')
FROM warden.list_api_keys();
SELECT t.rows(format('SELECT * FROM warden.list_api_keys() AS k WHERE position(%L IN k::text) > 0', regexp_replace(:'ci', '^[^_]+_[^_]+_', '')), 0, 'the secret is not shown again');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'reader');
SELECT t.ok(warden.current_scopes() @> '{agents:read}' AND NOT warden.current_scopes() @> '{user}', 'a narrower key');
SELECT t.refused('SELECT warden.create_api_key(''wider'', ''{user}'', now() + interval ''1 minute'')', '42501', 'makes no wider one', 'scope');
SELECT t.refused('SELECT warden.create_api_key(''longer'')', '42501', 'nor one without its end', 'outlives');
SELECT t.refused('SELECT warden.create_api_key(''longer'', expires_at => now() + interval ''2 hours'')', '42501', 'or with a later one', 'outlives');
SAVEPOINT token;
SELECT warden.authenticate(:'phone_token');
ROLLBACK TO token;
SELECT t.refused('SELECT warden.create_api_key(''longer'')', '42501', 'whatever else it tries', 'outlives');
SELECT id AS shorter FROM warden.create_api_key('shorter', expires_at => now() + interval '1 minute') \gset
SELECT t.ok(warden.revoke_api_key(:'shorter'), 'but one with an earlier');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'ci');
SELECT t.ok(warden.revoke_api_key(id), 'a key without an end makes one without') FROM warden.create_api_key('as long');
COMMIT;

-- Guesses: one answer, and one guess a transaction (F5).
SELECT format('SELECT t.refused(%L, %L, %L, %L)', format('SELECT warden.authenticate(%L)', guess), '28000', name, '^authentication failed$') FROM (VALUES
    ('another prefix', 'wk_000000000000_' || substr(:'ci', 17)),
    ('another secret', left(:'ci', -1) || CASE right(:'ci', 1) WHEN 'A' THEN 'B' ELSE 'A' END),
    ('the secret of another key', left(:'ci', 16) || substr(:'reader', 17)),
    ('a prefix in upper case', upper(left(:'ci', 15)) || substr(:'ci', 16)),
    ('the hash', left(:'ci', 16) || encode(sha256(substr(:'ci', 17)::bytea), 'hex')),
    ('no secret', left(:'ci', 15)), ('an empty one', left(:'ci', 16)), ('more after it', :'ci' || 'A'), ('a blank after it', :'ci' || ' '), ('wk_ alone', 'wk_')
) AS g (name, guess) \gexec
BEGIN;
SAVEPOINT guess;
SELECT t.refused(format('SELECT warden.authenticate(%L)', left(:'ci', -1) || '.'), '28000', 'a guess');
ROLLBACK TO guess;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'ci'), '55000', 'undone or not, is the only one of its transaction');
COMMIT;
SELECT t.refused(format('SELECT warden.verify_token(%L)', :'ci'), '28000', 'nor is a key a token that verify_token would try');

-- Bob and alice's keys.
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT t.is(string_agg(name, ', '), 'bob''s', 'bob lists his') FROM warden.list_api_keys();
SELECT t.rows(format('SELECT * FROM warden.list_api_keys(%L)', :'alice'), 0, 'not alice''s');
SELECT t.is(warden.revoke_api_key(:'ci_id'), false, 'and revokes none of hers');
SELECT t.is(warden.revoke_api_key(gen_random_uuid()), false, 'as none that never was');
SELECT t.is(warden.revoke_api_key(NULL), false, 'or NULL');
SELECT t.refused('SELECT * FROM warden.api_keys', '42501', 'the table is not for clients');
COMMIT;
SELECT t.ok(good(:'ci'), 'hers is good');

-- Revoked: at once, for good, whatever becomes of the transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT warden.authenticate(:'ci');
SELECT t.is(warden.revoke_api_key(:'ci_id'), true, 'a key revokes itself');
SELECT t.is(warden.revoke_api_key(:'ci_id'), false, 'once');
ROLLBACK;
SELECT t.ok(NOT good(:'ci'), 'revoked: refused');
SELECT t.ok(good(:'reader'), 'the other is good');
-- Who acts for alice makes no key for her.
BEGIN;
SELECT warden.authenticate(:'acted');
SELECT t.refused('SELECT warden.create_api_key(''to stay'')', '42501', 'who acts for alice makes no key of hers', 'who acts for another');
COMMIT;

\connect - postgres
UPDATE warden.api_keys SET expires_at = clock_timestamp() WHERE id = :'reader_id';
\connect - app
SELECT t.ok(NOT good(:'reader'), 'at its end a key is refused');
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.is(string_agg(name || ' ' || is_active, ', '), 'reader false, CI false', 'and is not active') FROM warden.list_api_keys() WHERE name IN ('reader', 'CI');
SELECT t.is(warden.revoke_api_key(:'reader_id'), false, 'nor anything to revoke');
COMMIT;

-- An administrator: anybody's, service accounts too, within what the user may.
\connect - boss
SELECT t.refused('SELECT warden.create_api_key(''whose'')', '22023', 'an administrator says whose');
SELECT t.refused('SELECT * FROM warden.list_api_keys()', '22023', 'also to list them');
SELECT t.refused('SELECT warden.create_api_key(''of nobody'', user_id => gen_random_uuid())', 'P0002', 'who must be there');
SELECT t.refused(format('SELECT warden.create_api_key(''root'', ''{admin}'', user_id => %L)', :'importer'), '42501', 'no key has more than its user');
SELECT id AS importers_id, key AS importers_key FROM warden.create_api_key('nightly', '{user}', user_id => :'importer') \gset
SELECT t.is(string_agg(name || ' ' || scopes::text, ', '), 'nightly {user}', 'the service account''s') FROM warden.list_api_keys(:'importer');
BEGIN;
SELECT id AS undone_id, key AS undone FROM warden.create_api_key('undone', user_id => :'importer') \gset
ROLLBACK;
SELECT t.rows('SELECT * FROM warden.list_api_keys(gen_random_uuid())', 0, 'of nobody none');
\connect - app
SELECT t.ok(good(:'importers_key'), 'a service account signs in by it');
SELECT t.ok(NOT good(:'undone'), 'a key that an administrator takes back by a rollback never was');
SELECT t.ok(good(:'bobs_key'), 'bob''s is good');
\connect - boss
SELECT warden.set_user_status(:'bob', 'suspended');
SELECT t.is(is_active, false, 'of a suspended user it is not active') FROM warden.list_api_keys(:'bob');
\connect - app
SELECT t.ok(NOT good(:'bobs_key'), 'and refused in the next transaction');
\connect - boss
SELECT warden.set_user_status(:'bob', 'active');
SELECT t.is(warden.revoke_all_sessions(:'bob'), 1, 'all sessions of bob');
\connect - app
SELECT t.ok(good(:'bobs_key'), 'but not his keys');
BEGIN;
SELECT warden.authenticate(:'bobs_key');
SELECT t.is(warden.revoke_all_sessions(include_api_keys => true), 0, 'unless he says so');
ROLLBACK;
SELECT t.ok(NOT good(:'bobs_key'), 'those too');
\connect - boss
SELECT t.is(warden.revoke_api_key(:'importers_id'), true, 'an administrator revokes anybody''s');
SELECT t.is(warden.revoke_api_key(:'importers_id'), false, 'once');
\connect - app
SELECT t.ok(NOT good(:'importers_key'), 'at once');

-- A hundred at a time.
\connect - postgres
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes, expires_at, revoked_at)
SELECT :'alice', 'many', 'p' || n, '', '{}', CASE WHEN n > 110 THEN now() END, CASE WHEN n BETWEEN 100 AND 110 THEN now() END FROM generate_series(1, 120) n;
\connect - app
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.isnt(warden.create_api_key('the hundredth')::text, NULL, 'those that are over do not count');
SELECT t.refused('SELECT warden.create_api_key(''one more'')', '53400', 'one more is too many');
SELECT t.is(warden.revoke_api_key(id), true, 'one fewer') FROM warden.list_api_keys() WHERE name = 'the hundredth';
SELECT t.succeeds('SELECT warden.create_api_key(''again'')', 'makes room');
COMMIT;

-- What is revoked makes no key in the transaction that was open: the identity goes on to its end, a key would stay.
\connect - postgres
DELETE FROM warden.api_keys WHERE name = 'many';
SELECT begin_session(:'alice', 'stolen') AS stolen, begin_session(:'alice', 'kept') AS kept \gset
SELECT begin_session(:'alice', 'job', jsonb_build_object('kind', 'exchange', 'parent_id', :'kept', 'lifetime', '1 hour')) AS job \gset
SELECT session_token(:'stolen') AS stolen_token, session_token(:'kept') AS kept_token, session_token(:'job') AS job_token \gset
\set foreign_sid `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"sid": "s-1"}'`
UPDATE warden.users SET tokens_valid_after = now() - interval '1 hour' WHERE id = :'alice';
\connect - app
BEGIN;
SELECT warden.authenticate(:'stolen_token');
SELECT t.is(warden.revoke_session(:'stolen'), true, 'a session is revoked');
SELECT t.refused('SELECT warden.create_api_key(''to stay'')', '28000', 'and makes no key in its open transaction');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'job_token');
SELECT id AS jobs_key FROM warden.create_api_key('of a job') \gset
SELECT t.ok(expires_at < now() + interval '1 hour 1 minute', 'what a token for a job makes ends with it') FROM warden.list_api_keys() WHERE id = :'jobs_key';
COMMIT;
BEGIN;
SELECT warden.authenticate(:'kept_token');
SELECT key AS passing, id AS passing_id FROM warden.create_api_key('passing') \gset
SELECT warden.revoke_all_sessions(keep_current => true);
SELECT t.succeeds('SELECT warden.create_api_key(''after that'')', 'the session that is kept makes one');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'passing');
SELECT t.is(warden.revoke_api_key(:'passing_id'), true, 'a key is revoked');
SELECT t.refused('SELECT warden.create_api_key(''to stay'')', '28000', 'and makes no other');
ROLLBACK;
\connect - postgres
UPDATE warden.users SET tokens_valid_after = now() - interval '1 hour' WHERE id = :'alice';
\connect - app
BEGIN;
SELECT warden.authenticate(:'foreign_sid');
SELECT t.succeeds('SELECT warden.create_api_key(''mine'')', 'a token of another issuer makes one');
SELECT warden.revoke_all_sessions(keep_current => true);
SELECT t.succeeds('SELECT warden.create_api_key(''mine too'')', 'also when its session is kept');
SELECT warden.revoke_all_sessions();
SELECT t.refused('SELECT warden.create_api_key(''to stay'')', '28000', 'and none once it is revoked');
ROLLBACK;

\connect - postgres
SELECT t.is(count(*) FILTER (WHERE a::text LIKE '%' || substr(:'ci', 17) || '%'), 0, 'no record has the secret') FROM warden.audit_records a;
SELECT t.is((SELECT secret_hash FROM warden.api_keys WHERE id = :'ci_id'), sha256(substr(:'ci', 17)::bytea), 'the table has its hash');
SELECT t.is(string_agg(action || ' ' || database_role, ', ' ORDER BY recorded_at), 'create_api_key app, create_api_key app, revoke_api_key app', 'what alice did is recorded')
FROM warden.audit_log WHERE object = :'alice' AND action LIKE '%api_key' AND detail ->> 'key_id' IN (:'ci_id', :'reader_id');
-- Deleted for good, a user leaves none.
DELETE FROM warden.users WHERE id = :'importer';
SELECT t.rows(format('SELECT FROM warden.api_keys WHERE user_id = %L', :'importer'), 0, 'a user''s keys go with it');
SELECT t.done();
