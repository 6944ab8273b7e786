-- N8, N11: the policies that a table has are refused and listed, or replaced and given back.
\ir lib/people.sql
CREATE ROLE protect_replace_policies_gone;
CREATE ROLE "protect_replace_policies Odd";
GRANT SELECT ON warden.protected_tables TO owner;

\connect - owner
CREATE TABLE members (user_id uuid, team int);
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, team int, status text);
CREATE TABLE plain (id int, user_id uuid);
CREATE TABLE parted (id int, user_id uuid) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
INSERT INTO documents VALUES (1, :alice, 1, 'two  spaces'), (2, :bob, 1, 'x');
INSERT INTO parted VALUES (1, :alice), (1, :bob);
GRANT SELECT, INSERT, UPDATE, DELETE ON documents, parted, parted_1, plain TO gateway;
GRANT SELECT ON members TO gateway;
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON documents FOR SELECT USING (status = 'two  spaces' AND EXISTS (SELECT FROM members m WHERE m.team = documents.team));
CREATE POLICY "No Drafts" ON documents AS RESTRICTIVE FOR ALL TO gateway, "protect_replace_policies Odd", protect_replace_policies_gone
    USING (status <> 'draft') WITH CHECK (status IN ('x', E'a''b\\c', 'two  spaces'));
CREATE POLICY writers ON documents FOR INSERT TO gateway WITH CHECK (true);
CREATE POLICY changers ON documents FOR UPDATE TO gateway USING (team = 1);
CREATE POLICY removers ON documents FOR DELETE TO protect_replace_policies_gone USING (team = 2);
COMMENT ON POLICY everybody ON documents IS 'what the team''s board shows';
CREATE POLICY part ON parted_1 USING (id = 1);

CREATE FUNCTION policies(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws('|', p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check, obj_description(o.oid, 'pg_policy')), E'\n' ORDER BY p.policyname)
        || ' ' || c.relrowsecurity || ' ' || c.relforcerowsecurity
    FROM pg_policies p JOIN pg_class c ON c.relname = p.tablename JOIN pg_policy o ON o.polrelid = c.oid AND o.polname = p.policyname
    WHERE c.oid = relation GROUP BY c.oid
$$;
CREATE TEMP TABLE before AS SELECT policies('documents') AS documents, policies('parted_1') AS parted_1;

-- Refused and listed.
SELECT t.refused($$ SELECT warden.protect('documents') $$, '55000', 'a table with policies of its own is refused', 'documents has policies of its own');
SELECT t.error($$ SELECT warden.protect('documents') $$)->>'detail' AS detail \gset
SELECT t.is(:'detail',
    $text$CREATE POLICY "No Drafts" ON public.documents AS RESTRICTIVE FOR ALL TO gateway, "protect_replace_policies Odd", protect_replace_policies_gone USING ((status <> 'draft'::text)) WITH CHECK ((status = ANY (ARRAY['x'::text, 'a''b\c'::text, 'two  spaces'::text])))
CREATE POLICY changers ON public.documents AS PERMISSIVE FOR UPDATE TO gateway USING ((team = 1))
CREATE POLICY everybody ON public.documents AS PERMISSIVE FOR SELECT TO PUBLIC USING (((status = 'two  spaces'::text) AND (EXISTS ( SELECT
   FROM public.members m
  WHERE (m.team = documents.team)))))
CREATE POLICY removers ON public.documents AS PERMISSIVE FOR DELETE TO protect_replace_policies_gone USING ((team = 2))
CREATE POLICY writers ON public.documents AS PERMISSIVE FOR INSERT TO gateway WITH CHECK (true)$text$, 'with each of them in full');
SELECT t.refused($$ SELECT warden.protect('parted') $$, '55000', 'so is one whose partition has one', 'parted has policies of its own');
SELECT t.refused($$ SELECT warden.protect_schema('public') $$, '55000', 'protect_schema refuses them too', 'documents has policies of its own');
SELECT t.is(policies('documents'), documents, 'a refusal leaves them') FROM before;

