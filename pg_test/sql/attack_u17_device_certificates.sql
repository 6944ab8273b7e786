-- U17, E8, F5, D12: device certificates. Wrong, revoked, expired ones and those of who may not come in are refused by one answer;
-- whoever has seen no handshake enrolls none and states none; another user's do not exist.
\ir lib/cast.sql
\ir lib/sessions.sql
SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
SELECT begin_session(:'alice', 'phone') AS phone, begin_session(:'bob') AS bobs \gset
SELECT session_token(:'phone') AS phone_token, session_token(:'bobs') AS bobs_token \gset
SELECT repeat('0a', 32) AS laptop, repeat('0b', 32) AS tablet, repeat('0c', 32) AS bobs_device, repeat('ff', 32) AS unknown,
    repeat('0A:', 31) || '0A' AS laptop_by_openssl \gset
CREATE FUNCTION shown_by(device text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN warden.set_current_device(device);
EXCEPTION WHEN invalid_authorization_specification THEN RETURN SQLERRM;
END $$;
\set acted `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "user agents:read", "act": {"sub": "b0b00000-0000-4000-8000-000000000002"}}'`

-- An ordinary client: what it says of a certificate nobody has seen.
\ir lib/as_attacker.sql
SELECT t.refused(format('SELECT warden.set_current_device(%L)', :'laptop'), '42501', 'a client states no device');
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''hers'')', :'laptop'), '42501', 'nor enrolls one, its user''s own neither');
COMMIT;
\connect - postgres
GRANT EXECUTE ON FUNCTION warden.set_current_device(text, uuid, inet), warden.enroll_device_certificate(text, text, interval, uuid) TO app;
\connect - app
SELECT t.refused(format(c, :'laptop'), '42501', 'with EXECUTE granted by mistake: ' || c)
FROM (VALUES ('SELECT warden.set_current_device(%L)'), ('SELECT warden.enroll_device_certificate(%L, ''hers'')')) AS f (c);
SELECT t.refused('SELECT warden.revoke_device_certificate(gen_random_uuid())', '28000', 'nobody revokes none');
SELECT t.rows('SELECT * FROM warden.list_device_certificates()', 0, 'and has none');

-- The gateway enrolls what it has seen, for whom it has let in.
\connect - gateway
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''x'')', :'laptop'), '28000', 'not for nobody');
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT warden.enroll_device_certificate(:'laptop_by_openssl', 'laptop') AS laptop_id, warden.enroll_device_certificate(:'tablet', 'tablet', '1 hour') AS tablet_id \gset
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, %L, %s)', f, l, e), '22023', 'refused: ' || name) FROM (VALUES
    ('no fingerprint', NULL, 'x', 'NULL'), ('an empty one', '', 'x', 'NULL'), ('SHA-1', repeat('0a', 20), 'x', 'NULL'), ('one digit less', left(:'unknown', 63), 'x', 'NULL'),
    ('no digits', repeat('0g', 32), 'x', 'NULL'), ('colons elsewhere', repeat('0a0:', 23) || '0a0', 'x', 'NULL'), ('colons alone', repeat(':', 64), 'x', 'NULL'), ('a blank', :'unknown' || ' ', 'x', 'NULL'),
    ('no label', :'unknown', NULL, 'NULL'), ('a blank one', :'unknown', '  ', 'NULL'), ('too long a one', :'unknown', repeat('n', 101), 'NULL'),
    ('over already', :'unknown', 'x', '''0'''), ('long ago', :'unknown', 'x', '''-1 day'''), ('too far away', :'unknown', 'x', '''101 years''')) AS r (name, f, l, e);
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''his'', user_id => %L)', :'unknown', :'bob'), 'P0002', 'nor for bob', '^user not found$');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''again'')', :'laptop'), '23505', 'once, however it is spelled');
-- It is there whatever becomes of this.
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT warden.enroll_device_certificate(:'bobs_device', 'bob''s') AS bobs_id \gset
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''mine'')', :'laptop'), '23505', 'bob does not have alice''s device act for him');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'acted');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''to stay'')', :'unknown'), '42501', 'who acts for alice enrolls none', 'who acts for another');
COMMIT;

