-- D10: REASSIGN OWNED has no event triggers: a superuser gives protected tables to a client without being refused. The
-- client is bound as before, and cannot take protection away; intact and doctor() tell, and the remedy mends it.
\ir lib/doctor.sql
SET ROLE owner;
BEGIN;
SELECT warden.begin_admin('rows for a test');
INSERT INTO documents (user_id, body) VALUES (:alice, 'x'), (:bob, 'x');
COMMIT;
RESET ROLE;
CREATE ROLE attack_d10_reassign_former;
GRANT CREATE ON SCHEMA public TO attack_d10_reassign_former;
SELECT t.refused('ALTER TABLE documents OWNER TO app', '55000', 'ALTER TABLE is refused');
ALTER TABLE documents OWNER TO attack_d10_reassign_former;
REASSIGN OWNED BY attack_d10_reassign_former TO app;
SELECT t.is(relowner::regrole::text, 'app', 'REASSIGN OWNED is not') FROM pg_class WHERE oid = 'documents'::regclass;
SELECT t.is(intact, false, 'the table is known not to be intact') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
SELECT t.is(found(), 'client_owns_table public.documents', 'doctor() tells');
-- As a client it sees no row to try with, though it owns the table (src/exemption.rs).
SELECT t.is(string_agg("check", ' '), 'intact rows', 'prove() too, and finds nothing open') FROM warden.prove('documents') WHERE NOT passed;

\connect - app
SELECT t.rows('SELECT FROM documents', 0, 'the client is nobody still');
SELECT t.rows('UPDATE documents SET body = ''y''', 0, 'and changes nothing');
SELECT t.refused(statement, '55000', statement)
FROM (VALUES ('SELECT warden.unprotect(''documents'')'), ('SELECT warden.allow(''documents'', ''SELECT'', ''true'', ''why not'')'),
    ('SELECT warden.protect(''documents'')'), ('ALTER TABLE documents DISABLE ROW LEVEL SECURITY'), ('ALTER TABLE documents NO FORCE ROW LEVEL SECURITY'),
    ('CREATE POLICY mine ON documents USING (true)'), ('ALTER POLICY warden_select ON documents USING (true)'), ('DROP POLICY warden_select ON documents'),
    ('ALTER POLICY warden_admin ON documents TO app'), ('ALTER TABLE documents DISABLE TRIGGER USER'), ('DROP TRIGGER _warden_keep ON documents'),
    ('ALTER TABLE documents RENAME user_id TO other'), ('ALTER TABLE documents DROP COLUMN user_id CASCADE')) AS s (statement);
BEGIN;
SELECT warden.begin_admin('mine now');
SELECT t.rows('SELECT FROM documents', 0, 'it shows nothing to a client');
ROLLBACK;

\connect - postgres
\ir lib/mend.sql
SELECT t.is(intact, true, 'intact again') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
SELECT t.rows('SELECT FROM documents', 2, 'with all that was in it');
\connect - app
SELECT t.refused('ALTER TABLE documents DISABLE ROW LEVEL SECURITY', '42501', 'the client is an ordinary client');
\connect - postgres
REVOKE CREATE ON SCHEMA public FROM attack_d10_reassign_former;
DROP ROLE attack_d10_reassign_former;
SELECT t.done();
