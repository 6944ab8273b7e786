-- S1: one's own sessions on several devices, which of them go on and which is this one, by pages; an administrator those of
-- anybody. D12: another user's sessions are those of a user who does not exist.
\ir lib/cast.sql
\ir lib/sessions.sql
SELECT warden.add_admin_role('boss');
SELECT begin_session(:'alice', 'phone') AS phone, begin_session(:'bob', 'of bob') AS bobs \gset
SELECT begin_session(:'alice', 'laptop', '{"client_ip": "2001:db8::1"}') AS laptop \gset
SELECT begin_session(:'alice', 'expired') AS expired, begin_session(:'alice', 'idle') AS idle, begin_session(:'alice', 'ended') AS ended \gset
UPDATE warden.sessions SET expires_at = clock_timestamp() WHERE id = :'expired';
UPDATE warden.sessions SET idle_expires_at = clock_timestamp() WHERE id = :'idle';
SELECT warden.revoke_session(:'ended');
SELECT session_token(:'phone') AS phone_token, session_token(:'bobs') AS bobs_token \gset
SELECT t.is((SELECT count(*) FROM warden.sessions s WHERE s::text LIKE '%' || :'phone_token' || '%'), 0, 'no token is kept');

\ir lib/as_attacker.sql
SELECT t.rows('SELECT * FROM warden.list_sessions()', 0, 'nobody has no sessions');
SELECT t.rows(format('SELECT * FROM warden.list_sessions(%L)', :'alice'), 0, 'nor anybody else''s');
SELECT t.rows(format('SELECT * FROM warden.find_session(%L)', :'phone'), 0, 'nor finds one');

BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.is(string_agg(format('%s %s', device, total), ', ' ORDER BY started_at DESC), 'ended 5, idle 5, expired 5, laptop 5, phone 5',
    'alice lists her own, the latest first') FROM warden.list_sessions();
SELECT t.is(string_agg(device, ', '), 'ended, idle, expired, laptop, phone', 'in that order') FROM warden.list_sessions(:'alice');
SELECT t.is(string_agg(format('%s %s', device, total), ', '), 'laptop 2, phone 2', 'active: not ended, not expired, not idle') FROM warden.list_sessions(active_only => true);
SELECT t.is(string_agg(device, ', '), 'phone', 'one is this one') FROM warden.list_sessions() WHERE is_current;
SELECT t.is(format('%s %s %s %s %s', kind, client_ip, user_agent, is_active, user_id), 'login 2001:db8::1 Mozilla/5.0 t ' || :'alice', 'each with what is known of it')
FROM warden.list_sessions() WHERE session_id = :'laptop';
SELECT t.ok(bool_and(started_at <= last_active_at AND last_active_at < expires_at OR device = 'expired'), 'and its times') FROM warden.list_sessions();
SELECT t.is(string_agg(device, ', '), 'ended, idle', 'a page') FROM warden.list_sessions(page_size => 2);
SELECT t.is(string_agg(format('%s %s', device, total), ', '), 'expired 5, laptop 5', 'the next') FROM warden.list_sessions(page_size => 2, after_session => :'idle');
SELECT t.is(string_agg(device, ', '), 'phone', 'the last') FROM warden.list_sessions(page_size => 2, after_session => :'laptop');
SELECT t.is(count(*) FILTER (WHERE total IS NULL), 5, 'without a total') FROM warden.list_sessions(with_total => false);
SELECT t.is(is_active || ' ' || end_reason, 'false revoked', 'find_session says why one ended') FROM warden.find_session(:'ended');
SELECT t.is(is_active || ' ' || scopes::text, 'true {user,agents:read}', 'and that another goes on') FROM warden.find_session(:'laptop');

