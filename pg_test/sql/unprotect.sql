-- N6: unprotect() leaves the catalogue as it was before protect(), whatever was declared in between.
\ir lib/people.sql
CREATE ROLE unprotect_editor;
CREATE ROLE unprotect_boss;
GRANT SELECT ON warden.protected_tables TO owner;

-- Everything that the catalogue says of these tables.
CREATE FUNCTION t.state(tables regclass[]) RETURNS TABLE (relation text, what text, value text) LANGUAGE sql AS $$
    SELECT c.oid::regclass::text, s.what, s.value
    FROM pg_class c
    CROSS JOIN LATERAL (
        SELECT 'table', concat_ws(' ', c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
                                  obj_description(c.oid, 'pg_class'))
        -- What was granted by a client is given back by the owner.
        UNION ALL SELECT 'grant', concat_ws(' ', g.privilege_type, g.grantee, g.is_grantable) FROM aclexplode(c.relacl) g
        UNION ALL SELECT 'column', concat_ws(' ', a.attname, a.atttypid::regtype, a.attnotnull, a.attislocal, a.attinhcount, a.attacl,
                                             pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0
        UNION ALL SELECT 'index', concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
                                            (SELECT h.inhparent::regclass FROM pg_inherits h WHERE h.inhrelid = i.indexrelid))
            FROM pg_index i WHERE i.indrelid = c.oid
        UNION ALL SELECT 'policy', concat_ws(' ', p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check,
                                             (SELECT obj_description(o.oid, 'pg_policy') FROM pg_policy o WHERE o.polrelid = c.oid AND o.polname = p.policyname))
            FROM pg_policies p WHERE p.schemaname = c.relnamespace::regnamespace::text AND p.tablename = c.relname
        UNION ALL SELECT 'trigger', concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
        UNION ALL SELECT 'constraint', concat_ws(' ', o.conname, pg_get_constraintdef(o.oid), o.convalidated, o.conislocal, o.coninhcount)
            FROM pg_constraint o WHERE o.conrelid = c.oid) s (what, value)
    WHERE c.oid = ANY (tables)
$$;
-- What differs from the state that was kept under a name: nothing is a pass.
CREATE TABLE public.kept (name text, relation text, what text, value text);
GRANT ALL ON public.kept TO owner;
CREATE FUNCTION t.keep(name text, VARIADIC tables regclass[]) RETURNS bigint LANGUAGE sql AS $$
    WITH k AS (INSERT INTO public.kept SELECT keep.name, s.* FROM t.state(tables) s RETURNING 1) SELECT count(*) FROM k
$$;
CREATE FUNCTION t.same(name text, VARIADIC tables regclass[]) RETURNS text LANGUAGE sql AS $$
    SELECT t.is((
        SELECT string_agg(d.text, E'\n' ORDER BY d.text)
        FROM ((SELECT '- ' || concat_ws(' ', s.relation, s.what, s.value) AS text FROM public.kept s WHERE s.name = same.name
               EXCEPT ALL SELECT '- ' || concat_ws(' ', s.relation, s.what, s.value) FROM t.state(tables) s)
              UNION ALL
              (SELECT '+ ' || concat_ws(' ', s.relation, s.what, s.value) FROM t.state(tables) s
               EXCEPT ALL SELECT '+ ' || concat_ws(' ', s.relation, s.what, s.value) FROM public.kept s WHERE s.name = same.name)) d),
        NULL, same.name || ' is as it was')
$$;

