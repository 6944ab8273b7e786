-- More ways to make a setting outlast its transaction: set_config of the session beside it, SET clauses of functions around
-- it, COMMIT within procedures, exceptions in the midst, RESET and SET LOCAL in every order.
\ir lib/cast.sql
GRANT CREATE ON SCHEMA public TO app;
\ir lib/as_attacker.sql

CREATE FUNCTION around(token text) RETURNS text LANGUAGE plpgsql SET search_path = public SET work_mem = '1MB' SET statement_timeout = 0 AS $$
BEGIN
    PERFORM warden.authenticate(token);
    RETURN seen();
END $$;
CREATE FUNCTION around_definer(token text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET row_security = on AS $$
BEGIN
    PERFORM warden.authenticate(token);
    RETURN seen();
END $$;
SELECT t.is(around(:'alice_token'), 'alice 1, alice 2, alice 3', 'within functions with SET clauses');
SELECT t.is(seen(), NULL, 'and not after the statement');
BEGIN;
SELECT t.is(around_definer(:'alice_token'), 'alice 1, alice 2, alice 3', 'a definer function of the client''s');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'the identity is the transaction''s');
COMMIT;
SELECT t.is(seen(), NULL, 'and ends with it');

BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT a;
RESET ALL;
SAVEPOINT b;
SELECT warden.authenticate(:'alice_token');
RELEASE b;
SAVEPOINT c;
SELECT warden.sign_out();
RESET ALL;
SELECT warden.authenticate(:'alice_token');
RELEASE c;
RELEASE a;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'settings stacked and merged');
COMMIT;
SELECT t.is(seen(), NULL, 'leave nobody');
SELECT t.is(current_setting('warden.identity') || current_setting('app.current_user_id'), '', 'and nothing');
DISCARD ALL;
SELECT t.is(seen(), NULL, 'also after DISCARD ALL');

-- A procedure that commits between two users.
CREATE PROCEDURE two_users(first text, second text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(first);
    PERFORM set_config('app.one', seen(), false);
    COMMIT;
    PERFORM set_config('app.between', coalesce(seen(), 'nobody'), false);
    PERFORM warden.authenticate(second);
    PERFORM set_config('app.two', seen(), false);
    COMMIT;
    PERFORM set_config('app.after', coalesce(seen(), 'nobody'), false);
END $$;
CALL two_users(:'alice_token', :'bob_token');
SELECT t.is(current_setting('app.one'), 'alice 1, alice 2, alice 3', 'a procedure: alice');
SELECT t.is(current_setting('app.between'), 'nobody', 'nobody between');
SELECT t.is(current_setting('app.two'), 'bob 1, bob 2', 'then bob');
SELECT t.is(current_setting('app.after'), 'nobody', 'nobody after bob');
SELECT t.is(seen(), NULL, 'nobody after the procedure');

-- WITH HOLD over a query that asks who, read by the next user.
BEGIN;
SELECT warden.authenticate(:'alice_token');
DECLARE held CURSOR WITH HOLD FOR SELECT d.title FROM documents d;
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
CREATE FUNCTION pg_temp.drain() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    held refcursor := 'held';
    title text;
    total bigint := 0;
BEGIN
    LOOP
        FETCH held INTO title;
        EXIT WHEN NOT FOUND;
        total := total + 1;
    END LOOP;
    RETURN total;
END $$;
SELECT t.is(pg_temp.drain(), 3, 'a cursor that alice left open still has her rows: README says so, and that DISCARD ALL ends it');
SELECT t.is(seen(), 'bob 1, bob 2', 'while bob''s own queries are bob''s');
COMMIT;
DISCARD ALL;
SELECT t.refused('FETCH held', '34000', 'DISCARD ALL has closed it');

-- A cached plan of one user's, generic, for the next.
SET plan_cache_mode = force_generic_plan;
PREPARE mine(int) AS SELECT title FROM documents WHERE id >= $1;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('EXECUTE mine(0)', 3, 'a generic plan, alice');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('EXECUTE mine(0)', 2, 'the same plan, bob');
COMMIT;
SELECT t.rows('EXECUTE mine(0)', 0, 'the same plan, nobody');
SELECT t.done();
