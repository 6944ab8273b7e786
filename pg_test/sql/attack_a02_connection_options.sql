-- N1, A2: settings in the startup packet (PGOPTIONS, connection string), with and without the library preloaded.
\ir lib/cast.sql
\ir lib/as_attacker.sql

\connect -reuse-previous=on "options='-c app.current_user_id=a11ce000-0000-4000-8000-000000000001 -c warden.seal=1 -c warden.allow_identity_switch=on -c warden.max_identity_age=86400'"
SELECT t.is(current_setting('app.current_user_id'), :'alice', 'the option has arrived');
SELECT t.is(seen(), NULL, 'a user in the connection options: nobody');
SELECT t.is(current_setting('app.current_user_id'), '', 'and the option is gone');
SELECT t.is(current_setting('warden.seal'), '0', 'the seal too');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'the switch too');
SELECT t.is(current_setting('warden.max_identity_age'), '15min', 'the age too');
RESET ALL;
SELECT t.is(current_setting('app.current_user_id'), '', 'RESET ALL does not bring it back');
SELECT t.is(seen(), NULL, 'nobody after RESET ALL');
DISCARD ALL;
SELECT t.is(seen(), NULL, 'nobody after DISCARD ALL');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'bob is served');
SELECT t.is(current_setting('app.current_user_id'), :'bob', 'and the mirror names bob');
COMMIT;

-- The form of the environment variable, with the identity in the library's own form.
\connect -reuse-previous=on "options=''"
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT replace(replace(current_setting('warden.identity'), :'bob', :'alice'), E'\x1f', E'\\\x1f') AS forged \gset
COMMIT;
\setenv PGOPTIONS '-c warden.identity=':forged' -c warden.seal=1'
\set planted `"$WARDEN_BIN_DIR/psql" -X -A -t -q -U app -d attack_a02_connection_options -c 'SHOW warden.identity'`
\set found `"$WARDEN_BIN_DIR/psql" -X -A -t -q -U app -d attack_a02_connection_options -c 'SELECT coalesce(seen(), $$nobody$$)' -c 'SHOW warden.identity' 2>/dev/null`
\setenv PGOPTIONS
SELECT t.matches(:'planted', :'alice', 'an identity in PGOPTIONS has arrived');
SELECT t.is(:'found', E'nobody\n', 'is nobody''s, and gone');

-- Preloaded: the library meets the options when the connection begins.
\connect - postgres
ALTER DATABASE attack_a02_connection_options SET session_preload_libraries = 'pg_warden';
\connect -reuse-previous=on "user=app options='-c app.current_user_id=a11ce000-0000-4000-8000-000000000001 -c warden.allow_identity_switch=on'"
SELECT t.is(current_setting('app.current_user_id'), '', 'preloaded: the option never was in force');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'nor the switch');
SELECT t.is(seen(), NULL, 'preloaded: nobody');
SELECT t.done();
