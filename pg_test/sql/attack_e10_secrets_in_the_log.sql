-- E10 and guarantee 7: after every refusal of a token sent as a literal, by whatever way of failing, the server log holds
-- none of it. The library is preloaded, as README recommends: what fails before any of its code is there, it cannot hide.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
SELECT format('ALTER DATABASE %I SET session_preload_libraries = ''pg_warden''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET log_parameter_max_length_on_error = -1', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET log_error_verbosity = verbose', current_database()) \gexec
-- A token of this file's own: no other file's log lines are mixed in.
\set secret `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "in the log", "aud": "wrong"}'`
\set good `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "in the log, good"}'`
\set hmac '{"keys": [{"kty": "oct", "kid": "hs", "alg": "HS512", "k": "c2VjcmV0LW9mLXRoaXMtZmlsZS1hbG9uZS0zMi1ieXRlcw"}]}'
\ir lib/as_attacker.sql

\set ON_ERROR_STOP off
SELECT warden.authenticate(:'secret');
SELECT warden.verify_token(:'secret');
SELECT warden.explain_token(:'secret');
SELECT 1/0, warden.authenticate(:'secret');
SELECT warden.authenticate(:'good'), 1/0;
SELECT warden.authenticate(:'good', 'not an address');
SELECT warden.authenticate('x', :'good');
SELECT :'good'::uuid, 'authenticate';
SELECT :'good'::uuid;
SELECT warden.authenticate(:'good') FROM no_such_table;
SELECT warden.authenticate(:'good') syntax error;
SELECT warden.authenticate(:'good', NULL, NULL, NULL);
SELECT warden.authenticate(client_ip => :'good');
SELECT warden.autenticate(:'good');
SELECT set_config('app.token', :'good', true), 1/0;
INSERT INTO documents VALUES (1, NULL, :'good');
BEGIN;
SELECT 1/0;
SELECT warden.authenticate(:'good');
ROLLBACK;
PREPARE p(text) AS SELECT warden.authenticate($1);
EXECUTE p(:'secret');
BEGIN;
SELECT 1/0;
EXECUTE p(:'good');
ROLLBACK;
SELECT format('DO %L', format('BEGIN PERFORM warden.authenticate(%L); END', :'secret')) AS block \gset
:block;
SELECT format('DO %L', format('BEGIN PERFORM warden.authenticate(%L); RAISE WARNING ''now''; PERFORM 1/0; END', :'good')) AS block \gset
:block;
SELECT format('DO %L', format('BEGIN EXECUTE %L; END', format('SELECT warden.authenticate(%L)', :'secret'))) AS block \gset
:block;
SELECT format('DO %L', format('BEGIN PERFORM warden.authenticate(%L) syntax; END', :'good')) AS block \gset
:block;
CREATE FUNCTION pg_temp.login(token text) RETURNS uuid LANGUAGE plpgsql AS 'BEGIN RETURN warden.authenticate(token); END';
SELECT pg_temp.login(:'secret');
BEGIN;
SELECT 1/0;
SELECT pg_temp.login(:'good');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'good');
SELECT warden.authenticate(:'secret');
SELECT warden.authenticate(:'good');
ROLLBACK;
SET statement_timeout = 100;
SELECT warden.authenticate(:'good'), pg_sleep(1);
RESET statement_timeout;
COPY (SELECT warden.authenticate(:'secret')) TO STDOUT;
EXPLAIN ANALYZE SELECT warden.authenticate(:'secret');
SELECT 1 \; SELECT warden.authenticate(:'good') \; SELECT 1/0;
CREATE TABLE no_right AS SELECT warden.authenticate(:'good');
SELECT warden.trust_issuer('i', :'hmac');
SELECT warden.set_issuer_keys('i', :'hmac');

-- Claims may begin with white space, as those of an issuer that indents its JSON do.
SELECT format(statement, 'eyJhbGciOiJFZERTQSJ9.' || rtrim(encode(convert_to('{' || space || '"sub": "alice"}', 'UTF8'), 'base64'), '=')
        || '.c2lnbmF0dXJlLW9mLXNwYWNlZC1jbGFpbXM')
