-- E10 and guarantee 7, for passwords, refresh tokens and API keys: by whatever way a statement that holds one fails, and
-- with every statement logged, the server log holds none of it. A password looks like anything, so it is known by where it stands.
\ir lib/cast.sql
\ir lib/passwords.sql
SELECT format('ALTER DATABASE %I SET session_preload_libraries = ''pg_warden''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET log_parameter_max_length_on_error = -1', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET log_error_verbosity = verbose', current_database()) \gexec
\set pw hunter2-Passw0rt
SELECT warden.set_password(:'bob', :'pw');
SELECT id AS invite, code AS digits FROM warden.create_invite(short => true) \gset
SELECT code AS long_code FROM warden.create_invite() \gset
CREATE TABLE login (name text, refresh text);
GRANT ALL ON login TO app;
\ir lib/as_attacker.sql
SELECT refresh_token AS rt, access_token AS at FROM warden.login('bob', :'pw') \gset

\set ON_ERROR_STOP off
SELECT warden.login('alice', :'pw');
SELECT warden.login(:'pw', 'wrong', :'pw');
SELECT warden.login('alice', 'wrong', :'pw');
SELECT warden.login('alice', :'pw', scopes => :'pw');
SELECT "warden"."login"('alice', 'wrong', :'pw');
SELECT warden . LOGIN ('alice', 'wrong', :'pw');
SELECT warden.login("alice", "hunter2-Passw0rt");
SELECT warden.login('alice', hunter2-Passw0rt);
SELECT warden.login('alice', 'x' 'hunter2-Passw0rt');
SELECT warden.login('alice', 'x', '127.0.0.1', 'ua', 'dev', '{}', :'pw');
SELECT warden.login('alice', :'pw'), 1/0;
SELECT warden.login('alice', :'pw') FROM no_such_table;
SELECT warden.login('alice', :'pw') syntax error;
SELECT warden.login('alice', U&'\zzzz hunter2-Passw0rt');
SELECT warden.set_password(:'pw', 'x');
SELECT set_password(:'pw', 'x');
SELECT warden.set_password(:'alice', :'pw', :'pw');
SELECT warden.setup_owner(:'pw', :'pw');
SELECT warden.setup_owner('a@example.com', :'pw') syntax error;
SELECT warden.refresh(:'rt', :'rt');
SELECT warden.refresh('x', :'rt');
SELECT warden.logout(:'rt', 1);
SELECT :'rt'::inet;
SELECT ('wk_0123456789ab_' || substr(:'rt', 4))::inet;
SELECT warden.exchange_token(:'at', :'rt');
SELECT warden.redeem_invite(:'digits', :'pw', invite_id => :'invite');
SELECT warden.redeem_invite(:'long_code', password => 'hunter2');
SELECT warden.redeem_invite(:'long_code', :'pw', :'pw', :'pw' || '@', :'pw', :'pw', :'digits');
SELECT warden.redeem_invite(:'digits', invite_id => :'digits');
SELECT warden.redeem_invite(:'digits', client_ip => :'long_code');
SELECT "warden"."redeem_invite"(:'digits', password => :'pw'), 1/0;
SELECT redeem_invite(:'digits', :'pw');
SELECT warden.redeem_invite(:'digits') syntax error;
SELECT :'long_code'::inet;
BEGIN;
SELECT warden.authenticate(:'at');
SELECT warden.set_password(:'bob', 'a new password of bob', :'pw' || ' mistyped');
ROLLBACK;
PREPARE p(text, inet) AS SELECT warden.login('alice', $1, $2);
EXECUTE p(:'pw', :'pw');
EXECUTE P('x', :'pw');
BEGIN;
SELECT 1/0;
EXECUTE p(:'pw', '127.0.0.1');
SELECT warden.login('alice', :'pw');
ROLLBACK;
SELECT format('DO %L', format('BEGIN PERFORM warden.login(''alice'', %L); PERFORM 1/0; END', :'pw')) AS block \gset
:block;
SELECT format('DO %L', format('BEGIN PERFORM warden.login(''alice'', ''x'', %L); END', :'pw')) AS block \gset
:block;
SELECT format('DO %L', format('BEGIN EXECUTE %L; END', format('SELECT warden.login(''alice'', %L, ''x'')', :'pw'))) AS block \gset
:block;
-- What is not ours is logged as always.
INSERT INTO login VALUES ('in full', 'not our refresh'), ('too', 'many', 'values');
REFRESH MATERIALIZED VIEW no_such_view_of_logins;

-- An operator who logs every statement.
\connect - postgres
ALTER ROLE app IN DATABASE attack_e10_passwords_in_the_log SET log_statement = 'all';
ALTER ROLE app IN DATABASE attack_e10_passwords_in_the_log SET log_min_duration_statement = 0;
\connect - app
SELECT warden.login('bob', :'pw', NULL, 'kept') /* logged */;
SELECT warden.login('bob', $x$hunter2-Passw0rt$x$);
PREPARE q(text) AS SELECT warden.login('bob', $1);
EXECUTE q(:'pw');
SELECT warden.refresh(:'rt');
SELECT warden.redeem_invite(:'digits', :'pw' || '@example.com', :'pw', invite_id => gen_random_uuid());
SELECT warden.redeem_invite(:'long_code', 'bob@example.com', :'pw');
PREPARE r(text) AS SELECT warden.redeem_invite($1, invite_id => gen_random_uuid());
EXECUTE r(:'digits');
SELECT :'long_code';
SELECT 'wk_0123456789ab_' || substr(:'rt', 4);
SELECT 'in full too';
\connect - boss
SELECT warden.setup_owner('boss@example.com', :'pw');
SELECT warden.setup_owner(:'pw', :'pw');
SELECT warden.set_password(gen_random_uuid(), :'pw');
SELECT warden.set_password(:'alice', 'hunter2');
\connect - mallory_login
SELECT warden.login('alice', :'pw');
\connect - postgres
SELECT warden.set_password(:'alice', :'pw', 'x', :'pw');
\set ON_ERROR_STOP on

\setenv A :rt
\set found `grep '@attack_e10_passwords_in_the_log ' "$WARDEN_LOG" | grep -c ERROR`
SELECT t.ok(:found > 30, 'the log has the errors');
\set found `grep -ci 'hunter2' "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'but no password');
\set found `grep -cF -e "${A#wr_}" "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor a refresh token or a key');
\setenv A :digits
\setenv B :long_code
\set found `grep -cF -e "$A" -e "${B#wi_}" "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor the code of an invite');
\set found `grep -cE 'invalid input syntax for type inet: "wr_\*{43}"' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'a refresh token that Postgres quotes is masked');
\set found `grep -cE 'statement: SELECT warden.login\(.*\*\*\*' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'log_statement logs a statement with its literals masked');
\set found `grep -c 'reason="wrong_password" subject="a11ce000' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'our own line says whom it concerns');
\set found `grep 'STATEMENT: ' "$WARDEN_LOG" | grep -c -e 'INSERT INTO login VALUES' -e 'REFRESH MATERIALIZED VIEW no_such_view'`
SELECT t.is(:'found', '2', 'a table named login and REFRESH MATERIALIZED VIEW are logged as always');
\set found `grep -c "statement: SELECT 'in full too'" "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'as is any other statement');
ALTER ROLE app IN DATABASE attack_e10_passwords_in_the_log RESET ALL;
SELECT t.done();