-- Replaced.
SELECT t.is(count(*), 5, 'the plan says which would be dropped')
FROM warden.protect('documents', replace_policies => true, dry_run => true) WHERE sql ~ '^DROP POLICY';
SELECT t.is(policies('documents'), documents, 'and drops none') FROM before;
SELECT count(*) FROM warden.protect('documents', replace_policies => true);
SELECT count(*) FROM warden.protect_schema('public', replace_policies => true);
SELECT t.is(string_agg(polname, ' ' ORDER BY polname), 'warden_admin warden_delete warden_insert warden_select warden_update', 'only ours are left')
FROM pg_policy WHERE polrelid = 'documents'::regclass;
SELECT t.ok(bool_and(intact) AND count(*) = 5, 'all are protected') FROM warden.protected_tables;
SELECT t.rows($$ SELECT * FROM warden.protect('documents') $$, 0, 'once');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(string_agg(id::text, ' '), '2', 'bob sees his own document, not what the team saw') FROM documents;
SELECT t.rows('UPDATE documents SET team = 1', 1, 'and changes it alone');
COMMIT;

-- Given back.
\connect - owner
SELECT count(*) FROM warden.unprotect('parted');
SELECT count(*) FROM warden.unprotect('documents');
SELECT t.is(policies('documents'),
    $text$No Drafts|RESTRICTIVE|{gateway,"protect_replace_policies Odd",protect_replace_policies_gone}|ALL|(status <> 'draft'::text)|(status = ANY (ARRAY['x'::text, 'a''b\c'::text, 'two  spaces'::text]))
changers|PERMISSIVE|{gateway}|UPDATE|(team = 1)
everybody|PERMISSIVE|{public}|SELECT|((status = 'two  spaces'::text) AND (EXISTS ( SELECT
   FROM members m
  WHERE (m.team = documents.team))))|what the team's board shows
removers|PERMISSIVE|{protect_replace_policies_gone}|DELETE|(team = 2)
writers|PERMISSIVE|{gateway}|INSERT|true true false$text$, 'every policy is as it was, and row security not forced');
SELECT t.is(policies('parted_1'), 'part|PERMISSIVE|{public}|ALL|(id = 1) false false', 'and that of the partition, off as it was');
\connect - gateway
SELECT t.is(count(*), 0, 'nobody is in the team') FROM documents;
SELECT t.succeeds($$ INSERT INTO documents VALUES (3, NULL, 1, 'x') $$, 'the policies bind as before');

-- A role that is gone.
\connect - owner
DELETE FROM documents WHERE id = 3;
SELECT count(*) FROM warden.protect('documents', replace_policies => true);
\connect - postgres
DROP ROLE protect_replace_policies_gone;
\connect - owner
SELECT count(*) FROM warden.unprotect('documents');
SELECT t.is(string_agg(policyname || ' ' || roles::text, ', ' ORDER BY policyname),
    'No Drafts {gateway,"protect_replace_policies Odd"}, changers {gateway}, everybody {public}, writers {gateway}',
    'it is left out, and its policy is not made one for everybody') FROM pg_policies WHERE tablename = 'documents';

-- A text that no longer fits.
SELECT count(*) FROM warden.protect('documents', replace_policies => true);
ALTER TABLE documents RENAME COLUMN status TO state;
SELECT t.refused($$ SELECT warden.unprotect('documents') $$, '42703', 'a policy over a renamed column cannot be made', 'status');
SELECT count(*) FROM warden.unprotect('documents', restore_policies => false);
SELECT t.is(count(*), 0, 'it can be left out') FROM pg_policy WHERE polrelid = 'documents'::regclass;
\connect - gateway
SELECT t.rows('SELECT * FROM documents', 0, 'and the table stays closed');
\connect - postgres
DROP ROLE "protect_replace_policies Odd";
SELECT t.done();
