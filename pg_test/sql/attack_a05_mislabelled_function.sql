-- N1, A5: functions that the attacker marks PARALLEL SAFE, RESTRICTED or IMMUTABLE, though they authenticate: run while the
-- statement is planned, in the leader beside its workers, or in a worker.
\ir lib/cast.sql
\ir lib/parallel.sql
GRANT CREATE ON SCHEMA public TO app;
\ir lib/as_attacker.sql

CREATE FUNCTION swallow(token text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    RETURN 1;
EXCEPTION WHEN OTHERS THEN
    RETURN 0;
END $$;
CREATE FUNCTION swallow_restricted(token text) RETURNS int LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED AS
    'BEGIN RETURN swallow(token); END';
CREATE FUNCTION swallow_safe(token text) RETURNS int LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS
    'BEGIN RETURN swallow(token); END';
CREATE FUNCTION swallow_when_planned(token text) RETURNS int LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
    'BEGIN RETURN swallow(token); END';
CREATE FUNCTION authenticate_safe(token text) RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS
    'BEGIN RETURN warden.authenticate(token); END';

-- The failure comes while the statement is planned, its Gather starts later.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(rows_by_workers('SELECT * FROM many WHERE id > swallow_when_planned(''x'')'), 0,
    'a failure while planning: the workers of this very statement have nobody');
SELECT t.is(seen(), NULL, 'nor has the leader afterwards');
COMMIT;

-- Within a parallel query no attempt is made, so none can fail: Postgres starts no subtransaction there before 17, and we
-- refuse to look at a token, in the leader and in a worker.
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE sql AS $$SELECT t.error(statement)->>'sqlstate'$$;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.ok(coalesce(state_of('SELECT rows_by_workers(''SELECT * FROM many WHERE id > (SELECT swallow_restricted(''''x''''))'')'), '') <> '28000',
    'a bad token in an init plan of a parallel query is not looked at');
SELECT t.ok(coalesce(state_of('SELECT rows_by_workers(''SELECT * FROM many WHERE id > swallow_safe(''''x'''')'')'), '') <> '28000',
    'nor in a worker');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'so alice is alice');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'for workers, too');
COMMIT;

-- Nor does a good token bring anybody in from within a parallel query: no row of bob's for alice's query.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(state_of(format('SELECT rows_by_workers($q$SELECT * FROM many WHERE authenticate_safe(%L) IS NOT NULL$q$)', :'bob_token')), '55000',
    'bob''s token in a worker of alice''s query is refused');
SELECT t.is(state_of(format('SELECT rows_by_workers($q$SELECT * FROM many WHERE authenticate_safe(%L) IS NOT NULL$q$)', :'alice_token')), '55000',
    'as is alice''s own');
ROLLBACK;
BEGIN;
SELECT t.is(state_of(format('SELECT rows_by_workers($q$SELECT * FROM tokens WHERE authenticate_safe(%L) IS NOT NULL$q$)', :'bob_token')), '55000',
    'a first token in a worker is refused');
SELECT t.is(seen(), NULL, 'and leaves nobody');
ROLLBACK;
SELECT t.done();
