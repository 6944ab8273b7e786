-- N1, A5: a failed authentication that is swallowed, by an EXCEPTION block or by ROLLBACK TO: nobody from there to the end of
-- the transaction, and no later success that the reads do not know of.
\ir lib/cast.sql
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice sees her own');
DO $$
BEGIN
    PERFORM warden.authenticate(token_of('tampered'));
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT t.is(seen(), NULL, 'after a swallowed failure: nobody');
SELECT t.ok(warden.current_user_id() IS NULL, 'the function says so');
SELECT t.is(current_setting('app.current_user_id'), '', 'the mirror says so');
SELECT t.ok(warden.identity() IS NULL, 'identity() says so');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'a later success is refused',
    'an authentication failed earlier');
SELECT t.is(seen(), NULL, 'and there is still nobody');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'tampered_token'), '55000', 'as is another failure');
SELECT t.rows('UPDATE documents SET title = ''stolen''', 0, 'nobody changes nothing');
SELECT t.rows('DELETE FROM documents', 0, 'nobody deletes nothing');
SELECT t.refused(format('INSERT INTO documents VALUES (7, %L, ''planted'')', :'alice'), '42501', 'nobody adds nothing');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT s;
\set ON_ERROR_STOP off
SELECT warden.authenticate(:'expired_token');
\set state :SQLSTATE
\set ON_ERROR_STOP on
ROLLBACK TO s;
SELECT t.is(:'state', '28000', 'an expired token fails');
SELECT t.is(seen(), NULL, 'after ROLLBACK TO: nobody');
ROLLBACK TO s;
SELECT t.is(seen(), NULL, 'and again');
RELEASE s;
SELECT t.is(seen(), NULL, 'and after RELEASE');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'a later success is refused');
COMMIT;

-- The failure first, in a savepoint that is older than everything.
BEGIN;
SAVEPOINT s;
\set ON_ERROR_STOP off
SELECT warden.authenticate('x');
\set ON_ERROR_STOP on
ROLLBACK TO s;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'a success after a failure is refused');
SELECT t.is(seen(), NULL, 'so no id was reported that the reads do not have');
ROLLBACK;

-- The attempt to be somebody else is declined, which is no failure of the one who is there.
BEGIN;
SELECT warden.authenticate(:'alice_token');
DO $$
BEGIN
    PERFORM warden.authenticate(token_of('bob'));
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice stays after bob was declined');
COMMIT;

-- A failure ends with its transaction.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'the next transaction starts afresh');
COMMIT;

-- In procedures, which end transactions.
CREATE PROCEDURE pg_temp.across() LANGUAGE plpgsql AS $$
DECLARE
    before text;
    after_failure text;
    after_commit text;
BEGIN
    PERFORM warden.authenticate(token_of('alice'));
    before := seen();
    BEGIN
        PERFORM warden.authenticate('x');
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    after_failure := coalesce(seen(), 'nobody');
    COMMIT;
    after_commit := coalesce(seen(), 'nobody');
    PERFORM warden.authenticate(token_of('bob'));
    PERFORM set_config('app.found', concat_ws('; ', before, after_failure, after_commit, seen()), false);
END $$;
CALL pg_temp.across();
SELECT t.is(current_setting('app.found'), 'alice 1, alice 2, alice 3; nobody; nobody; bob 1, bob 2',
    'a procedure: alice, nobody after the failure, nobody after COMMIT, then bob');
SELECT t.is(seen(), NULL, 'nobody after the procedure');
SELECT t.done();
