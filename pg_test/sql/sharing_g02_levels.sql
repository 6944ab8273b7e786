-- G2, G4, F2: what each level lets somebody do with a shared row, and nothing more; seen by whom it is shared with.
\ir lib/cast.sql
\ir lib/agents.sql
SELECT t.is((SELECT string_agg(table_name || ' ' || key_column, ', ' ORDER BY table_name) FROM warden.protected_tables WHERE key_column IS NOT NULL AND intact),
    'agents id, conversations id, projects id, tools id', 'G1: the shareable tables are protected, each by its key');
SELECT t.is(pg_get_expr(polqual, polrelid), '((user_id = warden.current_user_id()) OR warden.shared(tableoid, id, ''edit''::text))', 'G2: what the policy says')
FROM pg_policy WHERE polrelid = 'agents'::regclass AND polcmd = 'w';

-- Bob gets everything that alice has, at one level after the other.
CREATE FUNCTION shared_at(alice uuid, bob uuid, level text) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    DELETE FROM warden.shares;
    INSERT INTO warden.shares (relation, row_id, grantee, level)
    SELECT 'agents'::regclass, id::text, 'user:' || bob, shared_at.level FROM agents WHERE user_id = alice AND shared_at.level <> ''
    UNION ALL SELECT 'projects'::regclass, id::text, 'user:' || bob, shared_at.level FROM projects WHERE user_id = alice AND shared_at.level <> ''
    UNION ALL SELECT 'tools'::regclass, id, 'user:' || bob, shared_at.level FROM tools WHERE user_id = alice AND shared_at.level <> '';
    SELECT count(*)::int FROM warden.shares;
$$;
GRANT EXECUTE ON FUNCTION shared_at TO app;

\ir lib/as_attacker.sql
-- How many of alice's rows each verb reaches, everything rolled back.
CREATE TEMP TABLE reached (level text, verb text, name text, rows bigint);
CREATE FUNCTION pg_temp.reach(level text, alice uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    relation text;
    verb text;
    statement text;
    n bigint;
BEGIN
    FOREACH relation IN ARRAY '{agents,projects,tools}'::text[] LOOP
        FOR verb, statement IN VALUES
            ('see', 'SELECT FROM %1$s WHERE user_id = $1'),
            ('lock', 'SELECT FROM %1$s WHERE user_id = $1 FOR UPDATE'),
            ('change', 'UPDATE %1$s SET name = name || ''!'' WHERE user_id = $1'),
            ('change all', 'UPDATE %1$s SET name = name || ''!'''),
            ('delete', 'DELETE FROM %1$s WHERE user_id = $1') LOOP
            BEGIN
                EXECUTE format(statement, relation) USING alice;
                GET DIAGNOSTICS n = ROW_COUNT;
                RAISE EXCEPTION USING ERRCODE = 'TE000';
            EXCEPTION WHEN SQLSTATE 'TE000' THEN
                INSERT INTO reached VALUES (level, verb, relation, n);
            END;
        END LOOP;
    END LOOP;
END $$;
BEGIN; SELECT shared_at(:'alice', :'bob', ''); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('none', :'alice'); COMMIT;
BEGIN; SELECT shared_at(:'alice', :'bob', 'view'); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('view', :'alice'); COMMIT;
BEGIN; SELECT shared_at(:'alice', :'bob', 'use'); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('use', :'alice'); COMMIT;
BEGIN; SELECT shared_at(:'alice', :'bob', 'edit'); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('edit', :'alice'); COMMIT;
BEGIN; SELECT shared_at(:'alice', :'bob', 'manage'); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('manage', :'alice'); COMMIT;
BEGIN; SELECT shared_at(:'alice', :'bob', 'share'); SELECT warden.authenticate(:'bob_token'); SELECT pg_temp.reach('share', :'alice'); COMMIT;
SELECT t.is((SELECT string_agg(r.rows, ' ' ORDER BY array_position('{none,view,use,edit,manage,share}', r.level))
             FROM (SELECT level, string_agg(rows::text, '' ORDER BY name) AS rows FROM reached WHERE verb = e.verb GROUP BY level) AS r), e.rows,
    format('G2: %s, at none, view, use, edit, manage, share, in three tables', e.verb))
FROM (VALUES ('see', '000 222 222 222 222 222'), ('lock', '000 000 000 222 222 222'), ('change', '000 000 000 222 222 222'),
    ('change all', '111 111 111 333 333 333'), ('delete', '000 000 000 000 222 222')) AS e (verb, rows);
SELECT t.done();