-- By it.
BEGIN;
SELECT t.is(warden.set_current_device(:'laptop'), :'alice'::uuid, 'the certificate is good');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and shows what is alice''s');
SELECT t.ok(warden.current_session_id() IS NULL AND warden.current_actor_id() = :'alice', 'she acts, in no session');
SELECT t.refused(format('SELECT warden.set_current_device(%L)', :'bobs_device'), '55000', 'one transaction, one user');
SELECT t.is(string_agg(format('%s %s %s', label, left(fingerprint, 4), is_active), ', '), 'tablet 0b0b t, laptop 0a0a t', 'alice lists hers') FROM warden.list_device_certificates();
COMMIT;
SELECT t.is(seen(), NULL, 'until the transaction ends');
SELECT t.is(shown_by(:'laptop_by_openssl'), :'alice', 'as openssl writes it');
SELECT t.is(shown_by(lower(:'laptop_by_openssl')), :'alice', 'in any case');
SELECT t.is(shown_by(:'bobs_device'), :'bob', 'and bob''s is bob''s');
-- What ends makes nothing that outlives it.
BEGIN;
SELECT warden.set_current_device(:'tablet');
SELECT t.refused('SELECT warden.create_api_key(''longer'')', '42501', 'no key', 'outlives');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''longer'')', :'unknown'), '42501', 'and no certificate', 'outlives');
SELECT t.succeeds('SELECT warden.create_api_key(''shorter'', expires_at => now() + interval ''1 minute'')', 'but what ends before');
COMMIT;

-- Guesses: one answer, and one guess a transaction (F5).
SELECT format('SELECT t.refused(%L, %L, %L, %L)', format('SELECT warden.set_current_device(%L)', guess), '28000', name, '^authentication failed$') FROM (VALUES
    ('an unknown one', :'unknown'), ('one digit less', left(:'laptop', 63)), ('one more', :'laptop' || '0'), ('a blank after it', :'laptop' || ' '),
    ('an empty one', ''), ('none', NULL), ('an id', :'laptop_id'), ('%', '%'), ('colons alone', repeat(':', 95))) AS g (name, guess) \gexec
BEGIN;
SELECT t.refused(format('SELECT warden.set_current_device(%L)', :'unknown'), '28000', 'a guess');
SELECT t.refused(format('SELECT warden.set_current_device(%L)', :'laptop'), '55000', 'is the only one of its transaction');
COMMIT;
\connect - postgres
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'test');
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_device(%L, client_ip => ''203.0.113.7'')', :'laptop'), '42501', 'a banned address is refused');
SELECT t.is(warden.set_current_device(:'laptop', client_ip => '203.0.113.8'), :'alice'::uuid, 'another is not');

-- Bob, by an ordinary client, and alice's.
\connect - app
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT t.is(string_agg(label, ', '), 'bob''s', 'bob lists his') FROM warden.list_device_certificates();
SELECT t.rows(format('SELECT * FROM warden.list_device_certificates(%L)', :'alice'), 0, 'not alice''s');
SELECT t.is(warden.revoke_device_certificate(:'laptop_id'), false, 'and revokes none of hers');
SELECT t.is(warden.revoke_device_certificate(gen_random_uuid()), false, 'as none that never was');
SELECT t.is(warden.revoke_device_certificate(NULL), false, 'or NULL');
SELECT t.refused('SELECT * FROM warden.device_certificates', '42501', 'the table is not for clients');
COMMIT;

