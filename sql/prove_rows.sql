-- prove(): rows of users who do not exist, made for the time of the proof.

-- In a rehearsal a statement is executed for its effect on the rehearsal alone: its caller rolls it back.
CREATE FUNCTION warden.rehearse(
    role oid, is_owner boolean, schema_name text, user_id uuid, external_id text, tenant_id uuid, statement text, row_limit bigint
) RETURNS TABLE (reached bigint, answer text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'rehearse_wrapper';

COMMENT ON FUNCTION warden.rehearse(oid, boolean, text, uuid, text, uuid, text, bigint) IS
    'For prove(): executes a statement as a role (is_owner: of the table, whom FORCE does not bind then) in a security-restricted operation, and as a user who must not exist (NULL: nobody), with session_replication_role = replica and the names of a schema (quoted) in reach; returns how many rows it returned (row_limit at most) or changed, and the text in the first. Errors: 55000 for a superuser and for a user who exists, and those of the statement.';

CREATE FUNCTION warden.require_prover(table_name regclass) RETURNS boolean
LANGUAGE c STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'require_prover_wrapper';

COMMENT ON FUNCTION warden.require_prover(regclass) IS
    'Refuses everybody but superusers and admin roles (42501), and a table that is not protected by itself (55000).';

-- Of the column types that a table is likely to have; NULL for others, whose columns then have to do without.
CREATE FUNCTION warden.sample_value(type oid, modifier int) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN t.typtype = 'd' THEN warden.sample_value(t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE sample_value.modifier END)
        WHEN t.typtype = 'e' THEN (SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1)
        WHEN t.typtype = 'r' THEN 'empty'
        WHEN t.typtype = 'm' OR t.typcategory = 'A' THEN '{}'
        ELSE CASE t.typname
            WHEN 'uuid' THEN gen_random_uuid()::text
            WHEN 'text' THEN replace(gen_random_uuid()::text, '-', '')
            WHEN 'varchar' THEN left(replace(gen_random_uuid()::text, '-', ''), CASE WHEN sample_value.modifier > 4 THEN sample_value.modifier - 4 ELSE 32 END)
            WHEN 'bpchar' THEN left(replace(gen_random_uuid()::text, '-', ''), CASE WHEN sample_value.modifier > 4 THEN sample_value.modifier - 4 ELSE 1 END)
            WHEN 'name' THEN replace(gen_random_uuid()::text, '-', '')
            WHEN 'int2' THEN (1 + floor(random() * 32766))::text
            WHEN 'int4' THEN (1073741824 + floor(random() * 1073741822))::text
            WHEN 'int8' THEN (4611686018427387904 + floor(random() * 1073741822)::bigint)::text
            WHEN 'bool' THEN 'false'
            WHEN 'bytea' THEN E'\\x' || replace(gen_random_uuid()::text, '-', '')
            WHEN 'inet' THEN '192.0.2.1'
            WHEN 'cidr' THEN '192.0.2.0/24'
            WHEN 'interval' THEN '0'
            WHEN 'json' THEN '{}'
            WHEN 'jsonb' THEN '{}'
            WHEN 'tsvector' THEN ''
            ELSE CASE WHEN t.typcategory = 'N' THEN '0' WHEN t.typcategory = 'D' THEN 'now' WHEN t.typcategory = 'S' THEN 'x' END
        END
    END
    FROM pg_type t WHERE t.oid = sample_value.type
$$;

COMMENT ON FUNCTION warden.sample_value(oid, int) IS
    'Some value of a type, as text, a new one each time where the type has many; NULL where none is known.';

-- A table's parent by its parent_column, the parent's parent, and so on; the last has an owner column.
CREATE FUNCTION warden.parents_of(relation oid) RETURNS TABLE (depth int, member oid, key text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE above (depth, member, key) AS (
        SELECT 0, parents_of.relation, NULL::name
        UNION ALL
        SELECT a.depth + 1, o.confrelid, k.attname
        FROM above a
        JOIN warden.protections p ON p.relation::oid = a.member
        JOIN pg_attribute f ON f.attrelid = a.member AND f.attname = p.parent_column
        JOIN pg_constraint o ON o.conrelid = a.member AND o.contype = 'f' AND o.conkey = ARRAY[f.attnum]
        JOIN pg_attribute k ON k.attrelid = o.confrelid AND k.attnum = o.confkey[1]
        WHERE o.confrelid <> a.member AND a.depth < 16
          AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.oid = o.conparentid AND u.conrelid = o.conrelid)
    )
    SELECT a.depth, a.member, a.key::text FROM above a
$$;

COMMENT ON FUNCTION warden.parents_of(oid) IS
    'A protected table (depth 0) and the tables that its rows belong to, with the column that is referred to.';

-- The external id is a number, which owner columns of text and of integers take alike.
CREATE FUNCTION warden.invented_user(relation oid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    top record;
    candidate jsonb;
    taken bigint;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname) AS name, quote_ident(n.nspname) AS schema_name, c.relowner AS owner, r.rolsuper AS is_superusers, quote_ident(a.attname) AS column_name,
           a.atttypid AS type,
           CASE WHEN a.atttypid = 'int2'::regtype THEN 32767
                WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod BETWEEN 5 AND 13 THEN 10 ^ (a.atttypmod - 4) - 1
                ELSE 2147483647 END AS highest
    INTO STRICT top
    FROM warden.parents_of(invented_user.relation) m
    JOIN pg_class c ON c.oid = m.member JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
    JOIN warden.protections p ON p.relation::oid = m.member
    JOIN pg_attribute a ON a.attrelid = m.member AND a.attname = p.owner_column
    ORDER BY m.depth DESC LIMIT 1;
    FOR attempt IN 1..1000 LOOP
        candidate := jsonb_build_object('user_id', gen_random_uuid(), 'external_id', (top.highest - floor(random() * top.highest / 2))::bigint::text);
        CONTINUE WHEN EXISTS (
            SELECT FROM warden.users u WHERE u.id = (candidate ->> 'user_id')::uuid OR u.external_id = candidate ->> 'external_id');
        -- Nor has anybody a row under this name already.
        DECLARE
            question text := format('SELECT FROM %s WHERE %s OPERATOR(pg_catalog.=) %s LIMIT 1', top.name, top.column_name, warden.owner_literal(candidate, top.type));
        BEGIN
            IF top.is_superusers THEN
                EXECUTE question;
                GET DIAGNOSTICS taken = ROW_COUNT;
            ELSE
                SELECT r.reached INTO taken FROM warden.rehearse(top.owner, true, top.schema_name, NULL, NULL, NULL, question, 1) r;
            END IF;
        END;
        IF taken = 0 THEN
            RETURN candidate;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'no name is free for a user who does not exist' USING ERRCODE = '55000';
END
$$;

COMMENT ON FUNCTION warden.invented_user(oid) IS
    'A user who is not in the directory and has no row in a table: user_id and external_id.';

CREATE FUNCTION warden.owner_literal(person jsonb, type oid) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT quote_literal(owner_literal.person ->> CASE owner_literal.type WHEN 'uuid'::regtype::oid THEN 'user_id' ELSE 'external_id' END);
END;

COMMENT ON FUNCTION warden.owner_literal(jsonb, oid) IS 'What an owner column of a type holds for a user, as a literal.';

-- As the owner of the table, or where a superuser owns it as a client that may insert.
CREATE FUNCTION warden.sample_row(
    relation oid, person jsonb, wanted text[], clients oid[], made jsonb DEFAULT '{}', depth int DEFAULT 0
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_name text;
    schema_name text;
    performer oid;
    is_owner boolean;
    given jsonb;
    parent jsonb;
    reference record;
    statement text;
    answer text;
    refusal text;
    like_another boolean;
BEGIN
    IF depth > 8 THEN
        RAISE EXCEPTION 'foreign keys lead back to %', relation::regclass USING ERRCODE = '55000';
    END IF;
    SELECT format('%I.%I', n.nspname, c.relname), quote_ident(n.nspname), NOT r.rolsuper,
           CASE WHEN NOT r.rolsuper THEN c.relowner
                ELSE (SELECT k.client FROM unnest(clients) AS k (client)
                      WHERE has_any_column_privilege(k.client, c.oid, 'INSERT') LIMIT 1) END
    INTO STRICT table_name, schema_name, is_owner, performer
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.oid = sample_row.relation;
    IF performer IS NULL THEN
        RAISE EXCEPTION 'a superuser owns %, and no client may insert into it', table_name USING ERRCODE = '55000';
    END IF;

    SELECT jsonb_object_agg(v.name, v.literal) INTO STRICT given
    FROM warden.protections p
    CROSS JOIN LATERAL (VALUES
        (p.owner_column, warden.owner_literal(person, (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = sample_row.relation AND a.attname = p.owner_column))),
        (p.tenant_column, quote_literal(person ->> 'tenant_id')),
        (p.public_column, 'false')) AS v (name, literal)
    WHERE p.relation::oid = sample_row.relation AND v.name IS NOT NULL;
    given := coalesce(given, '{}');

    -- The rows of protected tables that it has to refer to, of the same user.
    FOR reference IN
        SELECT o.confrelid AS referenced, array_agg(a.attname::text ORDER BY k.position) AS columns, array_agg(b.attname::text ORDER BY k.position) AS keys
        FROM pg_constraint o
        JOIN warden.protections q ON q.relation::oid = o.confrelid
        LEFT JOIN warden.protections p ON p.relation::oid = o.conrelid
        CROSS JOIN LATERAL unnest(o.conkey, o.confkey) WITH ORDINALITY AS k (referring, referenced, position)
        JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.referring
        JOIN pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = k.referenced
        WHERE o.conrelid = sample_row.relation AND o.contype = 'f' AND o.confrelid <> o.conrelid
          AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.oid = o.conparentid AND u.conrelid = o.conrelid)
        GROUP BY o.oid, o.confrelid
        HAVING bool_and(a.attnotnull OR a.attname IS NOT DISTINCT FROM p.parent_column)
    LOOP
        IF made -> reference.referenced::text ?& reference.keys IS NOT TRUE THEN
            made := warden.sample_row(reference.referenced, person, reference.keys, clients, made, depth + 1);
        END IF;
        parent := made -> reference.referenced::text;
        FOR i IN 1..cardinality(reference.columns) LOOP
            IF NOT given ? reference.columns[i] THEN
                given := given || jsonb_build_object(reference.columns[i], parent -> reference.keys[i]);
            END IF;
        END LOOP;
    END LOOP;

    SELECT given || coalesce(jsonb_object_agg(a.attname, quote_literal(warden.sample_value(a.atttypid, a.atttypmod))), '{}') INTO given
    FROM pg_attribute a
    WHERE a.attrelid = sample_row.relation AND a.attname = ANY (wanted) AND NOT given ? a.attname::text;

    -- First with as little in it as there can be, then like one that is there.
    FOREACH like_another IN ARRAY '{false,true}'::boolean[] LOOP
        WITH facts AS (
            SELECT a.attname, a.attnum, has_column_privilege(performer, a.attrelid, a.attnum, 'SELECT') AS is_readable, a.attnotnull, a.atthasdef OR a.attidentity <> '' AS has_default,
                   quote_literal(warden.sample_value(a.atttypid, a.atttypmod)) AS sample,
                   a.atttypid IN ('text'::regtype, 'varchar'::regtype) AS is_text,
                   EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND (i.indisunique OR i.indisexclusion)
                           AND a.attnum = ANY (i.indkey))
                       -- By which a row finds its partition: made up, it would find none.
                       AND NOT EXISTS (SELECT FROM pg_partitioned_table y WHERE y.partrelid = a.attrelid AND a.attnum = ANY (y.partattrs)) AS is_unique,
                   EXISTS (SELECT FROM pg_constraint o JOIN warden.protections q ON q.relation::oid = o.confrelid
                           WHERE o.conrelid = a.attrelid AND o.contype = 'f' AND a.attnum = ANY (o.conkey)) AS refers
            FROM pg_attribute a
            WHERE a.attrelid = sample_row.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ), expressions AS (
            SELECT f.attnum, f.attname AS column_name, quote_ident(f.attname) AS name, f.is_readable, CASE
                WHEN given ? f.attname::text THEN given ->> f.attname::text
                WHEN NOT like_another THEN CASE WHEN f.attnotnull AND NOT f.has_default THEN f.sample END
                WHEN f.is_unique AND f.has_default THEN NULL
                -- Of the same form as far as can be: an address is one still.
                WHEN f.is_unique THEN CASE WHEN f.is_text THEN format('pg_catalog.left(%s, 8) OPERATOR(pg_catalog.||) x.%I', f.sample, f.attname) ELSE f.sample END
                WHEN f.refers AND NOT f.attnotnull THEN NULL
                ELSE format('x.%I', f.attname) END AS value
            FROM facts f
        )
        SELECT format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s%s RETURNING pg_catalog.jsonb_build_object(%s)::pg_catalog.text', table_name,
                      string_agg(e.name, ', ' ORDER BY e.attnum), string_agg(e.value, ', ' ORDER BY e.attnum),
                      CASE WHEN like_another THEN format(' FROM %s x LIMIT 1', table_name) END,
                      string_agg(format('%L, pg_catalog.format(''%%L'', %s.%s)', e.column_name, table_name, e.name), ', ') FILTER (WHERE e.is_readable))
        INTO STRICT statement
        FROM expressions e WHERE e.value IS NOT NULL;
        BEGIN
            SELECT r.answer INTO answer
            FROM warden.rehearse(performer, is_owner, schema_name, CASE WHEN NOT is_owner THEN (person ->> 'user_id')::uuid END, person ->> 'external_id',
                                 (person ->> 'tenant_id')::uuid, statement, 1) r;
            IF answer IS NOT NULL THEN
                RETURN made || jsonb_build_object(sample_row.relation::text, answer::jsonb || given);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            -- What was missing in the least row says more than what was wrong with the other.
            refusal := coalesce(refusal, SQLERRM);
        END;
    END LOOP;
    RAISE EXCEPTION '%', refusal USING ERRCODE = '55000';
END
$$;

COMMENT ON FUNCTION warden.sample_row(oid, jsonb, text[], oid[], jsonb, int) IS
    'Makes a row of a user in a protected table, and those that it must refer to. wanted: columns whose values are to be known; clients: roles that may do it where a superuser owns the table; made: what it returned for that user before. Returns the rows by the number of their table, each as literals by column. Errors: 55000 where none of its rows is taken.';
