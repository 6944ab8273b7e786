-- D3: taking, giving and moving rows.
\ir lib/people.sql
\set one '''10000000-0000-4000-8000-000000000001'''
\set two '''20000000-0000-4000-8000-000000000002'''
\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, tenant_id uuid, body text);
INSERT INTO documents VALUES (1, :alice, :one, 'a'), (2, :bob, :one, 'b'), (3, :alice, :two, 'c');
SELECT count(*) FROM warden.protect('documents', tenant_column => 'tenant_id');
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO gateway;

-- An application trigger that sorts after ours and believes what it is told.
CREATE FUNCTION give() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.body = 'give' THEN NEW.user_id := 'bbbbbbbb-0000-4000-8000-000000000002'; END IF; RETURN NEW; END $$;
CREATE TRIGGER zzz_give BEFORE INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION give();
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice, tenant_id => :one);
SELECT t.is(string_agg(id::text, ''), '1', 'her row of this tenant') FROM documents;
SELECT t.rows('UPDATE documents SET body = ''z''', 1, 'UPDATE without WHERE');
SELECT t.rows('DELETE FROM documents WHERE body = ''b'' OR true', 1, 'DELETE without a usable WHERE');
ROLLBACK;
BEGIN;
SELECT warden.set_current_user(:alice, tenant_id => :one);
SELECT t.rows(format('UPDATE documents SET user_id = %L', :alice), 1, 'taking every row takes none of bob''s');
SELECT t.rows('UPDATE documents SET user_id = user_id, tenant_id = tenant_id, body = body', 1, 'an ORM writes every column back');
SELECT t.refused(format('UPDATE documents SET user_id = %L', :bob), '42501', 'giving a row away');
SELECT t.refused(format('UPDATE documents SET tenant_id = %L', :two), '42501', 'moving it to her other tenant');
SELECT t.refused('UPDATE documents SET user_id = NULL', '42501', 'leaving it to nobody');
SELECT t.refused('UPDATE documents SET body = ''give''', '42501', 'giving it away through a later trigger');
SELECT t.refused('INSERT INTO documents (id, body) VALUES (9, ''give'')', '42501', 'inserting it for bob through a later trigger');
SELECT t.refused(format($$ MERGE INTO documents d USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET user_id = %L $$, :bob), '42501', 'MERGE UPDATE');
SELECT t.rows($$ MERGE INTO documents d USING (VALUES (2), (3)) v (id) ON d.id = v.id WHEN MATCHED THEN DELETE $$, 0, 'MERGE DELETE meets none of the others');
SELECT t.rows($$ WITH gone AS (DELETE FROM documents RETURNING *) SELECT * FROM gone $$, 1, 'RETURNING returns her own');
ROLLBACK;

-- The guard alone, without the policies in its way: as a widened policy would let it come to this.
\connect - postgres
BEGIN;
SET LOCAL session_replication_role = replica;
DROP POLICY warden_update ON documents;
CREATE POLICY warden_update ON documents FOR UPDATE USING (true) WITH CHECK (true);
DROP POLICY warden_select ON documents;
CREATE POLICY warden_select ON documents FOR SELECT USING (true);
COMMIT;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice, tenant_id => :one);
SELECT t.rows('UPDATE documents SET body = ''shared'' WHERE id = 2', 1, 'where a policy lets her change bob''s row');
SELECT t.refused(format('UPDATE documents SET user_id = %L WHERE id = 2', :alice), '42501', 'she cannot take it', 'does not change');
SELECT t.refused(format('UPDATE documents SET tenant_id = %L WHERE id = 2', :two), '42501', 'nor its tenant', 'does not change');
SELECT t.refused('UPDATE documents SET body = ''give'' WHERE id = 1', '42501', 'nor does a later trigger', 'does not change');
COMMIT;
\connect - postgres
SELECT t.rows(format('UPDATE documents SET user_id = %L WHERE id = 1', :bob), 1, 'a superuser moves rows');
SELECT t.done();
