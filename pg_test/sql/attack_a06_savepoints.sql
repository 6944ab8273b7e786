-- N1, A6: an identity follows savepoints as every setting does, at any depth, and through functions.
\ir lib/cast.sql
\ir lib/as_attacker.sql

BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT c;
SELECT warden.sign_out();
SAVEPOINT d;
SELECT warden.authenticate(:'alice_token_2');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'in: signed in again');
ROLLBACK TO d;
SELECT t.is(seen(), NULL, 'd: signed out');
RELEASE d;
SELECT t.is(seen(), NULL, 'd released: signed out');
ROLLBACK TO c;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'c: signed in');
SELECT t.is(current_setting('app.current_user_id'), :'alice', 'c: the mirror follows');
RELEASE c;
RELEASE b;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'b released: the identity of the savepoint is the transaction''s');
ROLLBACK TO a;
SELECT t.is(seen(), NULL, 'a: before anybody');
SELECT t.is(current_setting('app.current_user_id'), '', 'a: the mirror follows');
COMMIT;

-- Signed in within a function's block that ends well: the identity stays after it.
CREATE FUNCTION pg_temp.sign_in() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    BEGIN
        PERFORM warden.authenticate(public.token_of('alice'));
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
END $$;
BEGIN;
SELECT pg_temp.sign_in();
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'an identity survives the function that asked for it');
COMMIT;
SELECT t.is(seen(), NULL, 'but not the transaction');

-- One of a hundred subtransactions.
BEGIN;
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        BEGIN
            PERFORM warden.authenticate(token_of('alice'));
            IF i <> 50 THEN RAISE EXCEPTION 'undo'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'the one that was not undone counts');
COMMIT;
SELECT t.done();