SELECT t.rows(format('SELECT * FROM warden.list_sessions(%L)', :'bob'), 0, 'bob''s are not there');
SELECT t.rows('SELECT * FROM warden.list_sessions(gen_random_uuid())', 0, 'as those of nobody');
SELECT t.rows(format('SELECT * FROM warden.find_session(%L)', :'bobs'), 0, 'nor is one of his');
SELECT t.rows('SELECT * FROM warden.find_session(gen_random_uuid())', 0, 'as one that never was');
SELECT t.is(t.error(format('SELECT * FROM warden.list_sessions(after_session => %L)', :'bobs')) - 'context',
    t.error('SELECT * FROM warden.list_sessions(after_session => gen_random_uuid())') - 'context', 'no page begins after one of his');
SELECT t.refused('SELECT * FROM warden.list_sessions(after_session => gen_random_uuid())', 'P0002', 'which is an error');
SELECT t.refused('SELECT * FROM warden.list_sessions(page_size => 0)', '22023', 'a page has a size');
SELECT t.refused('SELECT * FROM warden.list_sessions(page_size => 101)', '22023', 'of at most 100');
SELECT t.refused('SELECT * FROM warden.list_sessions(page_size => NULL)', '22023', 'and not NULL');
SELECT t.refused('SELECT * FROM warden.sessions', '42501', 'the table is not for clients');
SELECT t.refused('SELECT * FROM warden.known_sessions', '42501', 'nor is the view');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT t.is(string_agg(device || ' ' || is_current, ', '), 'of bob true', 'bob lists his own') FROM warden.list_sessions();
COMMIT;

-- A token of another issuer lists them too; none is its own.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(count(*) || ' ' || count(*) FILTER (WHERE is_current), '5 0', 'by whichever token') FROM warden.list_sessions();
COMMIT;

\connect - boss
SELECT t.is(string_agg(device, ', '), 'ended, idle, expired, laptop, phone', 'an administrator lists alice''s') FROM warden.list_sessions(:'alice');
SELECT t.is(string_agg(device || ' ' || total, ', ' ORDER BY started_at), 'phone 6, of bob 6, laptop 6, expired 6, idle 6, ended 6', 'and everybody''s') FROM warden.list_sessions();
SELECT t.is(string_agg(device, ', ' ORDER BY started_at), 'phone, of bob, laptop', 'those that go on') FROM warden.list_sessions(active_only => true);
SELECT t.is(string_agg(device, ', '), 'of bob, phone', 'by pages') FROM warden.list_sessions(after_session => :'laptop');
SELECT t.rows('SELECT * FROM warden.list_sessions(gen_random_uuid())', 0, 'of nobody none');
SELECT t.is(device, 'of bob', 'he finds any') FROM warden.find_session(:'bobs');
SET warden.missing_identity = 'error';
SELECT t.rows('SELECT * FROM warden.list_sessions()', 6, 'without being anybody');
RESET warden.missing_identity;
SELECT warden.set_user_status(:'bob', 'suspended');
SELECT t.is(is_active, false, 'a session of a suspended user is not active') FROM warden.find_session(:'bobs');
SELECT t.rows(format('SELECT * FROM warden.list_sessions(%L, active_only => true)', :'bob'), 0, 'nor listed as such');

-- A page of a large table is read by an index, whoever asks.
\connect - postgres
INSERT INTO warden.sessions (user_id, kind, scopes, started_at, expires_at)
SELECT :'bob', 'login', '{}', now() - n * interval '1 minute', now() + interval '1 hour' FROM generate_series(1, 20000) n;
ANALYZE warden.sessions;
SELECT t.matches(t.plan('SELECT * FROM warden.matching_sessions(NULL, false) AS s ORDER BY s.started_at DESC, s.session_id DESC LIMIT 20'),
    'Index.* using sessions_newest_idx', 'everybody''s by the newest');
SELECT t.matches(t.plan(format('SELECT * FROM warden.matching_sessions(%L, false) AS s ORDER BY s.started_at DESC, s.session_id DESC LIMIT 20', :'alice')),
    'sessions_user_id_idx', 'one user''s by the user');
SELECT t.done();
