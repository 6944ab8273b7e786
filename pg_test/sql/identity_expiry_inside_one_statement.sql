-- An identity that expires inside one DO block, function or procedure is loud at the next statement within it; a cursor that
-- was open before it may be read to its end, or says so, and never ends early without a word.
\ir lib/cast.sql
-- Two seconds from authenticate() on, however long this machine takes to come to it.
ALTER DATABASE identity_expiry_inside_one_statement SET warden.max_identity_age = '2 s';
\ir lib/parallel.sql
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.outlives() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    after bigint;
BEGIN
    SELECT count(*) INTO before FROM documents;
    PERFORM wait_until_expired();
    BEGIN
        SELECT count(*) INTO after FROM documents;
    EXCEPTION WHEN invalid_authorization_specification THEN
        RETURN before || ', then ' || SQLERRM;
    END;
    RETURN before || ', then ' || after;
END $$;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(pg_temp.outlives(), '3, then the identity of this transaction has expired', 'within a function');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
\set ON_ERROR_STOP off
DO $$
BEGIN
    PERFORM count(*) FROM documents;
    PERFORM wait_until_expired();
    UPDATE documents SET title = 'half';
END $$;
\set state :SQLSTATE
\set ON_ERROR_STOP on
ROLLBACK;
SELECT t.is(:'state', '28000', 'within a DO block');

-- DO and CALL are statements, too, also where all that they ask for is an expression.
CREATE PROCEDURE pg_temp.pay(payer uuid) LANGUAGE plpgsql AS 'BEGIN END';
BEGIN;
SELECT warden.authenticate(:'alice_token');
DO $$ BEGIN ASSERT warden.require_user('a11ce000-0000-4000-8000-000000000001'), 'she is'; END $$;
CALL pg_temp.pay(warden.current_user_id());
DECLARE open_before CURSOR FOR SELECT id FROM documents;
SELECT wait_until_expired();
FETCH 1 FROM open_before \gset open_
SELECT t.ok(:open_id > 0, 'FETCH goes on with a cursor that was open');
SAVEPOINT before;
\set ON_ERROR_STOP off
DO $$ BEGIN ASSERT warden.require_user('a11ce000-0000-4000-8000-000000000001'), 'she is'; END $$;
\set do_state :SQLSTATE
ROLLBACK TO before;
CALL pg_temp.pay(warden.current_user_id());
\set call_state :SQLSTATE
\set ON_ERROR_STOP on
ROLLBACK;
SELECT t.is(:'do_state', '28000', 'an expression in a DO block');
SELECT t.is(:'call_state', '28000', 'an argument of CALL');

-- A loop over a report: each row a statement of its own that needs the identity.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused($outer$DO $d$
DECLARE
    d record;
BEGIN
    FOR d IN SELECT id FROM documents LOOP
        PERFORM pg_sleep(0.8);
        PERFORM FROM documents x WHERE x.id = d.id;
    END LOOP;
END $d$ $outer$, '28000', 'a report that takes longer than the token lives');
ROLLBACK;

-- Cursors: one that has its rows, and one that still filters row by row.
BEGIN;
SELECT warden.authenticate(:'alice_token');
DECLARE sorted CURSOR FOR SELECT id FROM many ORDER BY id;
FETCH 1 FROM sorted;
DECLARE filtering CURSOR FOR SELECT id FROM many;
FETCH 1 FROM filtering;
SELECT wait_until_expired();
CREATE TEMP TABLE fetched (cursor text, id int);
CREATE FUNCTION pg_temp.drain(name refcursor) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id int;
    total int := 0;
BEGIN
    LOOP
        FETCH name INTO id;
        EXIT WHEN NOT FOUND;
        total := total + 1;
    END LOOP;
    RETURN total;
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN 'loud';
END $$;
SELECT t.is(pg_temp.drain('sorted'), '9999', 'a cursor that has sorted its rows before is read to its end');
SELECT t.ok(pg_temp.drain('filtering') IN ('9999', 'loud'), 'one that goes on filtering is read to its end, or loud');
ROLLBACK;

-- A statement that began in time may finish, however long it takes.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('SELECT id, pg_sleep(0.8) FROM documents', 3, 'a statement is judged by the clock at its start');
SELECT t.refused('SELECT id FROM documents', '28000', 'the one after it is refused');
ROLLBACK;
SELECT t.done();