FROM unnest(ARRAY[' ', E'\n', E'\r\n', E'\t']) AS s (space),
    unnest(ARRAY['SELECT warden.authenticate(''x'', %L)', 'SELECT login(%L)']) AS q (statement) \gexec

-- An operator who logs every statement: tokens in it are masked, also where there are two.
\connect - postgres
ALTER ROLE app IN DATABASE attack_e10_secrets_in_the_log SET log_statement = 'all';
ALTER ROLE app IN DATABASE attack_e10_secrets_in_the_log SET log_min_duration_statement = 0;
\connect - app
SELECT warden.authenticate(:'good') /* two */, :'secret';
EXECUTE no_such(:'good', :'secret');
-- Where the statement says nothing of it: parameters, and what an application logs.
SELECT set_config('app.' || 'kept', :'good', false) \gset
DO $$ BEGIN RAISE LOG 'the token % of this file', current_setting('app.kept') USING DETAIL = current_setting('app.kept'); END $$;

\connect - boss
SELECT warden.trust_issuer('i', :'hmac', '{api}');
SELECT warden.trust_issuer('i', :'hmac', '{api}', '{nonsense}');
SELECT warden.trust_issuer(:'hmac', :'hmac', '{api}');
SELECT warden.trust_issuer('i', :'hmac', 'not an array');
SELECT warden.set_issuer_keys('i', :'hmac');
SELECT warden.set_issuer_keys(:'issuer', :'hmac');
SELECT warden.set_issuer_keys(:'issuer', :'hmac') syntax error;
SELECT warden.explain_token(:'secret'), 1/0;
SELECT warden.authenticate(:'good');
\connect - mallory_login
SELECT warden.authenticate(:'good');
\connect - postgres
SELECT warden.authenticate(:'good');
\set ON_ERROR_STOP on

-- By parts: header and claims are no secret, the signature is; the key of an HMAC issuer is.
SELECT split_part(:'secret', '.', 3) AS signature, split_part(:'good', '.', 3) AS good_signature,
    split_part(:'secret', '.', 2) AS claims, split_part(:'good', '.', 2) AS good_claims \gset
\setenv A :signature
\setenv B :good_signature
\setenv C :claims
\setenv D :good_claims
\set log `grep '@attack_e10_secrets_in_the_log ' "$WARDEN_LOG" | grep -c ERROR`
SELECT t.ok(:log > 40, 'the log has the errors');
\set found `grep -cF -e "$A" "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'but not the signature of the refused token');
\set found `grep -cF -e "$B" "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor of the good one');
\set found `grep -cF -e "$C" -e "$D" "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor their claims');
\set found `grep -cF 'c2lnbmF0dXJlLW9mLXNwYWNlZC1jbGFpbXM' "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor a signature behind claims that begin with white space');
\set found `grep -cE 'invalid input syntax for type inet: "eyJ[A-Za-z0-9_-]+\.\*{20,}\.\*{20,}"' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'a literal that Postgres quotes is masked');
\set found `grep -cE 'statement: SELECT warden.authenticate.*\.\*{20,}\.\*{20,}.* /\* two \*/.*\.\*{20,}\.\*{20,}' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'log_statement logs a statement with its tokens masked');
\set found `grep -cE 'LOG:.*the token eyJ[^ ]*\.\*{20,}\.\*{20,} of this file' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'what an application logs is masked');
\set found `grep -c 'c2VjcmV0LW9mLXRoaXMt' "$WARDEN_LOG"`
SELECT t.is(:'found', '0', 'nor an issuer''s secret');
\set found `grep -c 'STATEMENT: .*SELECT 1/0;' "$WARDEN_LOG"`
SELECT t.ok(:found > 0, 'while a statement without a secret is logged as always');
ALTER ROLE app IN DATABASE attack_e10_secrets_in_the_log RESET ALL;
SELECT t.done();
