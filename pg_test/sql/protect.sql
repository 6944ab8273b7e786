-- A1, A9: one call protects a table, says what it does, does it once, and can be undone.
\ir lib/people.sql

-- Everything of a table that protect() could touch.
CREATE FUNCTION t.state(tables regclass[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(c.relname, jsonb_build_object(
        'row_security', c.relrowsecurity, 'forced', c.relforcerowsecurity,
        'grants', (SELECT jsonb_agg(g::text ORDER BY g::text) FROM aclexplode(c.relacl) g),
        'columns', (SELECT jsonb_agg(jsonb_build_array(a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum)
                    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                    WHERE a.attrelid = c.oid AND a.attnum > 0),
        'indexes', (SELECT jsonb_agg(pg_get_indexdef(i.indexrelid) ORDER BY 1) FROM pg_index i WHERE i.indrelid = c.oid),
        'policies', (SELECT jsonb_agg(p.polname ORDER BY 1) FROM pg_policy p WHERE p.polrelid = c.oid),
        'triggers', (SELECT jsonb_agg(pg_get_triggerdef(g.oid) ORDER BY 1) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
        'constraints', (SELECT jsonb_agg(pg_get_constraintdef(o.oid) ORDER BY o.conname) FROM pg_constraint o WHERE o.conrelid = c.oid)))
    FROM pg_class c WHERE c.oid = ANY (tables)
$$;
CREATE TABLE public.snapshots (name text PRIMARY KEY, state jsonb);
GRANT ALL ON public.snapshots TO owner;
GRANT SELECT ON warden.protected_tables TO owner;

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid DEFAULT gen_random_uuid(), body text);
CREATE TABLE parts (id int, user_id uuid, region text NOT NULL) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts (user_id NOT NULL) FOR VALUES IN ('us');
CREATE TABLE base (id int, user_id uuid);
CREATE TABLE derived (extra text) INHERITS (base);
INSERT INTO documents SELECT i, :alice, 'x' FROM generate_series(1, 50) i;
ANALYZE documents;
GRANT ALL ON documents, parts, parts_eu, base TO app;
GRANT TRIGGER ON documents TO PUBLIC;
INSERT INTO snapshots VALUES ('before', t.state('{documents,parts,parts_eu,parts_us,base,derived}'));

-- The plan.
CREATE TEMP TABLE planned AS SELECT * FROM warden.protect('documents', dry_run => true);
SELECT t.is(t.state('{documents,parts,parts_eu,parts_us,base,derived}'), state, 'a dry run changes nothing') FROM snapshots;
SELECT t.is((SELECT count(*) FROM warden.protected_tables), 0, 'a dry run protects nothing');
SELECT t.ok(count(*) > 10 AND min(step) = 1 AND max(step) = count(*), 'the plan numbers its steps') FROM planned;
SELECT t.is(string_agg(DISTINCT lock, ', ' ORDER BY lock), 'ACCESS EXCLUSIVE, SHARE, SHARE ROW EXCLUSIVE, none', 'each step names its lock') FROM planned;
SELECT t.is(rows, 50, 'the index reads every row') FROM planned WHERE sql LIKE 'CREATE INDEX%';
SELECT t.is(rows, 0, 'a policy reads none') FROM planned WHERE sql LIKE 'CREATE POLICY warden_select%';

-- The run.
CREATE TEMP TABLE executed AS SELECT * FROM warden.protect('documents');
SELECT t.is((SELECT jsonb_agg(sql ORDER BY step) FROM executed), (SELECT jsonb_agg(sql ORDER BY step) FROM planned),
            'what is executed is what was planned');
SELECT t.rows($$ SELECT * FROM warden.protect('documents') $$, 0, 'a second call has nothing to do');
SELECT t.rows($$ SELECT * FROM warden.protect('documents', dry_run => true) $$, 0, 'and nothing to plan');
SELECT t.ok(relrowsecurity AND relforcerowsecurity, 'row security is on and forced') FROM pg_class WHERE oid = 'documents'::regclass;
SELECT t.is(string_agg(polname || polpermissive || polcmd::text || polroles::text, ' ' ORDER BY polname),
            'warden_admintrue*{' || 'owner'::regrole::oid || '} warden_deletetrued{0} warden_inserttruea{0} warden_selecttruer{0} warden_updatetruew{0}',
            'one permissive policy for each command, and one for the owner') FROM pg_policy WHERE polrelid = 'documents'::regclass;
SELECT t.ok(NOT has_table_privilege('app', 'documents', 'TRUNCATE') AND NOT has_table_privilege('app', 'documents', 'REFERENCES')
            AND NOT has_table_privilege('app', 'documents', 'TRIGGER') AND has_table_privilege('app', 'documents', 'DELETE'),
            'clients lose the privileges no policy is asked about, and no other');

-- What drifted is mended, also where nobody was told.
SET ROLE owner;
SELECT t.refused('ALTER TABLE documents NO FORCE ROW LEVEL SECURITY', '55000', 'the owner cannot take FORCE away');
RESET ROLE;
\connect - postgres
SET session_replication_role = replica;
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
DROP POLICY warden_select ON documents;
CREATE POLICY warden_select ON documents USING (true);
ALTER TABLE documents DISABLE TRIGGER _warden_keep;
RESET session_replication_role;
SELECT t.ok(NOT intact, 'protected_tables says what is not intact') FROM warden.protected_tables;
SELECT t.rows($$ SELECT * FROM warden.protect('documents') $$, 4, 'and a repeated call mends just that');
SELECT t.ok(intact, 'after which it is intact') FROM warden.protected_tables;
SELECT t.is(pg_get_expr(polqual, polrelid), '(user_id = warden.current_user_id())', 'a planted policy of our name is replaced')
FROM pg_policy WHERE polrelid = 'documents'::regclass AND polname = 'warden_select';

-- Trees, and back.
\connect - owner
SELECT t.ok(count(*) > 0, 'a partitioned table is protected') FROM warden.protect('parts');
SELECT t.ok(count(*) > 0, 'an inheritance tree is protected') FROM warden.protect('base');
SELECT t.rows($$ SELECT * FROM warden.protect('parts') UNION ALL SELECT * FROM warden.protect('base') $$, 0, 'each once');
SELECT t.is(count(*), 6, 'row security binds every part of both') FROM pg_class
WHERE oid = ANY ('{documents,parts,parts_eu,parts_us,base,derived}'::regclass[]) AND relrowsecurity AND relforcerowsecurity;
SELECT t.is(count(*), 30, 'each with its own policies') FROM pg_policy
WHERE polrelid = ANY ('{documents,parts,parts_eu,parts_us,base,derived}'::regclass[]);
SELECT t.refused($$ SELECT warden.unprotect('parts_eu') $$, '55000', 'a partition cannot be let out alone');
SELECT t.ok(count(*) > 0, 'unprotect says what it did') FROM warden.unprotect('documents');
SELECT t.ok(count(*) > 0, 'for a partitioned table') FROM warden.unprotect('parts');
SELECT t.ok(count(*) > 0, 'for an inheritance tree') FROM warden.unprotect('base');
SELECT t.is(t.state('{documents,parts,parts_eu,parts_us,base,derived}'), state, 'after which everything is as it was before') FROM snapshots;
SELECT t.rows($$ SELECT * FROM warden.unprotect('documents') $$, 0, 'unprotecting an unprotected table does nothing');

-- Leaving columns and index to the project.
CREATE INDEX by_hand ON documents (user_id, body);
CREATE TEMP TABLE least AS SELECT * FROM warden.protect('documents', manage_columns => false, create_index => false);
SELECT t.is(count(*), 0, 'manage_columns and create_index = false leave both alone') FROM least WHERE sql ~ 'COLUMN|INDEX';
SELECT t.rows($$ SELECT * FROM warden.protect('documents') WHERE sql LIKE 'CREATE INDEX%' $$, 0, 'an index that leads with the owner is accepted');
SELECT t.is(attnotnull::text || (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d WHERE adrelid = attrelid AND adnum = attnum),
            'truewarden.current_user_id()', 'a later call can still manage the column')
FROM pg_attribute WHERE attrelid = 'documents'::regclass AND attname = 'user_id';

-- A lock that cannot be had is not waited for longer than the caller wants, and nothing is half done.
SELECT count(*) FROM warden.unprotect('documents');
\connect - postgres
SELECT t.is(string_agg(action, ' ' ORDER BY id), 'protect protect protect protect unprotect unprotect unprotect protect protect unprotect',
            'every change is recorded') FROM warden.audit_log WHERE action IN ('protect', 'unprotect');
SELECT t.ok(bool_and(database_role IN ('owner', 'postgres')), 'with who did it') FROM warden.audit_log WHERE action = 'protect';
SELECT t.done();
