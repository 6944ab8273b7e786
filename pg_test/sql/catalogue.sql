-- What the catalogue says of the objects of schema warden: each has a comment, for \df+ and \d+ and whoever reads them
-- with a tool, and every function returns something, which an ORM can read.
SELECT t.ok(count(*) > 100, 'there are functions') FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace;
SELECT t.is(string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), NULL, 'every function has a comment')
FROM pg_proc p
WHERE p.pronamespace = 'warden'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '';
SELECT t.is(string_agg(c.relname, ', ' ORDER BY c.relname), NULL, 'every table, view and row type has a comment')
FROM pg_class c
WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind NOT IN ('i', 'I', 'S', 't')
  AND coalesce(CASE c.relkind WHEN 'c' THEN obj_description(c.reltype, 'pg_type') ELSE obj_description(c.oid, 'pg_class') END, '') = '';
SELECT t.is(string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), NULL, 'no function returns void')
FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace AND p.prorettype = 'void'::regtype;
SELECT t.done();
