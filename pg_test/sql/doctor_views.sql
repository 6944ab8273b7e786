-- N2: doctor() finds views and materialized views that show clients what row-level security would not; its remedy mends it.
\ir lib/doctor.sql
-- The superuser's, as a migration that runs as superuser makes them.
CREATE VIEW seen AS SELECT * FROM documents;
SELECT t.is(found(), NULL, 'a view that no client may read: no finding');
GRANT SELECT ON seen TO app;
SELECT t.is(found(), 'view_bypasses_row_security public.seen', 'a view without security_invoker, of a superuser');
\ir lib/mend.sql
CREATE ROLE doctor_views_bypass BYPASSRLS;
CREATE ROLE doctor_views_super SUPERUSER;
GRANT SELECT ON documents TO doctor_views_bypass;
CREATE VIEW by_bypass AS SELECT * FROM documents;
CREATE VIEW by_super AS SELECT * FROM documents;
GRANT SELECT ON by_bypass, by_super TO app;
ALTER VIEW by_bypass OWNER TO doctor_views_bypass;
ALTER VIEW by_super OWNER TO doctor_views_super;
SELECT t.is(found(), 'view_bypasses_row_security public.by_bypass, view_bypasses_row_security public.by_super', 'of a role with BYPASSRLS, and of another superuser');
\ir lib/mend.sql
CREATE VIEW beneath AS SELECT * FROM parted;
CREATE VIEW above WITH (security_invoker) AS SELECT * FROM beneath;
GRANT SELECT ON above TO PUBLIC;
SELECT t.is(found(), 'view_bypasses_row_security public.beneath', 'below an invoker''s view');
\ir lib/mend.sql
CREATE MATERIALIZED VIEW copy AS SELECT * FROM documents;
SELECT t.is(found(), NULL, 'a materialized view that no client may read: no finding');
GRANT SELECT ON copy TO app;
SELECT t.is(found(), 'materialized_view_granted public.copy', 'one that a client may read');
\ir lib/mend.sql
SELECT t.ok(NOT has_table_privilege('app', 'copy', 'SELECT'), 'it may not read it any more');
CREATE VIEW of_copy AS SELECT * FROM copy;
GRANT SELECT (id) ON of_copy TO app;
SELECT t.is(found(), 'materialized_view_granted public.copy', 'a column of a view over one');
\ir lib/mend.sql
CREATE VIEW other AS SELECT 1 AS one;
CREATE VIEW owners AS SELECT * FROM documents;
ALTER VIEW owners OWNER TO owner;
GRANT SELECT ON other, owners TO app;
SELECT t.is(found(), NULL, 'over no protected table, or of an owner who is bound: no finding');
DROP VIEW by_bypass, by_super;
REVOKE SELECT ON documents FROM doctor_views_bypass;
DROP ROLE doctor_views_bypass, doctor_views_super;
SELECT t.done();
