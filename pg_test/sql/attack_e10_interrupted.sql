-- E10: a timeout in the midst of an authentication, while it waits for a lock on the directory, leaves nobody and no
-- half-set state, also where somebody was there before.
\ir lib/cast.sql
SELECT warden.trust_issuer(:'other_issuer', :'other_jwks', '{api}');
\setenv LOCK 'BEGIN; LOCK TABLE warden.users; SELECT pg_sleep(120)'
\ir lib/as_attacker.sql

\set interrupted `"$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e10_interrupted -c "$LOCK" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.users'), 'the directory is locked');
BEGIN;
SAVEPOINT s;
SET LOCAL statement_timeout = '200ms';
\set ON_ERROR_STOP off
SELECT warden.authenticate(:'alice_token');
\set state :SQLSTATE
\set ON_ERROR_STOP on
ROLLBACK TO s;
SELECT t.is(:'state', '57014', 'the authentication was interrupted');
SELECT t.is(seen(), NULL, 'there is nobody');
SELECT t.is(current_setting('warden.identity') || current_setting('app.current_user_id'), '', 'nor half of anybody');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'and the transaction is over for this');
ROLLBACK;
BEGIN;
SET LOCAL lock_timeout = '200ms';
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55P03', 'a lock timeout');
SELECT t.is(seen(), NULL, 'there is nobody');
ROLLBACK;
SELECT t.ok(unlock('warden.users'), 'the lock is gone');
BEGIN;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'the backend is sound: alice');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'sees hers');
COMMIT;

-- With somebody there already: a token of another issuer, whose keys this backend has not read yet.
\setenv LOCK 'BEGIN; LOCK TABLE warden.issuer_keys; SELECT pg_sleep(120)'
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice is there');
\set interrupted `"$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e10_interrupted -c "$LOCK" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.issuer_keys'), 'the keys are locked');
SET LOCAL lock_timeout = '200ms';
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'other_alice_token'), '55P03', 'her second token is interrupted');
SELECT t.is(seen(), NULL, 'and there is nobody, rather than perhaps somebody');
COMMIT;
SELECT t.ok(unlock('warden.issuer_keys'), 'the lock is gone');
SELECT t.is(warden.authenticate(:'other_alice_token'), :'alice'::uuid, 'the same token a little later');
SELECT t.done();
