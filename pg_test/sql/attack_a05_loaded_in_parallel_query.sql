-- A backend that loads the library in the midst of a parallel query serves its later clients no less than all their rows.
\ir lib/cast.sql
\ir lib/parallel.sql
\ir lib/as_attacker.sql
CREATE FUNCTION pg_temp.loads(int) RETURNS uuid LANGUAGE plpgsql PARALLEL RESTRICTED AS
    'BEGIN RETURN warden.current_user_id(); END';
SELECT t.isnt(rows_by_workers('SELECT pg_temp.loads(length(name)) FROM tokens'), NULL, 'a parallel query loads the library');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'workers see all rows of alice');
COMMIT;
SELECT t.is(rows_by_workers('SELECT * FROM many'), 0, 'and none of nobody');
SELECT t.done();
