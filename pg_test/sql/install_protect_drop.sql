-- Leaving: DROP EXTENSION is not held up by the event triggers, and leaves tables closed, not open.
CREATE EXTENSION pg_warden;
SELECT warden.add_client_role('app');
\connect - owner
CREATE TABLE documents (id int, user_id uuid);
CREATE TABLE released (id int, user_id uuid);
INSERT INTO documents VALUES (1, gen_random_uuid());
INSERT INTO released VALUES (1, gen_random_uuid());
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('released');
GRANT SELECT ON documents, released TO app;
SELECT count(*) FROM warden.unprotect('released');
\connect - postgres
SELECT t.refused('DROP EXTENSION pg_warden', '2BP01', 'the extension is not dropped from under a protected table');
SET client_min_messages = error;
SELECT t.succeeds('DROP EXTENSION pg_warden CASCADE', 'with CASCADE it is');
SELECT t.is(count(*), 0, 'its event triggers are gone') FROM pg_event_trigger WHERE evtname LIKE 'warden%';
SELECT t.ok(relrowsecurity, 'row security stays on') FROM pg_class WHERE oid = 'documents'::regclass;
SET ROLE app;
SELECT t.rows('TABLE documents', 0, 'a protected table shows nobody anything');
SELECT t.rows('TABLE released', 1, 'one that was unprotected before is as it was');
RESET ROLE;
SELECT t.succeeds('CREATE EXTENSION pg_warden', 'it can be created again');
SELECT t.succeeds('DROP EXTENSION pg_warden', 'and dropped where nothing is protected');
SELECT t.done();
