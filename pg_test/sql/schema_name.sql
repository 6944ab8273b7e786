-- Every policy and function of ours names the schema: while the extension is there it keeps its name, also for a
-- superuser; another schema is nobody's business.
\ir lib/people.sql
CREATE SCHEMA other;
CREATE TABLE other.notes (id int, user_id uuid);
INSERT INTO other.notes VALUES (1, :alice), (2, :bob);
GRANT USAGE ON SCHEMA other TO gateway;
GRANT SELECT ON other.notes TO gateway;
SELECT t.ok(count(*) > 0, 'a protected table') FROM warden.protect('other.notes');

SELECT t.refused('ALTER SCHEMA warden RENAME TO guard', '55000', 'the schema is not renamed', 'warden cannot be renamed');
SELECT t.is(t.error('ALTER SCHEMA warden RENAME TO guard')->>'hint', 'Every policy names it. Give another name to whatever needs this one.', 'with a hint');
SELECT t.ok(t.error('ALTER EXTENSION pg_warden SET SCHEMA other') IS NOT NULL, 'nor does the extension move');
\set ON_ERROR_STOP off
ALTER SCHEMA warden RENAME TO guard;
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '55000', 'as a statement of its own');
SELECT t.succeeds('ALTER SCHEMA other RENAME TO notebook', 'another schema is renamed');
SELECT t.ok(intact, 'and its table stays protected') FROM warden.protected_tables WHERE relation = 'notebook.notes'::regclass;
SELECT t.succeeds('ALTER SCHEMA warden OWNER TO CURRENT_USER', 'what leaves the name alone is let through');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('SELECT FROM notebook.notes', 1, 'alice reads hers');
COMMIT;

-- Without the extension the name is free.
\connect - postgres
DROP EXTENSION pg_warden CASCADE;
CREATE SCHEMA warden;
SELECT t.succeeds('ALTER SCHEMA warden RENAME TO guard', 'without the extension it is a name like any other');
SELECT t.done();
