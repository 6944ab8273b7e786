-- begin_admin(): whose door it is, how long it is open, and what it leaves as it was. N8, A11.
\ir lib/cast.sql
DROP POLICY own ON documents;
DELETE FROM documents WHERE user_id IS NULL;
CREATE ROLE begin_admin_job LOGIN;
CREATE ROLE begin_admin_other_owner LOGIN;
GRANT SELECT, UPDATE, DELETE ON documents TO boss, begin_admin_job;
GRANT SELECT ON documents TO mallory_login, begin_admin_other_owner;
SELECT warden.add_trusted_role('gateway');

\connect - owner
SELECT warden.protect('documents');
\connect - postgres

-- Whose door it is follows the list of roles, also for tables protected before.
CREATE FUNCTION door_of(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r::regrole::text, ', ' ORDER BY r::regrole::text) FROM pg_policy p, unnest(p.polroles) AS r
    WHERE p.polrelid = relation AND p.polname = 'warden_admin'
$$;
SELECT t.is(door_of('documents'), 'owner', 'the owner''s at first');
SELECT t.ok(warden.add_admin_role('boss') AND warden.add_migration_role('begin_admin_job'), 'an admin and a migration role are added');
SELECT t.ok(NOT warden.add_migration_role('begin_admin_job'), 'once');
SELECT t.is(door_of('documents'), 'begin_admin_job, boss, owner', 'then theirs too');
SELECT t.ok(warden.is_intact('documents'), 'and the table is intact');
SELECT t.refused('SELECT warden.add_migration_role(''app'')', '55000', 'a client role cannot be a migration role');

