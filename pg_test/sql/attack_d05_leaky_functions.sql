-- D5, A11: functions and operators of the attacker's, cheap enough to be asked before the policy, which note what they see.
\ir lib/people.sql
\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, body text);
INSERT INTO documents SELECT i, CASE WHEN i <= 3 THEN :alice ELSE :bob END::uuid, 'secret ' || i FROM generate_series(1, 400) i;
SELECT count(*) FROM warden.protect('documents');
GRANT SELECT, UPDATE, DELETE ON documents TO gateway;
-- CVE-2019-10130, CVE-2025-8713: statistics hold samples of everybody's rows.
ANALYZE documents;

\connect - gateway
CREATE TEMP TABLE noted (body text);
CREATE FUNCTION pg_temp.note(body text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN INSERT INTO noted VALUES (body); RETURN true; END $$;
CREATE FUNCTION pg_temp.note_less(a text, b text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN INSERT INTO noted VALUES (a); RETURN true; END $$;
CREATE OPERATOR pg_temp.<<< (leftarg = text, rightarg = text, function = pg_temp.note_less, restrict = scalarltsel);

BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('SELECT * FROM documents WHERE pg_temp.note(body)', 3, 'a function in WHERE');
SELECT t.rows('SELECT * FROM documents WHERE body OPERATOR(pg_temp.<<<) ''x''', 3, 'an operator with an estimator in WHERE');
SELECT t.rows('EXPLAIN SELECT * FROM documents WHERE body OPERATOR(pg_temp.<<<) ''x''', 5, 'and in a plan that is not run');
SELECT t.rows('UPDATE documents SET body = body WHERE pg_temp.note(body)', 3, 'in UPDATE');
SELECT t.rows('SELECT * FROM documents d JOIN (VALUES (1)) v ON pg_temp.note(d.body)', 3, 'in a join');
SELECT t.rows('SELECT id FROM documents GROUP BY id, body HAVING pg_temp.note(body)', 3, 'in HAVING');
SELECT t.rows('DELETE FROM documents WHERE pg_temp.note(body)', 3, 'in DELETE');
SELECT t.is(string_agg(DISTINCT body, ',' ORDER BY body), 'secret 1,secret 2,secret 3', 'A11: it noted her own rows and no others') FROM noted;
ROLLBACK;
SELECT t.rows('SELECT * FROM documents WHERE pg_temp.note(body)', 0, 'without an identity it is shown nothing');
SELECT t.rows('SELECT * FROM noted', 0, 'and notes nothing');
SELECT t.rows('SELECT * FROM pg_stats WHERE tablename = ''documents''', 0, 'A11: the statistics are not readable');
SELECT t.done();