-- Revoked: at once, for good, whatever becomes of the transaction, also where a transaction sees what was committed before.
\connect - gateway
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM documents;
\setenv REVOKE 'UPDATE warden.device_certificates SET revoked_at = clock_timestamp() WHERE label LIKE $$bob%$$'
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_u17_device_certificates -c "$REVOKE"
SELECT t.is(shown_by(:'bobs_device'), 'authentication failed', 'revoked meanwhile: refused under REPEATABLE READ');
COMMIT;
BEGIN;
SELECT warden.set_current_device(:'laptop');
SELECT t.is(warden.revoke_device_certificate(:'laptop_id'), true, 'a device revokes itself');
SELECT t.is(warden.revoke_device_certificate(:'laptop_id'), false, 'once');
SELECT t.refused('SELECT warden.create_api_key(''to stay'')', '28000', 'and makes no key in its open transaction');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''to stay'')', :'unknown'), '28000', 'and enrolls none');
ROLLBACK;
SELECT t.is(shown_by(:'laptop'), 'authentication failed', 'revoked: refused');
SELECT t.is(shown_by(:'tablet'), :'alice', 'the other is good');
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''again'')', :'laptop'), '23505', 'a revoked one is not enrolled again');
SELECT t.succeeds(format('SELECT warden.enroll_device_certificate(%L, ''next'')', repeat('0d', 32)), 'another one is');
COMMIT;
\connect - postgres
UPDATE warden.device_certificates SET expires_at = clock_timestamp() WHERE id = :'tablet_id';
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - gateway
SELECT t.is(shown_by(repeat('0d', 32)), 'authentication failed', 'of a suspended user: refused');
\connect - postgres
SELECT warden.set_user_status(:'alice', 'active');
\connect - gateway
SELECT t.is(shown_by(repeat('0d', 32)), :'alice', 'of an active one good again');
SELECT t.is(shown_by(:'tablet'), 'authentication failed', 'at its end a certificate is refused');
BEGIN;
SELECT warden.authenticate(:'phone_token');
SELECT t.is(string_agg(label || ' ' || is_active, ', '), 'next true, tablet false, laptop false', 'and is not active') FROM warden.list_device_certificates();
SELECT t.is(warden.revoke_device_certificate(:'tablet_id'), false, 'nor anything to revoke');
COMMIT;
\set line `tail -n 2000 "$WARDEN_LOG" | grep -c "pg_warden refused function=set_current_device reason=\"revoked\" subject=\"a11ce000-0000-4000-8000-000000000001\""`
SELECT t.ok(:'line'::int >= 1, 'the log has the reason');

-- An administrator: anybody's.
\connect - boss
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''whose'')', :'unknown'), '22023', 'an administrator says whose');
SELECT t.refused('SELECT * FROM warden.list_device_certificates()', '22023', 'also to list them');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''x'', user_id => gen_random_uuid())', :'unknown'), 'P0002', 'who must be there');
SELECT warden.create_service_account('scanner') AS scanner \gset
SELECT warden.enroll_device_certificate(repeat('0e', 32), 'gate 7', user_id => :'scanner') AS gate \gset
SELECT t.is(string_agg(label || ' ' || is_active, ', '), 'gate 7 true', 'the service account''s') FROM warden.list_device_certificates(:'scanner');
\connect - gateway
SELECT t.is(shown_by(repeat('0e', 32)), :'scanner', 'which comes in by it');
\connect - boss
SELECT t.is(warden.revoke_device_certificate(:'gate'), true, 'an administrator revokes anybody''s');
SELECT t.is(warden.revoke_device_certificate(:'gate'), false, 'once');
\connect - gateway
SELECT t.is(shown_by(repeat('0e', 32)), 'authentication failed', 'revoked');

-- A hundred at a time; what is over does not count.
\connect - postgres
INSERT INTO warden.device_certificates (user_id, fingerprint, label, revoked_at)
SELECT :'bob', lpad(n::text, 64, '0'), 'many', CASE WHEN n > 99 THEN now() END FROM generate_series(1, 120) n;
SELECT t.isnt(warden.enroll_device_certificate(repeat('1a', 32), 'the hundredth', user_id => :'bob'), NULL, 'those that are over do not count');
SELECT t.refused(format('SELECT warden.enroll_device_certificate(%L, ''one more'', user_id => %L)', repeat('1b', 32), :'bob'), '53400', 'one more is too many');

-- What was done is recorded; a user's certificates go with it, by merge too, and are nobody else's.
SELECT t.is(string_agg(action || ' ' || database_role, ', ' ORDER BY id), 'enroll_device_certificate gateway, enroll_device_certificate gateway, revoke_device_certificate gateway, enroll_device_certificate gateway',
    'what alice did is recorded') FROM warden.audit_log WHERE action ~ 'device' AND object = :'alice';
SELECT sessions >= 0 FROM warden.merge_users(source => :'alice', target => :'bob');
SELECT t.rows(format('SELECT FROM warden.device_certificates WHERE user_id = %L OR fingerprint = %L', :'alice', repeat('0d', 32)), 0, 'U12: of who was merged none is left, nor moved');
SELECT warden.erase_user(:'scanner', 'cascade');
SELECT t.rows(format('SELECT FROM warden.device_certificates WHERE user_id = %L', :'scanner'), 0, 'U8: of who was erased neither');
\connect - gateway
SELECT t.is(shown_by(repeat('0d', 32)), 'authentication failed', 'and none comes in');
SELECT t.done();
