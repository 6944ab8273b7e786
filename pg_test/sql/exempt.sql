-- N11: exempt() and unexempt() say which tables need no protection, and why.
\ir lib/people.sql
GRANT SELECT ON warden.exempt_tables, warden.protected_tables TO owner;
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO owner;

\connect - owner
CREATE SCHEMA s;
GRANT USAGE, CREATE ON SCHEMA s TO app;
CREATE TABLE s.countries (code text PRIMARY KEY, user_id uuid);
CREATE TABLE s.jobs (id int, user_id uuid);
CREATE TABLE s.documents (id int, user_id uuid);
CREATE TABLE s.parted (id int, user_id uuid) PARTITION BY LIST (id);
CREATE TABLE s.parted_1 PARTITION OF s.parted FOR VALUES IN (1);
CREATE VIEW s.some_view AS SELECT 1;
GRANT SELECT ON s.countries TO app;
INSERT INTO s.countries VALUES ('CH', :bob);
SELECT count(*) FROM warden.protect('s.documents');

SELECT t.refused($$ SELECT warden.exempt('s.countries', '') $$, '22023', 'without a reason', 'reason');
SELECT t.refused($$ SELECT warden.exempt('s.countries', '   ') $$, '22023', 'with a blank one', 'reason');
SELECT t.refused($$ SELECT warden.exempt('s.countries', NULL) $$, '22023', 'with NULL', 'reason');
SELECT t.refused($$ SELECT warden.exempt(NULL, 'x') $$, '22023', 'no table');
SELECT t.refused($$ SELECT warden.exempt('s.documents', 'x') $$, '55000', 'a protected table', 'is protected');
SELECT t.refused($$ SELECT warden.exempt('s.parted_1', 'x') $$, '22023', 'a partition', 'partition');
SELECT t.refused($$ SELECT warden.exempt('s.some_view', 'x') $$, '22023', 'a view', 'not a table');
SELECT t.refused($$ SELECT warden.exempt('pg_catalog.pg_class', 'x') $$, '42501', 'somebody else''s table', 'owner');
SELECT t.is(warden.exempt('s.countries', 'the same for everybody'), true, 'its owner exempts a table');
SELECT t.is(warden.exempt('s.countries', 'a lookup table'), false, 'once; the reason is replaced');
SELECT t.is(warden.exempt('s.parted', 'a queue'), true, 'a partitioned table');
SELECT t.is(warden.exempt('s.jobs', 'the worker''s own'), true, 'a third');
SELECT t.is(string_agg(relation || ': ' || reason || ' ' || exempted_by, ', ' ORDER BY relation::text),
    's.countries: a lookup table owner, s.jobs: the worker''s own owner, s.parted: a queue owner', 'they are listed')
FROM warden.exempt_tables;

\connect - app
SELECT t.refused($$ SELECT warden.exempt('s.documents', 'mine now') $$, '42501', 'a client exempts nothing', 'must be owner');
SELECT t.refused($$ SELECT warden.unexempt('s.countries') $$, '42501', 'nor does it take it back', 'must be owner');
SELECT t.rows('SELECT * FROM s.countries', 1, 'it sees all of an exempt table that it is granted');
SELECT t.refused($$ INSERT INTO warden.exemptions (relation, reason, exempted_by) VALUES ('s.documents', 'x', 'x') $$, '42501', 'nor does it write the list');

-- A watched schema lets them through.
\connect - owner
SELECT t.is(warden.watch_schema('s', action => 'refuse')::text, '{}', 'exempt tables are not reported as unprotected');
SELECT t.succeeds('ALTER TABLE s.jobs ADD COLUMN more int', 'an exempt table may be changed');
SELECT t.succeeds('CREATE TABLE s.parted_2 PARTITION OF s.parted FOR VALUES IN (2)', 'its partitions may come');
SELECT t.is(warden.unexempt('s.jobs'), true, 'taken back');
SELECT t.is(warden.unexempt('s.jobs'), false, 'once');
SELECT t.refused('ALTER TABLE s.jobs ADD COLUMN again int', '55000', 'then the schema refuses it', 'not protected');
SELECT t.succeeds('DROP TABLE s.parted', 'an exempt table may be dropped');
SELECT t.succeeds('ALTER TABLE s.countries RENAME TO lands', 'and renamed');
SELECT t.is(string_agg(relation::text, ' '), 's.lands', 'the list follows') FROM warden.exempt_tables;

-- What is protected after all is an exception no longer.
SELECT t.ok(count(*) > 0, 'an exempt table can be protected') FROM warden.protect('s.lands');
SELECT t.is(count(*), 0, 'and is no longer listed') FROM warden.exempt_tables;
\connect - app
SELECT t.rows('SELECT * FROM s.lands', 0, 'nor seen by everybody');
\connect - postgres
SELECT t.is(string_agg(action || ' ' || object || coalesce(' ' || (detail->>'reason'), '') || coalesce(' dropped ' || (detail->>'dropped'), ''), ', ' ORDER BY id),
    'exempt s.countries the same for everybody, exempt s.countries a lookup table, exempt s.parted a queue, exempt s.jobs the worker''s own, '
    || 'unexempt s.jobs, unexempt s.parted dropped true', 'all of it is recorded')
FROM warden.audit_log WHERE action LIKE '%exempt';
SELECT t.refused($$ SELECT warden.exempt('warden.users', 'x') $$, '22023', 'refused: the extension''s own');
SELECT t.done();
