-- N1, A6: after COMMIT, ROLLBACK, an error, RESET ALL, DISCARD ALL and their kin there is nobody: the next client of a pooled
-- connection begins where this file does, again and again in the same backend.
\ir lib/cast.sql
\ir lib/as_attacker.sql

BEGIN; SELECT warden.authenticate(:'alice_token'); COMMIT;
SELECT t.is(seen(), NULL, 'after COMMIT');
SELECT t.is(current_setting('app.current_user_id'), '', 'the mirror is empty, not NULL');
SELECT t.is(current_setting('warden.identity'), '', 'the identity is empty');
SELECT t.ok(warden.current_user_id() IS NULL AND warden.identity() IS NULL, 'the functions say nobody');

BEGIN; SELECT warden.authenticate(:'alice_token'); ROLLBACK;
SELECT t.is(seen(), NULL, 'after ROLLBACK');

\set ON_ERROR_STOP off
BEGIN; SELECT warden.authenticate(:'alice_token'); SELECT 1/0; COMMIT;
\set ON_ERROR_STOP on
SELECT t.is(seen(), NULL, 'after an error and COMMIT');

BEGIN; SELECT warden.authenticate(:'alice_token'); COMMIT AND CHAIN;
SELECT t.is(seen(), NULL, 'in the transaction of COMMIT AND CHAIN');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'bob_token'), 'which may be bob''s');
ROLLBACK AND CHAIN;
SELECT t.is(seen(), NULL, 'in the transaction of ROLLBACK AND CHAIN');
COMMIT;

BEGIN; SELECT warden.authenticate(:'alice_token');
SELECT set_config('app.current_user', 'x', false), set_config('work_mem', '1MB', false);
COMMIT;
SELECT t.is(seen(), NULL, 'after settings of the session were made beside it');
RESET ALL;
SELECT t.is(seen(), NULL, 'after RESET ALL');
DISCARD ALL;
SELECT t.is(seen(), NULL, 'after DISCARD ALL');
\set ON_ERROR_STOP off
BEGIN; SELECT warden.authenticate(:'alice_token'); DISCARD ALL;
\set state :SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP on
SELECT t.is(:'state', '25001', 'DISCARD ALL belongs outside of a transaction');
SELECT t.is(seen(), NULL, 'nobody after the attempt');

-- Outside of a transaction block the identity is gone with its statement.
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), NULL, 'after authenticate alone');
SELECT t.is(a, '3', 'within the statement it holds')
FROM (SELECT (SELECT count(*) FROM documents WHERE s.id IS NOT NULL)::text AS a
      FROM (SELECT warden.authenticate(:'alice_token') AS id OFFSET 0) AS s) AS x;
-- Several statements of one message are one transaction: psql sends them so with \;
SELECT warden.authenticate(:'alice_token') \; SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'several statements of one message');
SELECT t.is(seen(), NULL, 'and nobody in the next message');

-- What may stay open after COMMIT holds what alice has seen, and goes on asking for nobody.
BEGIN; SELECT warden.authenticate(:'alice_token');
DECLARE held CURSOR WITH HOLD FOR SELECT d.title, warden.current_user_id() AS who FROM documents d ORDER BY d.id;
PREPARE kept AS SELECT count(*) FROM documents;
COMMIT;
CREATE TEMP TABLE fetched (title text, who uuid);
DO $$
DECLARE
    held refcursor := 'held';
    title text;
    who uuid;
BEGIN
    FETCH held INTO title, who;
    INSERT INTO fetched VALUES (title, who);
END $$;
SELECT t.is(title || ' ' || who, 'alice 1 ' || :'alice', 'a cursor WITH HOLD was filled at COMMIT, while alice was there') FROM fetched;
SELECT t.is(seen(), NULL, 'reading it brings nobody back');
CREATE TEMP TABLE counted AS EXECUTE kept;
SELECT t.is(count, 0, 'a prepared statement of alice''s finds nothing for nobody') FROM counted;
CLOSE held;

-- Advisory locks, LISTEN, temporary tables: nothing of it names anybody.
BEGIN; SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'the next client of the connection is bob, all the same');
EXECUTE kept \gset
SELECT t.is(:count, 2, 'the prepared statement of alice''s is bob''s now');
COMMIT;
SELECT t.done();
