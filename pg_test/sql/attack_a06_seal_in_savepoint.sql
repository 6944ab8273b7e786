-- N1, A6 and A13: a superuser's set_config wrapper resets the seal in a savepoint, so that ROLLBACK TO would bring an identity
-- back to life that a failed authentication has ended. The seal is not to be touched by anybody.
\ir lib/cast.sql
CREATE FUNCTION wrapper(name text, value text, is_local boolean) RETURNS text LANGUAGE sql SECURITY DEFINER
AS 'SELECT set_config(name, value, is_local)';
GRANT SET ON PARAMETER warden.seal, warden.identity TO app;
\ir lib/as_attacker.sql

SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT s;
SELECT t.refused(statement, '55P02', statement)
FROM (VALUES ('SELECT wrapper(''warden.seal'', NULL, true)'), ('SELECT wrapper(''warden.seal'', NULL, false)'),
    ('SELECT wrapper(''warden.seal'', ''0'', true)'), ('RESET warden.seal'), ('SET LOCAL warden.seal TO DEFAULT')) AS s (statement);
SELECT t.is(wrapper('warden.identity', NULL, true), '', 'the identity may be taken away');
SELECT t.is(seen(), NULL, 'which leaves nobody');
SELECT t.is(t.error(format('SELECT warden.authenticate(%L)', :'tampered_token'))->>'sqlstate', '28000', 'then a failure');
ROLLBACK TO s;
SELECT t.is(seen(), NULL, 'after ROLLBACK TO there is nobody, as after every failure');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT s;
SELECT wrapper('warden.identity', NULL, true);
ROLLBACK TO s;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'without a failure it is alice again');
COMMIT;
\connect - postgres
REVOKE SET ON PARAMETER warden.seal, warden.identity FROM app;
SELECT t.done();
