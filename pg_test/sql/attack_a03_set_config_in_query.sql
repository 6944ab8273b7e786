-- N1, A3: set_config within one query: in a CTE, beside a subquery, in WHERE row by row.
\ir lib/cast.sql
CREATE TABLE queries (query text);
GRANT SELECT ON queries TO PUBLIC;
INSERT INTO queries SELECT replace(replace(query, '{alice}', :'alice'), '{setting}', setting)
FROM (VALUES ('app.current_user_id'), ('warden.identity')) AS settings (setting)
CROSS JOIN (VALUES
    ('WITH s AS MATERIALIZED (SELECT set_config(''{setting}'', ''{alice}'', true)) SELECT d.title FROM s, documents d'),
    ('SELECT (SELECT set_config(''{setting}'', ''{alice}'', true)), (SELECT count(*) FROM documents)'),
    ('SELECT count(*) FROM documents WHERE (SELECT set_config(''{setting}'', ''{alice}'', true)) IS NOT NULL'),
    ('SELECT u.u, (SELECT count(*) FROM documents d WHERE set_config(''{setting}'', u.u, true) = u.u)
      FROM (VALUES (''{alice}'')) AS u (u)'),
    ('SELECT set_config(''{setting}'', d.user_id::text, true) FROM documents d, (SELECT set_config(''{setting}'', ''{alice}'', true)) s'),
    ('UPDATE documents SET title = set_config(''{setting}'', ''{alice}'', false)'),
    ('SELECT set_config(''{setting}'', ''{alice}'', true) UNION ALL SELECT title FROM documents')
) AS queries (query);

\ir lib/as_attacker.sql
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(query, '42501', 'bob: ' || left(query, 70)) FROM queries;
SELECT t.is(seen(), 'bob 1, bob 2', 'bob is still bob');
COMMIT;

-- As nobody the same queries find no row to call set_config for, or are refused.
SELECT t.ok(t.error(query)->>'sqlstate' IS NOT DISTINCT FROM '42501' OR t.error(query) IS NULL, 'nobody: ' || left(query, 70))
FROM queries;
SELECT t.is(seen(), NULL, 'nobody is nobody');

-- Each in a backend of its own that has not loaded the library: what counts is what comes out.
\connect - app
SELECT t.refused(
    format('WITH s AS MATERIALIZED (SELECT set_config(''app.current_user_id'', %L, true)) SELECT d.title FROM s LEFT JOIN documents d ON true', :'alice'),
    '42501', 'not loaded: a CTE');
\connect - app
SELECT set_config('app.current_user_id', :'alice', false);
SELECT count(*) AS found FROM documents WHERE current_setting('app.current_user_id', true) IS NOT NULL \gset
SELECT t.is(:found, 0, 'not loaded: the statement before');
SELECT t.done();
