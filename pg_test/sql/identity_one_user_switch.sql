-- warden.allow_identity_switch, for test suites that roll one transaction back: a superuser's setting, and then several
-- users in turn, also after a failure.
\ir lib/cast.sql
CREATE ROLE identity_suite LOGIN;
SELECT warden.add_client_role('identity_suite');
GRANT SELECT ON documents TO identity_suite;
ALTER ROLE identity_suite IN DATABASE identity_one_user_switch SET warden.allow_identity_switch = on;
\ir lib/as_attacker.sql
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'off by default');
SELECT t.refused('SET warden.allow_identity_switch = on', '42501', 'a client does not switch it on');

\connect - identity_suite
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'on', 'on where a superuser said so');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice');
SAVEPOINT s;
SELECT t.is(warden.authenticate(:'bob_token'), :'bob'::uuid, 'then bob');
SELECT t.is(seen(), 'bob 1, bob 2', 'who sees his');
ROLLBACK TO s;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice again after ROLLBACK TO');
SELECT t.refused('SELECT warden.authenticate(''x'')', '28000', 'a failure');
SELECT t.is(seen(), NULL, 'leaves nobody');
SELECT t.is(warden.authenticate(:'bob_token'), :'bob'::uuid, 'and then somebody may come');
SELECT t.is(seen(), 'bob 1, bob 2', 'who sees his');
ROLLBACK;
\connect - postgres
DROP OWNED BY identity_suite;
DROP ROLE identity_suite;
SELECT t.done();
