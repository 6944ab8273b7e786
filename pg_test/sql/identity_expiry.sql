-- B and E5: an identity that expires within its transaction is loud: 28000 on the next statement that touches a protected
-- table, so that no half of a report looks whole. A fresh token of the same user goes on.
\ir lib/cast.sql
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', leeway => '0 s');
\ir lib/parallel.sql
\ir lib/as_attacker.sql

\set brief `lib/tokens mint a11ce000-0000-4000-8000-000000000001 4`
BEGIN;
SELECT warden.authenticate(:'brief');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'while it lives');
SAVEPOINT s;
SELECT wait_until_expired();
SELECT t.refused('SELECT * FROM documents', '28000', 'reading', '^the identity of this transaction has expired$');
SELECT t.refused('UPDATE documents SET title = ''x''', '28000', 'changing');
SELECT t.refused('DELETE FROM documents', '28000', 'deleting');
SELECT t.refused(format('INSERT INTO documents VALUES (9, %L, ''x'')', :'alice'), '28000', 'adding');
SELECT t.refused('SELECT rows_by_workers(''SELECT * FROM many'')', '28000', 'by parallel workers');
SELECT t.refused('SELECT warden.' || reader || '()', '28000', reader)
FROM (VALUES ('current_user_id'), ('current_external_id'), ('current_external_number'), ('current_tenant_id'), ('current_session_id'),
    ('current_actor_id'), ('current_roles'), ('current_scopes'), ('identity')) AS r (reader);
SELECT t.refused(format('SELECT warden.require_user(%L::uuid)', :'alice'), '28000', 'require_user');
SELECT t.refused('SELECT * FROM warden.audit_log', '28000', 'the audit log');
SELECT t.is(current_setting('app.current_user_id'), '', 'a mirror is empty: reading a setting must not fail');
SELECT t.rows('SELECT * FROM tokens', 6, 'what is not protected can be read');
ROLLBACK TO s;
SELECT t.refused('SELECT * FROM documents', '28000', 'still after ROLLBACK TO, to when it lived');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'nobody else may come');
SELECT t.refused('SELECT * FROM documents', '28000', 'and it stays loud');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'a fresh token of the same user');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'goes on');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'also for parallel workers');
COMMIT;

-- sign_out makes it quiet: then nobody is what was asked for.
\set brief `lib/tokens mint a11ce000-0000-4000-8000-000000000001 4`
BEGIN;
SELECT warden.authenticate(:'brief');
SELECT wait_until_expired();
SELECT t.is(warden.sign_out(), true, 'an expired identity can be signed out');
SELECT t.rows('SELECT * FROM documents', 0, 'and then there is nobody');
COMMIT;

-- The next transaction of the connection is not concerned.
\set brief `lib/tokens mint a11ce000-0000-4000-8000-000000000001 4`
BEGIN;
SELECT warden.authenticate(:'brief');
SELECT wait_until_expired();
\set ON_ERROR_STOP off
SELECT count(*) FROM documents;
\set state :SQLSTATE
COMMIT;
\set ON_ERROR_STOP on
SELECT t.is(:'state', '28000', 'at the top level, too');
SELECT t.rows('SELECT * FROM documents', 0, 'after its end there is nobody, quietly');
BEGIN;
SELECT t.is(warden.authenticate(:'bob_token'), :'bob'::uuid, 'bob is next');
SELECT t.is(seen(), 'bob 1, bob 2', 'and sees his');
COMMIT;

-- An expired token is refused before it is anybody, also from the cache of this backend.
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'brief'), '28000', 'the token itself has expired', '^authentication failed$');
COMMIT;
SELECT t.done();