-- Each of them: refused outside, everything inside, nothing afterwards.
\connect - boss
SELECT t.refused('SELECT seen()', '42501', 'A11: an admin is refused outside');
BEGIN;
SELECT t.ok(warden.begin_admin('look'), 'an admin opens');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3, bob 1, bob 2', 'A11: and sees every row');
SELECT t.rows('UPDATE documents SET title = title', 5, 'and writes them');
SELECT t.refused('INSERT INTO documents VALUES (7, gen_random_uuid(), '''')', '42501', 'as far as it was granted', 'permission denied');
COMMIT;
SELECT t.refused('SELECT seen()', '42501', 'after COMMIT it is closed');
\connect - begin_admin_job
BEGIN;
SELECT warden.begin_admin('nightly');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3, bob 1, bob 2', 'a migration role sees every row inside');
ROLLBACK;
SELECT t.refused('SELECT seen()', '42501', 'after ROLLBACK it is closed');
SELECT t.refused('SELECT warden.create_user()', '42501', 'a migration role administers nothing');

-- Savepoints, RESET ALL, and the end of the transaction close it.
\connect - owner
BEGIN;
SAVEPOINT before;
SELECT warden.begin_admin('one');
SELECT t.rows('SELECT * FROM documents', 5, 'open in the savepoint');
ROLLBACK TO before;
SELECT t.refused('SELECT * FROM documents', '42501', 'closed by ROLLBACK TO');
SELECT warden.begin_admin('two');
SAVEPOINT inner_one;
ROLLBACK TO inner_one;
SELECT t.rows('SELECT * FROM documents', 5, 'a later savepoint leaves it open');
RESET ALL;
SELECT t.refused('SELECT * FROM documents', '42501', 'RESET ALL closes it');
COMMIT;
SET warden.missing_identity = error;
BEGIN;
SELECT warden.begin_admin('loud where nobody is signed in');
SELECT t.rows('SELECT * FROM documents', 5, 'inside the door nobody is missing');
COMMIT;
RESET warden.missing_identity;

-- A reason is asked for; outside of a block it is of no use, and says so.
BEGIN;
SELECT t.refused(format('SELECT warden.begin_admin(%L)', reason), '22023', 'a reason is needed') FROM (VALUES (NULL), (''), ('  '), (repeat('x', 1001))) AS r (reason);
COMMIT;
SELECT warden.begin_admin('outside a block');
SELECT t.refused('SELECT * FROM documents', '42501', 'outside a block it ends with its statement');

-- Who acts for a user sees that user's rows and opens nothing by it.
\connect - gateway
SELECT t.refused('SELECT warden.begin_admin(''please'')', '42501', 'A11: a trusted role has no door');
\connect - app
SELECT t.refused('SELECT warden.begin_admin(''please'')', '42501', 'A11: nor has a client');
\connect - mallory_login
SELECT t.refused('SELECT warden.begin_admin(''please'')', '42501', 'A11: nobody has none');
SELECT t.is(seen(), NULL, 'and sees nothing');

-- A token names the person behind a role; one that is refused leaves the door shut.
\connect - boss
\i `lib/tokens`
BEGIN;
SELECT warden.begin_admin('by alice', :'alice_token');
SELECT t.is(warden.current_user_id(), NULL, 'the token makes nobody the user');
SELECT t.rows('SELECT * FROM documents', 5, 'the door is open');
COMMIT;
BEGIN;
SELECT t.refused(format('SELECT warden.begin_admin(''x'', %L)', :'expired_token'), '28000', 'a token that is refused');
SELECT t.refused('SELECT seen()', '42501', 'opens nothing');
COMMIT;
\connect - postgres
SELECT t.is(array_agg(actor_id), ARRAY[:'alice'::uuid], 'the record names alice')
FROM warden.audit_log WHERE action = 'begin_admin' AND detail->>'reason' = 'by alice';

-- Parallel workers.
\ir lib/parallel.sql
SELECT t.ok(true, 'many is there');
DROP POLICY own ON many;
SET ROLE owner;
SELECT warden.protect('many');
RESET ROLE;
\connect - owner
BEGIN;
SELECT warden.begin_admin('in parallel');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 20000, 'workers pass the door that their leader has opened');
COMMIT;

-- One owner does not open another's tables, though it calls functions of that one.
CREATE FUNCTION titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT title FROM public.documents; END;
\connect - postgres
GRANT CREATE ON SCHEMA public TO begin_admin_other_owner;
\connect - begin_admin_other_owner
CREATE TABLE others (id int, user_id uuid);
INSERT INTO others VALUES (1, gen_random_uuid());
SELECT warden.protect('others');
BEGIN;
SELECT warden.begin_admin('my own');
SELECT t.rows('SELECT * FROM others', 1, 'an owner opens its own table');
SELECT t.rows('SELECT * FROM documents', 0, 'not another''s, of which it has no door');
SELECT t.refused('SELECT * FROM titles()', '42501', 'nor through a function of that one');
COMMIT;
\connect - boss
BEGIN;
SELECT warden.begin_admin('an admin''s is every owner''s');
SELECT t.rows('SELECT * FROM titles()', 5, 'an admin sees the same through a function of the owner');
COMMIT;

-- The door follows a new owner of the table, and a role that is removed loses it.
\connect - postgres
ALTER TABLE others OWNER TO owner;
SELECT t.is(door_of('others'), 'begin_admin_job, boss, owner', 'the door follows the owner of the table');
SELECT t.ok(warden.is_intact('others'), 'which stays intact');
SELECT t.refused('DROP ROLE begin_admin_job', '2BP01', 'a role with a door is not dropped');
SELECT warden.remove_database_role('begin_admin_job');
SELECT t.is(door_of('documents'), 'boss, owner', 'a removed role has no door');
\connect - begin_admin_job
SELECT t.refused('SELECT warden.begin_admin(''again'')', '42501', 'and opens none');
SELECT t.is(seen(), NULL, 'what it sees is what nobody sees');
\connect - postgres

-- A superuser passes anyway; the call works for migrations that run as one.
SELECT t.ok(warden.begin_admin('as superuser'), 'a superuser may call it');

-- One record for each opening, whatever became of its transaction, and none of what was refused.
SELECT t.is(array_agg(detail ->> 'reason' ORDER BY id),
    '{look,nightly,one,two,"loud where nobody is signed in","outside a block","by alice","in parallel","my own","an admin''s is every owner''s","as superuser"}'::text[],
    'A11: as many records as openings') FROM warden.audit_log WHERE action = 'begin_admin';

DROP OWNED BY begin_admin_job, begin_admin_other_owner;
DROP ROLE begin_admin_job, begin_admin_other_owner;
SELECT t.done();
