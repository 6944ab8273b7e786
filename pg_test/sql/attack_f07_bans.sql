-- F7, B6, B7: a banned address is refused however it is written, before its token is looked at, and where the check fails.
-- The address is the word of whoever calls: it can only restrict. Nobody but administrators reads or writes bans.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
INSERT INTO warden.sessions (id, user_id, kind, scopes, expires_at, client_ip)
SELECT gen_random_uuid(), u::uuid, 'login', '{read}', now() + interval '1 day', a::inet
FROM (VALUES (:'alice', '203.0.113.7'), (:'alice', '::ffff:203.0.113.7'), (:'bob', '203.0.113.8'), (:'bob', NULL)) AS s (u, a);
-- In one and the same backend as every refusal below: it knows that nobody is banned, until somebody is.
\ir lib/as_attacker.sql
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.7'), :'alice', 'nobody is banned yet');
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.8'), :'alice', 'nobody');
\set ban `psql -X -q -t -A -d attack_f07_bans -U boss -c "SELECT warden.ban_ip('203.0.113.7', '1 hour', 'flood') + warden.ban_ip('2001:db8:bad::/48', 'permanent', 'abuse')"`
SELECT t.is(:'ban', '2', 'somebody is');

SELECT format('SELECT t.refused(%L, ''42501'', %L, ''^this address is banned$'')',
    format('SELECT warden.authenticate(%L, %L)', :'alice_token', address), 'F7: refused: ' || address)
FROM (VALUES ('203.0.113.7'), ('::ffff:203.0.113.7'), ('::FFFF:CB00:7107'), ('0:0:0:0:0:ffff:203.0.113.7'), ('203.0.113.7/8'),
    ('::ffff:203.0.113.7/0'), ('2001:db8:bad::1'), ('2001:0DB8:0BAD:FFFF:0:0:0:1'), ('2001:db8:bad::1/16')) AS v (address) \gexec
SELECT format('BEGIN; SELECT t.is(warden.authenticate(%L, %L), %L, %L), t.is(seen(), %L, ''and sees own rows''); COMMIT',
    :'alice_token', address, :'alice', 'F7: let in: ' || coalesce(address, 'no address'), 'alice 1, alice 2, alice 3')
FROM (VALUES ('203.0.113.8'), ('203.0.113.8/8'), ('::ffff:203.0.113.8'), ('2001:db8:bae::1'), (NULL)) AS v (address) \gexec

-- Ban before credential: whoever is banned learns that, and nothing of the token.
SELECT format('SELECT t.refused(%L, ''42501'', %L, ''^this address is banned$'')',
    format('SELECT warden.authenticate(%L, ''203.0.113.7'')', token), 'B6: the same answer for ' || what)
FROM (VALUES (:'tampered_token', 'a tampered token'), (:'expired_token', 'an expired token'), ('garbage', 'garbage'), ('', 'nothing'), (NULL, 'NULL'),
    ('wk_000000000000_x', 'no API key'), (repeat('x', 100000), 'a large one')) AS v (token, what) \gexec
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.8'')', :'tampered_token'), '28000', 'F7: no address excuses a token');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'tampered_token'), '28000', 'F7: nor does none');

-- As every failed attempt: what was ends, and the transaction has nobody after it.
BEGIN;
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.8'), :'alice', 'alice is in');
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.7'')', :'alice_token'), '42501', 'B6: and comes from a banned address');
SELECT t.is(seen(), NULL, 'B6: nobody is in');
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.8'')', :'alice_token'), '55000', 'B6: no second attempt');
COMMIT;

-- One line in the log says why.
\set line `grep -c 'app@attack_f07_bans .*pg_warden refused function=authenticate reason="banned_address" client_ip="2001:db8:bad::1" role="app"' "$WARDEN_LOG"`
SELECT t.ok(:line >= 1, 'B6: the log has the reason and the address');
-- PostgREST answers 403.
\set ON_ERROR_STOP off
SET warden.error_style = postgrest;
SELECT warden.authenticate(:'alice_token', '203.0.113.7');
SELECT t.is(:'SQLSTATE', 'PT403', 'B6: known, and not allowed');
RESET warden.error_style;
\set ON_ERROR_STOP on

-- A9: bans as the attacker would have them, and functions of the same names.
SELECT t.refused(call, '42501', 'A9: no table, type or function of hers in schema warden') FROM (VALUES ('CREATE TABLE warden.b ()'), ('TRUNCATE warden.bans')) AS c (call);
CREATE TEMP TABLE bans (network inet, expires_at timestamptz);
CREATE TEMP TABLE ban_history (network inet);
CREATE TEMP TABLE ban_masks (version int, length int);
CREATE FUNCTION pg_temp.bans_in_force(inet) RETURNS SETOF pg_temp.bans LANGUAGE sql AS 'SELECT * FROM pg_temp.bans';
CREATE FUNCTION pg_temp.normalise_network(inet) RETURNS inet LANGUAGE sql AS $$SELECT '192.0.2.1'::inet$$;
SET search_path = pg_temp, pg_catalog;
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.7'')', :'alice_token'), '42501', 'A9: the ban does not vanish');
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.8'), :'alice', 'A9: who is not banned is let in');
RESET search_path;