\connect - owner
-- A table with everything that protect() could touch, in the project's own way.
CREATE TABLE documents (
    id int PRIMARY KEY,
    user_id uuid DEFAULT gen_random_uuid(),
    tenant_id uuid,
    is_public boolean,
    status text DEFAULT 'draft',
    CONSTRAINT owned CHECK (user_id IS NOT NULL OR status = 'draft')
);
CREATE UNIQUE INDEX documents_by_status ON documents (status, user_id) WHERE is_public;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER zz_touch BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON COLUMN documents.user_id IS 'whose it is';
GRANT ALL ON documents TO gateway, unprotect_editor;
GRANT TRIGGER, REFERENCES ON documents TO app WITH GRANT OPTION;
GRANT REFERENCES (id), UPDATE (status) ON documents TO app;
\connect - app
GRANT TRIGGER ON documents TO unprotect_boss;
\connect - owner
-- One that was closed before.
CREATE TABLE closed (id int PRIMARY KEY, user_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', n int);
CREATE INDEX ON closed (user_id, n);
ALTER TABLE closed ENABLE ROW LEVEL SECURITY;
ALTER TABLE closed FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON closed USING (user_id::text = current_setting('app.current_user_id', true));
CREATE POLICY bound ON closed AS RESTRICTIVE FOR DELETE TO gateway, unprotect_editor USING (n > 3);
COMMENT ON POLICY mine ON closed IS 'written in 2019';
-- A partitioned table whose partitions differ, in two levels.
CREATE TABLE parts (id int, user_id int, region text NOT NULL) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts (user_id DEFAULT 7 CONSTRAINT has_owner NOT NULL) FOR VALUES IN ('us') PARTITION BY RANGE (id);
CREATE TABLE parts_us_1 PARTITION OF parts_us FOR VALUES FROM (1) TO (10);
CREATE INDEX parts_eu_by_owner ON parts_eu (user_id DESC NULLS LAST) WITH (fillfactor = 70);
COMMENT ON INDEX parts_eu_by_owner IS 'by hand';
CREATE INDEX "parts ON ONLY ""us""" ON parts_us (user_id);
ALTER INDEX parts_us_1_user_id_idx RENAME TO parts_us_1_by_owner;
CREATE POLICY part ON parts_eu FOR SELECT USING (id = 1);
GRANT TRUNCATE ON parts_eu TO app;
-- An inheritance tree that keeps its index where it wants, and what belongs to its rows.
CREATE TABLE base (id int PRIMARY KEY, user_id text DEFAULT 'x' || 'y');
CREATE TABLE derived (extra text, user_id text NOT NULL) INHERITS (base);
CREATE INDEX derived_by_owner ON derived (user_id);
CREATE TABLE items (id int PRIMARY KEY, base_id int REFERENCES base ON DELETE CASCADE, is_public boolean DEFAULT false);
CREATE TABLE more_items (extra int) INHERITS (items);
SELECT t.keep('documents', 'documents'), t.keep('closed', 'closed'), t.keep('parts', 'parts', 'parts_eu', 'parts_us', 'parts_us_1'),
       t.keep('base', 'base', 'derived'), t.keep('items', 'items', 'more_items');

-- Protected in every way, and more declared.
SELECT t.ok(count(*) > 10, 'documents is protected')
FROM warden.protect('documents', tenant_column => 'tenant_id', public_column => 'is_public');
SELECT warden.allow('documents', 'SELECT', $$status = 'template'$$, 'templates'), warden.allow('documents', 'UPDATE', 'is_public', 'a wiki');
SELECT warden.disallow('documents', 'UPDATE');
SELECT count(*) FROM warden.protect('closed', replace_policies => true);
SELECT count(*) FROM warden.protect('parts', replace_policies => true);
SELECT count(*) FROM warden.protect('base');
SELECT count(*) FROM warden.protect('items', owner_column => NULL, parent_column => 'base_id', public_column => 'is_public');
\connect - postgres
SELECT warden.add_admin_role('boss'), warden.add_migration_role('unprotect_boss');
SELECT warden.remove_database_role('boss');
\connect - owner
SELECT t.is(count(*), 10, 'all of it is protected') FROM warden.protected_tables;
-- Once more, with less: what was before is what was before the first call.
SELECT count(*) FROM warden.protect('documents', tenant_column => 'tenant_id', public_column => 'is_public', manage_columns => false, create_index => false);

SELECT count(*) FROM warden.unprotect('items');
SELECT count(*) FROM warden.unprotect('base');
SELECT count(*) FROM warden.unprotect('parts');
SELECT count(*) FROM warden.unprotect('closed');
SELECT count(*) FROM warden.unprotect('documents');
SELECT t.same('documents', 'documents');
SELECT t.same('closed', 'closed');
SELECT t.same('parts', 'parts', 'parts_eu', 'parts_us', 'parts_us_1');
SELECT t.same('base', 'base', 'derived');
SELECT t.same('items', 'items', 'more_items');
SELECT t.is(count(*), 0, 'nothing is listed any more') FROM warden.protected_tables;

-- A whole schema, in one transaction and back.
\connect - postgres
CREATE SCHEMA shop AUTHORIZATION owner;
\connect - owner
CREATE TABLE shop.orders (id int PRIMARY KEY, user_id uuid, country text);
CREATE TABLE shop.countries (code text PRIMARY KEY, user_id uuid);
SELECT t.keep('shop', 'shop.orders', 'shop.countries');
SELECT warden.exempt('shop.countries', 'for everybody');
SELECT count(*) FROM warden.protect_schema('shop');
SELECT count(*) FROM warden.unprotect('shop.orders');
SELECT t.same('shop', 'shop.orders', 'shop.countries');

-- A watched schema protects what is made in it; what is unprotected there stays so until it is changed.
SELECT warden.watch_schema('shop');
CREATE TABLE shop.watched (id int PRIMARY KEY, user_id uuid);
SELECT t.is(count(*), 1, 'a new table of a watched schema is protected') FROM warden.protected_tables;
SELECT count(*) FROM warden.unprotect('shop.watched');
SELECT t.is(count(*), 0, 'and let go') FROM warden.protected_tables;
SELECT warden.unwatch_schema('shop');
CREATE TABLE plain (LIKE shop.watched);
ALTER TABLE plain ADD PRIMARY KEY (id);
SELECT t.is((SELECT jsonb_agg(what || replace(value, 'plain', 'watched') ORDER BY what || replace(value, 'plain', 'watched')) FROM t.state('{plain}')),
            (SELECT jsonb_agg(what || replace(value, 'shop.', 'public.') ORDER BY what || replace(value, 'shop.', 'public.')) FROM t.state('{shop.watched}')), 'it is as it was made');

-- A table that comes later and leaves again.
CREATE TABLE later (id int, user_id int NOT NULL, region text NOT NULL);
CREATE INDEX later_by_owner ON later (user_id);
SELECT t.keep('later', 'later');
SELECT count(*) FROM warden.protect('parts', replace_policies => true);
ALTER TABLE parts ATTACH PARTITION later FOR VALUES IN ('asia');
SELECT t.ok(intact, 'a table that is attached is protected') FROM warden.protected_tables WHERE table_name = 'later';
ALTER TABLE parts DETACH PARTITION later;
SELECT count(*) FROM warden.unprotect('later');
SELECT t.same('later', 'later');
SELECT count(*) FROM warden.unprotect('parts');
SELECT t.same('parts', 'parts', 'parts_eu', 'parts_us', 'parts_us_1');

\connect - postgres
SELECT warden.remove_database_role('unprotect_boss');
DROP OWNED BY unprotect_boss, unprotect_editor;
DROP ROLE unprotect_boss, unprotect_editor;
SELECT t.done();
