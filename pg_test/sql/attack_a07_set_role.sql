-- N1, A7: changing the role instead of the user; switching row security off.
\ir lib/cast.sql
CREATE ROLE attack_a07_reader;
GRANT attack_a07_reader TO app;
GRANT SELECT ON documents TO attack_a07_reader;
\ir lib/as_attacker.sql

SELECT t.refused('SET ROLE owner', '42501', 'SET ROLE to the owner');
SELECT t.refused('SET ROLE postgres', '42501', 'SET ROLE to a superuser');
SELECT t.refused('SET SESSION AUTHORIZATION owner', '42501', 'SET SESSION AUTHORIZATION');
SELECT t.refused('SELECT set_config(''role'', ''owner'', true)', '42501', 'the setting role');
SELECT t.refused('SELECT set_config(''session_authorization'', ''owner'', true)', '42501', 'the setting session_authorization');
SELECT t.refused('SET is_superuser = on', '55P02', 'the setting is_superuser');

BEGIN;
SELECT warden.authenticate(:'bob_token');
SET LOCAL ROLE attack_a07_reader;
SELECT t.is(seen(), 'bob 1, bob 2', 'a role one may become sees what bob sees');
RESET ROLE;
SELECT t.is(seen(), 'bob 1, bob 2', 'and one''s own role again');
SET LOCAL row_security = off;
SELECT t.refused('SELECT * FROM documents', '42501', 'row_security = off raises', 'would be affected by row-level security');
SELECT t.refused('UPDATE documents SET title = ''x''', '42501', 'UPDATE likewise');
SELECT t.refused('DELETE FROM documents', '42501', 'DELETE likewise');
SET LOCAL row_security = on;
SELECT t.is(seen(), 'bob 1, bob 2', 'and on, it is bob''s again');
COMMIT;

-- The role in the startup packet.
\set found `"$WARDEN_BIN_DIR/psql" -X -A -t -q -U app -d attack_a07_set_role -c 'SELECT 1' 2>&1`
SELECT t.is(:'found', '1', 'a connection without a role is let in');
\setenv PGOPTIONS '-c role=owner'
\set found `"$WARDEN_BIN_DIR/psql" -X -A -t -q -U app -d attack_a07_set_role -c 'SELECT current_user' 2>&1`
\setenv PGOPTIONS '-c row_security=off'
\set off `"$WARDEN_BIN_DIR/psql" -X -A -t -q -U app -d attack_a07_set_role -c 'SELECT count(*) FROM documents' 2>&1`
\setenv PGOPTIONS
SELECT t.matches(:'found', 'permission denied', 'a role in the startup packet');
SELECT t.matches(:'off', 'row-level security', 'row_security = off in the startup packet raises');

\connect - postgres
DROP OWNED BY attack_a07_reader;
DROP ROLE attack_a07_reader;
SELECT t.done();