-- B7: whoever is no administrator neither reads nor writes bans, signed in or not.
CREATE TEMP TABLE calls AS SELECT * FROM (VALUES
    ('warden.ban_ip(''192.0.2.9'', ''1 day'', ''x'')'), ('warden.ban_ip(''192.0.2.9'', interval ''1 day'', ''x'')'), ('warden.unban_ip(''203.0.113.7'')'),
    ('warden.is_banned(''203.0.113.7'')'), ('warden.get_ban(''203.0.113.7'')'), ('warden.list_bans()'), ('warden.count_bans()'),
    ('warden.list_ban_history(''203.0.113.7'')'), ('warden.cleanup_bans()'),
    ('warden.bans_in_force(''203.0.113.7'')'), ('warden.matching_bans(NULL, NULL, true)'), ('warden.bans'), ('warden.ban_history'),
    ('warden.write_ban(''192.0.2.9'', NULL, ''x'', ''x'', NULL, NULL, NULL, NULL, false, false)')) AS c (call);
GRANT SELECT ON calls TO PUBLIC;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused('SELECT * FROM ' || call, '42501', 'B7: refused to a client: ' || call) FROM calls;
SELECT t.refused(statement, '42501', 'B7: refused: ' || statement)
FROM (VALUES ('DELETE FROM warden.bans'), ('INSERT INTO warden.bans (network) VALUES (''192.0.2.9'')'), ('UPDATE warden.ban_history SET reason = ''x''')) AS s (statement);
COMMIT;
-- Also to whom a careless grant has let in: the code asks who calls.
\connect - postgres
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA warden TO app;
\connect - app
SELECT t.refused('SELECT * FROM ' || call, '42501', 'F12: by grant, refused still: ' || call, 'was not added|superuser|admin role')
FROM (VALUES ('warden.ban_ip(''192.0.2.9'', ''1 day'', ''x'')'), ('warden.ban_ip(''192.0.2.9'', interval ''1 day'', ''x'')'),
    ('warden.unban_ip(''203.0.113.7'')'), ('warden.is_banned(''203.0.113.7'')'), ('warden.get_ban(''203.0.113.7'')'), ('warden.list_bans()'),
    ('warden.count_bans()'), ('warden.list_ban_history(''203.0.113.7'')'), ('warden.cleanup_bans()')) AS c (call);
\connect - postgres
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA warden FROM app;
SELECT warden.remove_database_role('app'), warden.add_client_role('app');
-- F12: nor through a function of an administrator.
CREATE FUNCTION lift() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$SELECT warden.unban_ip('203.0.113.7')$$;
CREATE FUNCTION ask() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$SELECT warden.is_banned('203.0.113.7')$$;
ALTER FUNCTION lift() OWNER TO boss;
ALTER FUNCTION ask() OWNER TO boss;
\connect - app
SELECT t.refused('SELECT lift()', '42501', 'F12: not through a definer function'), t.refused('SELECT ask()', '42501', 'F12: nor this');
\connect - boss
SELECT t.is(lift(), true, 'F12: which works for an administrator'), t.is(ask(), false, 'F12: as does this');
SELECT warden.ban_ip('203.0.113.7', '1 hour', 'flood');

-- A gateway may ask before anybody has a token, and nothing more.
\connect - gateway
SELECT t.is(warden.is_banned('::ffff:203.0.113.7'), true, 'F7: the gateway asks'), t.is(warden.is_banned('203.0.113.8'), false, 'F7: of another');
SELECT t.refused('SELECT ' || call, '42501', 'B7: refused to a gateway: ' || call)
FROM (VALUES ('warden.ban_ip(''192.0.2.9'', ''1 day'', ''x'')'), ('warden.unban_ip(''203.0.113.7'')'), ('warden.list_bans()'), ('warden.get_ban(''203.0.113.7'')')) AS c (call);
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.7'')', :'alice_token'), '42501', 'F7: the gateway''s word counts as any');
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.8'), :'alice', 'F7: and lets in as any');

-- A temporary ban made permanent never lapses.
\connect - boss
SELECT warden.ban_ip('198.51.100.1', '1 microsecond', 'x'), warden.ban_ip('198.51.100.1', 'permanent', 'x'), warden.ban_ip('198.51.100.2', '1 microsecond', 'x');
SELECT warden.cleanup_bans();
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L, ''198.51.100.1'')', :'alice_token'), '42501', 'F7: permanent is for good');
SELECT t.is(warden.authenticate(:'alice_token', '198.51.100.2'), :'alice', 'F7: what has lapsed has');

