-- N1, A5: a swallowed failure, then a read by parallel workers with the leader off: they must have nobody too.
\ir lib/cast.sql
\ir lib/parallel.sql
\ir lib/as_attacker.sql

SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'workers see nothing as nobody');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'workers see what alice sees');
SAVEPOINT s;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'in a savepoint, too');
\set ON_ERROR_STOP off
SELECT warden.authenticate('x');
\set ON_ERROR_STOP on
ROLLBACK TO s;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'after ROLLBACK TO of a failure they have nobody');
SELECT t.is(count(*), 0, 'nor has the leader') FROM many;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
DO $$
BEGIN
    PERFORM warden.authenticate(token_of('tampered'));
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'after an EXCEPTION block they have nobody');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SAVEPOINT s;
SELECT warden.sign_out();
SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'after sign_out they have nobody');
ROLLBACK TO s;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'and alice again when that is undone');
COMMIT;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'and nobody after COMMIT');
SELECT t.done();
