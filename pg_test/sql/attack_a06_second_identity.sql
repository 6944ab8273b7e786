-- N1, A6: a second user in one transaction, by every way to take the first one away; and one user again, as often as it likes.
\ir lib/cast.sql
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT s;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'bob while alice is there',
    'already acts for another user');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice stays');
\set ON_ERROR_STOP off
SELECT warden.authenticate(:'bob_token');
\set ON_ERROR_STOP on
ROLLBACK TO s;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice stays after ROLLBACK TO as well');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'alice_token_2'), 'another token of alice');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'is alice');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
RESET ALL;
SELECT t.is(seen(), NULL, 'RESET ALL: nobody');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'bob after RESET ALL');
SELECT t.is(seen(), NULL, 'still nobody');
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice again after RESET ALL');
COMMIT;
SELECT t.is(seen(), NULL, 'nobody after COMMIT, though RESET ALL was mixed in');

BEGIN;
SAVEPOINT s;
SELECT warden.authenticate(:'alice_token');
ROLLBACK TO s;
SELECT t.is(seen(), NULL, 'ROLLBACK TO before her: nobody');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'bob after ROLLBACK TO');
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice again');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.sign_out(), true, 'sign_out says that somebody was there');
SELECT t.is(seen(), NULL, 'sign_out: nobody');
SELECT t.is(warden.sign_out(), false, 'and then that nobody was');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'bob after sign_out');
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'alice again after sign_out');
COMMIT;

-- Through functions that undo each other: nested blocks, each a subtransaction.
BEGIN;
DO $$
BEGIN
    BEGIN
        PERFORM warden.authenticate(token_of('alice'));
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    BEGIN
        PERFORM warden.authenticate(token_of('bob'));
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        PERFORM set_config('app.found', 'refused', true);
    END;
END $$;
SELECT t.is(current_setting('app.found'), 'refused', 'bob after an undone alice, all in one statement');
COMMIT;

-- The next transaction is another's.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'bob in a transaction of his own');
COMMIT;
SELECT t.done();