-- The sessions that were begun from there, where that is asked for.
\connect - postgres
SELECT t.is(count(*), 0, 'B6: a ban ends no session by itself') FROM warden.sessions WHERE ended_at IS NOT NULL;
SELECT warden.ban_ip('203.0.113.0/29', '1 hour', 'x', end_sessions => true);
SELECT t.is(string_agg(DISTINCT user_id || ' ' || end_reason, ', '), :'alice' || ' banned', 'B6: those of that network end'), t.is(count(*), 2, 'B6: in either spelling')
FROM warden.sessions WHERE ended_at IS NOT NULL;
SELECT t.is(detail ->> 'sessions', '2', 'B6: and are counted in the record') FROM warden.audit_log WHERE action = 'ban_ip' ORDER BY id DESC LIMIT 1;

-- The check failing refuses; who states no address is not asked for one.
ALTER TABLE warden.bans RENAME TO bans_away;
\connect - app
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L, ''192.0.2.1'')', :'alice_token'), 'XX000', 'F7: without the table nobody is let in');
SELECT t.is(seen(), NULL, 'F7: and then there is nobody');
COMMIT;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice', 'F7: but who states no address');
\connect - postgres
ALTER TABLE warden.bans_away RENAME TO bans;
ALTER TABLE warden.ban_masks RENAME TO away;
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L, ''192.0.2.1'')', :'alice_token'), 'XX000', 'F7: nor without the other table');
\connect - postgres
ALTER TABLE warden.away RENAME TO ban_masks;
\connect - app
SELECT t.is(warden.authenticate(:'alice_token', '192.0.2.1'), :'alice', 'F7: mended, they are');

-- Restored by pg_restore --data-only --disable-triggers, nothing has noted the masks of the bans.
\connect - postgres
DELETE FROM warden.bans;
DELETE FROM warden.ban_masks;
ALTER TABLE warden.bans DISABLE TRIGGER ALL;
INSERT INTO warden.bans (network, reason, source, ban_count, banned_at, last_offense_at) VALUES ('192.0.2.0/24', 'r', 's', 1, now(), now());
ALTER TABLE warden.bans ENABLE TRIGGER ALL;
SELECT t.is(count(*), 0, 'there is no mask') FROM warden.ban_masks;
SELECT t.is(warden.is_banned('192.0.2.7'), true, 'F7: bans restored without triggers are in force'), t.is(warden.is_banned('198.51.100.7'), false, 'and others are not banned');
SELECT warden.ban_ip('203.0.113.9', 'permanent', 'another');
SELECT t.is(warden.is_banned('192.0.2.7'), true, 'F7: also when another was banned since'), t.is(warden.is_banned('203.0.113.9'), true, 'who is banned too');
-- B7: nor does a person who acts behind an admin role, and is no admin himself.
\connect - postgres
SELECT warden.create_user(id => 'ca401000-0000-4000-8000-000000000004') AS carol \gset
SELECT warden.assign_role(:'carol', 'admin');
\set carol_token `lib/tokens mint ca401000-0000-4000-8000-000000000004 600`
\set narrow_token `lib/tokens mint ca401000-0000-4000-8000-000000000004 600 '{"scope": "user agents:read"}'`
GRANT USAGE ON SCHEMA t TO boss;
\connect - boss
SELECT warden.ban_ip('192.0.2.1', 'permanent', 'abuse');
CREATE TEMP TABLE administering AS SELECT 'SELECT ' || c AS call FROM (VALUES ('warden.unban_ip(''192.0.2.1'')'), ('warden.ban_ip(''192.0.2.1'', ''1 hour'', ''x'', allow_shorter => true)'),
    ('warden.ban_ip(''192.0.2.2'', interval ''1 hour'', ''x'')'), ('warden.get_ban(''192.0.2.1'')'), ('warden.list_bans()'), ('warden.count_bans()'),
    ('warden.list_ban_history(''192.0.2.1'')'), ('warden.cleanup_bans()'), ('warden.cleanup_bans(dry_run => true)'), ('warden.is_banned(''192.0.2.1'')')) AS v (c);
BEGIN;
SELECT warden.begin_admin('B7', :'bob_token');
SELECT t.refused(call, '42501', 'B7: refused to a user behind an admin role: ' || call, 'scope "admin" is more than the acting user holds') FROM administering;
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('B7', :'narrow_token');
SELECT t.refused(call, '42501', 'B7: and to an admin by a token that leaves him less: ' || call, 'scope "admin" is more than the acting user holds') FROM administering;
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('B7', :'carol_token');
SELECT t.is(t.error(call), NULL, 'B7: an admin does ' || call) FROM administering;
SELECT t.is(warden.unban_ip('192.0.2.1'), true, 'B7: he lifts it');
ROLLBACK;
SELECT t.is(t.error(call), NULL, 'B7: the operator does ' || call) FROM administering;
SELECT t.done();
