-- prove(): whether a protected table keeps its users apart, tried out.

-- Alice and bob have a row each, and carol none: what she reaches without a WHERE is somebody else's. (For a table
-- whose rows belong to a parent, she has a parent.)
CREATE FUNCTION warden.attempts(relation oid, client oid, tenant_id text, mine jsonb) RETURNS TABLE (
    number int, "check" text, person text, statement text, row_limit int, wanted text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    t text := format('%s', attempts.relation::regclass);
    whose text;
    read_filter text;
    update_filter text;
    delete_filter text;
    column_list text;
    value_list text;
    changed text;
BEGIN
    SELECT q.owner_column, q.tenant_column, q.parent_column, q.public_column, q.root,
           (SELECT jsonb_object_agg(w.command, w.predicate) FROM (
                SELECT a.command, string_agg(a.predicate, ' OR ') AS predicate FROM warden.allowances a
                WHERE a.relation = q.root GROUP BY a.command) AS w) AS allowed,
           -- What is declared of parents lets others read their children.
           above.have_public_column, above.allow_reading
    INTO STRICT p
    FROM warden.protections q CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(r.public_column IS NOT NULL), false) AS have_public_column,
               coalesce(bool_or(EXISTS (SELECT FROM warden.allowances a WHERE a.relation = r.root AND a.command = 'SELECT')), false) AS allow_reading
        FROM warden.parents_of(attempts.relation) m JOIN warden.protections r ON r.relation::oid = m.member
        WHERE m.depth > 0) AS above
    WHERE q.relation::oid = attempts.relation;
    whose := quote_ident(coalesce(p.owner_column, p.parent_column));

    -- What everybody may reach, because somebody has declared it, is no finding.
    read_filter := concat_ws(' OR ', quote_ident(p.public_column), p.allowed ->> 'SELECT',
        CASE WHEN p.have_public_column THEN format('(%1$s OPERATOR(pg_catalog.<>) %2$s AND %1$s OPERATOR(pg_catalog.<>) %3$s)', whose, mine ->> 'alice', mine ->> 'bob') END);
    read_filter := CASE WHEN read_filter <> '' THEN format('NOT coalesce(%s, false)', read_filter) END;
    update_filter := CASE WHEN p.allowed ? 'UPDATE' THEN format(' WHERE NOT coalesce(%s, false)', p.allowed ->> 'UPDATE') END;
    delete_filter := CASE WHEN p.allowed ? 'DELETE' THEN format(' WHERE NOT coalesce(%s, false)', p.allowed ->> 'DELETE') END;

    -- No default is asked for, which could fail for reasons of its own; a policy is asked ahead of NOT NULL.
    SELECT quote_ident(a.attname) INTO changed
    FROM pg_attribute a
    WHERE a.attrelid = attempts.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
      AND has_column_privilege(attempts.client, a.attrelid, a.attnum, 'UPDATE')
    ORDER BY a.attname IN (p.owner_column, p.tenant_column, p.parent_column, p.public_column) IS TRUE, a.attnum LIMIT 1;
    SELECT string_agg(quote_ident(c.attname), ', '), string_agg(c.literal, ', ') INTO column_list, value_list
    FROM (
        SELECT a.attname, CASE a.attname::text
            WHEN coalesce(p.owner_column, p.parent_column) THEN mine ->> 'bob'
            WHEN p.tenant_column THEN quote_literal(attempts.tenant_id)
            ELSE coalesce(CASE WHEN EXISTS (SELECT FROM pg_partitioned_table y WHERE y.partrelid = a.attrelid AND a.attnum = ANY (y.partattrs))
                                 OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey))
                               THEN mine -> 'row' ->> a.attname::text END,
                          quote_literal(warden.sample_value(a.atttypid, a.atttypmod))) END AS literal
        FROM pg_attribute a
        WHERE a.attrelid = attempts.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          AND (a.attname IN (coalesce(p.owner_column, p.parent_column), p.tenant_column)
               OR (a.attnotnull AND has_column_privilege(attempts.client, a.attrelid, a.attnum, 'INSERT')))
    ) AS c WHERE c.literal IS NOT NULL;

    RETURN QUERY
    SELECT v.number, v.name, v.person, CASE WHEN p.allow_reading AND v.number IN (4, 5, 12) THEN NULL ELSE v.statement END, v.row_limit, v.wanted
    FROM (VALUES
        (3, 'own_rows', 'alice', CASE WHEN read_filter IS NULL AND NOT p.allow_reading THEN format('SELECT FROM %s', t)
                                      ELSE format('SELECT FROM %s WHERE %s OPERATOR(pg_catalog.=) %s', t, whose, mine ->> 'alice') END, 2, 'one'),
        (4, 'read', 'carol', format('SELECT FROM %s%s', t, ' WHERE ' || read_filter), 1, 'none'),
        (5, 'fetch', 'alice', format('SELECT FROM %s WHERE %s OPERATOR(pg_catalog.=) %s%s', t, whose, mine ->> 'bob', ' AND ' || read_filter), 1, 'none'),
        (6, 'update', 'carol', format('UPDATE %s SET %s = NULL%s RETURNING 1', t, coalesce(changed, whose), update_filter), 1, 'none'),
        (7, 'steal', 'carol', format('UPDATE %s SET %s = %s%s RETURNING 1', t, whose, mine ->> 'carol', update_filter), 1, 'none'),
        -- Where changes of others' rows are allowed, it is the trigger that keeps their owner, which is silent here.
        (8, 'give_away', 'alice', CASE WHEN update_filter IS NULL THEN format('UPDATE %s SET %s = %s RETURNING 1', t, whose, mine ->> 'bob') END, 2, 'none'),
        (9, 'delete', 'carol', format('DELETE FROM %s%s RETURNING 1', t, delete_filter), 1, 'none'),
        (10, 'insert', 'carol', CASE WHEN NOT coalesce(p.allowed ? 'INSERT', false) THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', t, column_list, value_list) END, 1, 'refused'),
        (11, 'other_tenant', 'alice_elsewhere', format('SELECT FROM %s', t), 1, 'none'),
        (12, 'nobody_reads', NULL, format('SELECT FROM %s%s', t, ' WHERE ' || read_filter), 1, 'none'),
        (13, 'nobody_updates', NULL, format('UPDATE %s SET %s = NULL%s RETURNING 1', t, coalesce(changed, whose), update_filter), 1, 'none'),
        (14, 'nobody_deletes', NULL, format('DELETE FROM %s%s RETURNING 1', t, delete_filter), 1, 'none'),
        (15, 'nobody_inserts', NULL, CASE WHEN NOT coalesce(p.allowed ? 'INSERT', false) THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', t, column_list, value_list) END, 1, 'refused')
    ) AS v (number, name, person, statement, row_limit, wanted)
    -- Of a partition or child that a client was granted directly: what could be reached there beside its parent.
    WHERE (p.root::oid = attempts.relation OR v.number IN (4, 6, 9, 12, 14))
      AND (v.number <> 11 OR p.tenant_column IS NOT NULL)
      AND (v.number <> 3 OR has_any_column_privilege(attempts.client, attempts.relation, 'SELECT'));
END
$$;

COMMENT ON FUNCTION warden.attempts(oid, oid, text, jsonb) IS
    'What prove() tries as one client role on a protected table: the check that it belongs to, as whom (NULL: nobody), the statement (NULL: it is declared that it may succeed), and what should come of it: one (row), none (no row, or refused) or refused. mine: what says whose a row is, for alice, bob and carol, as literals, and a row of theirs.';

-- Leaves nothing behind but the answer.
CREATE FUNCTION warden.tried(client oid, schema_name text, person jsonb, statement text, row_limit int, wanted text, OUT passed boolean, OUT detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reached bigint;
BEGIN
    IF statement IS NULL THEN
        passed := true;
        detail := 'declared by allow()';
        RETURN;
    END IF;
    SELECT r.reached INTO STRICT reached
    FROM warden.rehearse(client, false, schema_name, (person ->> 'user_id')::uuid, person ->> 'external_id', (person ->> 'tenant_id')::uuid, statement, row_limit) r;
    RAISE EXCEPTION 'to roll back' USING ERRCODE = 'WARDN';
EXCEPTION
    WHEN SQLSTATE 'WARDN' THEN
        passed := CASE wanted WHEN 'one' THEN reached = 1 WHEN 'none' THEN reached = 0 ELSE false END;
        detail := CASE WHEN wanted = 'refused' THEN 'not refused'
                       WHEN wanted = 'none' AND reached > 0 THEN 'a row is reached: ' || statement
                       WHEN wanted = 'one' AND reached > 1 THEN 'more than the own row is seen'
                       WHEN wanted = 'one' AND reached = 0 THEN 'the own row is not seen'
                       ELSE CASE reached WHEN 1 THEN '1 row' ELSE reached || ' rows' END END;
    WHEN insufficient_privilege THEN
        passed := wanted <> 'one';
        detail := 'refused';
    WHEN OTHERS THEN
        -- Somebody who is nobody may be refused louder (warden.missing_identity). Whatever else stopped it was no policy.
        passed := SQLSTATE = '28000' AND person IS NULL;
        detail := CASE WHEN passed THEN 'refused' ELSE format('stopped by %s, not by a policy: %s', SQLSTATE, SQLERRM) END;
END
$$;

COMMENT ON FUNCTION warden.tried(oid, text, jsonb, text, int, text) IS
    'Executes a statement of attempts() and takes it back: whether what came of it is what should, and in words.';

CREATE FUNCTION warden.prove(table_name regclass) RETURNS TABLE ("check" text, passed boolean, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET row_security = on SET standard_conforming_strings = on SET quote_all_identifiers = off SET jit = off
AS $$
DECLARE
    people jsonb := '{}';
    mine jsonb := '{}';
    made jsonb;
    clients oid[];
    results jsonb := '[]';
    problem text;
    whose record;
    role record;
    attempt record;
    outcome record;
    name text;
BEGIN
    PERFORM warden.require_prover(table_name);
    IF current_setting('transaction_read_only') = 'on' THEN
        RAISE EXCEPTION 'nothing can be tried in a read-only transaction' USING ERRCODE = '25006',
            HINT = 'What is tried is taken back, but it is tried: call this on the primary.';
    ELSIF warden.belongs_to_tenant_alone(table_name) THEN
        RAISE EXCEPTION 'rows of % are a tenant''s and no user''s: there are no users to tell apart', table_name
            USING ERRCODE = '55000', HINT = 'warden.protected_tables says whether its protection is intact.';
    END IF;

    -- 1: what is written down.
    SELECT string_agg(p.relation::text, ', ' ORDER BY p.relation::text) INTO problem
    FROM warden.protections p WHERE p.root = table_name AND warden.is_intact(p.relation) IS NOT TRUE;
    results := results || jsonb_build_object('number', 1, 'check', 'intact', 'passed', problem IS NULL, 'detail',
        coalesce('not as protect() made it: ' || problem, 'row security, policies and triggers are as protect() made them'));

    -- Row security does not bind these, and code of others would run with a superuser's rights.
    FOR role IN
        SELECT DISTINCT r.oid, quote_ident(r.rolname) AS name, r.rolsuper OR r.rolbypassrls AS unbound
        FROM warden.database_roles d JOIN pg_roles r ON r.oid = d.role
        JOIN warden.protections p ON p.root = table_name
        WHERE d.kind IN ('client', 'trusted')
          AND (has_any_column_privilege(r.oid, p.relation, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r.oid, p.relation, 'DELETE'))
        ORDER BY 2
    LOOP
        IF NOT role.unbound THEN
            clients := clients || role.oid;
        END IF;
        results := results || jsonb_build_object('number', 0, 'check', 'role', 'passed', NOT role.unbound, 'detail',
            CASE WHEN role.unbound THEN format('%s: row-level security does not bind it', role.name) ELSE role.name END);
    END LOOP;
    IF clients IS NULL THEN
        results := results || jsonb_build_object('number', 0, 'check', 'role', 'passed', false, 'detail',
            'no client role that row-level security binds has a privilege on the table: nothing was tried');
    ELSE
        problem := NULL;
        BEGIN
            FOREACH name IN ARRAY '{alice,bob,carol}'::text[] LOOP
                people := people || jsonb_build_object(name, warden.invented_user(table_name)
                    || jsonb_build_object('tenant_id', coalesce(people #>> '{alice,tenant_id}', gen_random_uuid()::text)));
            END LOOP;
            people := people || jsonb_build_object('alice_elsewhere', people -> 'alice' || jsonb_build_object('tenant_id', gen_random_uuid()));
            SELECT coalesce(p.owner_column, p.parent_column) AS column_name, p.owner_column, a.atttypid AS type, m.member AS parent, m.key
            INTO STRICT whose
            FROM warden.protections p
            JOIN pg_attribute a ON a.attrelid = p.relation AND a.attname = coalesce(p.owner_column, p.parent_column)
            LEFT JOIN warden.parents_of(table_name) m ON m.depth = 1
            WHERE p.relation = table_name;

            BEGIN
                FOREACH name IN ARRAY '{alice,bob}'::text[] LOOP
                    made := warden.sample_row(table_name, people -> name, ARRAY[whose.column_name], clients) -> table_name::oid::text;
                    mine := mine || jsonb_build_object(name, made -> whose.column_name, 'row', made);
                END LOOP;
                IF whose.owner_column IS NULL THEN
                    mine := mine || jsonb_build_object('carol',
                        warden.sample_row(whose.parent, people -> 'carol', ARRAY[whose.key], clients) -> whose.parent::text -> whose.key);
                END IF;
            EXCEPTION WHEN OTHERS THEN
                problem := SQLERRM;
            END;
            -- 2: what there is to try with. Without rows of these users a policy is still asked about those of others.
            results := results || jsonb_build_object('number', 2, 'check', 'rows', 'passed', problem IS NULL, 'detail',
                coalesce('no rows could be made to try with: ' || problem, 'of two users who do not exist, taken back at the end'));
            FOREACH name IN ARRAY '{alice,bob,carol}'::text[] LOOP
                IF NOT mine ? name THEN
                    mine := mine || jsonb_build_object(name, CASE WHEN whose.owner_column IS NOT NULL THEN warden.owner_literal(people -> name, whose.type)
                        ELSE quote_literal(warden.sample_value(whose.type, -1)) END);
                END IF;
            END LOOP;

            FOR attempt IN
                SELECT quote_ident(r.rolname) || CASE WHEN t.member <> table_name THEN ' on ' || t.member ELSE '' END AS subject, r.oid AS client,
                       (SELECT quote_ident(n.nspname) FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = t.member) AS schema_name, a.*
                FROM unnest(clients) WITH ORDINALITY AS c (client, position)
                JOIN pg_roles r ON r.oid = c.client
                JOIN warden.table_tree(table_name) t ON t.member = table_name
                    OR has_any_column_privilege(r.oid, t.member, 'SELECT, UPDATE') OR has_table_privilege(r.oid, t.member, 'DELETE')
                JOIN warden.protections p ON p.relation = t.member
                CROSS JOIN LATERAL warden.attempts(t.member, r.oid, people #>> '{alice,tenant_id}', mine) a
                WHERE a.number <> 3 OR problem IS NULL
                ORDER BY c.position, t.depth, a.number
            LOOP
                SELECT * INTO outcome
                FROM warden.tried(attempt.client, attempt.schema_name, people -> attempt.person, attempt.statement, attempt.row_limit, attempt.wanted);
                results := results || jsonb_build_object('number', attempt.number, 'check', attempt."check",
                    'passed', outcome.passed, 'detail', attempt.subject || ': ' || outcome.detail);
            END LOOP;
            RAISE EXCEPTION 'to roll back' USING ERRCODE = 'WARDN';
        EXCEPTION WHEN SQLSTATE 'WARDN' THEN
            NULL;
        END;
    END IF;

    RETURN QUERY
    SELECT r."check", bool_and(r.passed), string_agg(r.detail, '; ' ORDER BY r.passed, r.position)
    FROM ROWS FROM (jsonb_to_recordset(results) AS (number int, "check" text, passed boolean, detail text)) WITH ORDINALITY
        AS r (number, "check", passed, detail, position)
    GROUP BY r.number, r."check"
    ORDER BY r.number;
END
$$;

COMMENT ON FUNCTION warden.prove(regclass) IS
    'Tries out whether a protected table keeps its users apart: makes rows of two users who do not exist, acts as each client role that has privileges on the table, for them, for a third and for nobody, and takes everything back. One row a check: check (stable: role, intact, rows, own_rows, read, fetch, update, steal, give_away, delete, insert, other_tenant, nobody_reads, nobody_updates, nobody_deletes, nobody_inserts), passed, and detail, what came of it for each role. What allow() and public_column have declared counts as passed. Triggers and foreign keys are silent meanwhile. For superusers and admin roles. Errors: 42501 for anybody else, 55000 for a table that is not protected by itself, and for one whose rows are a tenant''s alone, 25006 in a read-only transaction.';
