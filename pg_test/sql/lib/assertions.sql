-- Assertions for SQL tests. Each returns one line of TAP, "ok - name" or "not ok - name" with what it got.
--
-- They run as whoever calls them, change no setting, and spell out every operator and function of pg_catalog,
-- so that a test may plant its own in its search_path and still be told the truth.
-- The SQL handed to them runs with the caller's search_path, one call deep: what depends on being the top-level
-- statement (transaction control, a failing COMMIT) is written out in the test, see pg_test/README.md.
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;

CREATE FUNCTION t.ok(condition boolean, name text, got text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    IF condition THEN
        RETURN pg_catalog.concat('ok - ', name);
    END IF;
    -- NULL is no success.
    RETURN pg_catalog.concat('not ok - ', name, E'\n#   got: ',
        pg_catalog.replace(coalesce(got, condition::text, 'NULL'), E'\n', E'\n#        '));
END $$;

-- Equal as text after both sides were brought to one type; NULL equals NULL.
CREATE FUNCTION t.is(actual anycompatible, expected anycompatible, name text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    a text := actual::text;
    e text := expected::text;
BEGIN
    RETURN t.ok(
        CASE WHEN a IS NULL OR e IS NULL THEN a IS NULL AND e IS NULL ELSE a OPERATOR(pg_catalog.=) e END, name,
        pg_catalog.concat(coalesce(a, 'NULL'), E'\nexpected: ', coalesce(e, 'NULL')));
END $$;

CREATE FUNCTION t.isnt(actual anycompatible, unexpected anycompatible, name text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    a text := actual::text;
    u text := unexpected::text;
BEGIN
    RETURN t.ok(
        CASE WHEN a IS NULL OR u IS NULL THEN NOT (a IS NULL AND u IS NULL) ELSE a OPERATOR(pg_catalog.<>) u END, name,
        pg_catalog.concat(coalesce(a, 'NULL'), ', which it must not be'));
END $$;

-- `pattern` is a POSIX regular expression.
CREATE FUNCTION t.matches(actual text, pattern text, name text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN t.ok(actual OPERATOR(pg_catalog.~) pattern, name,
        pg_catalog.concat(coalesce(actual, 'NULL'), E'\nexpected to match: ', pattern));
END $$;

-- Run a statement and undo it: what it raised, as {sqlstate, message, detail, hint, context}; NULL if it succeeded.
CREATE FUNCTION t.error(statement text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    raised text;
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    EXECUTE statement;
    -- Success is undone as well: a test that expected a refusal shall not go on with its effects.
    RAISE EXCEPTION USING ERRCODE = 'TAPOK', MESSAGE = 'succeeded';
EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
    GET STACKED DIAGNOSTICS raised = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    IF raised OPERATOR(pg_catalog.=) 'TAPOK' THEN
        RETURN NULL;
    END IF;
    RETURN pg_catalog.jsonb_build_object(
        'sqlstate', raised, 'message', message, 'detail', detail, 'hint', hint, 'context', context);
END $$;

-- The statement fails with this SQLSTATE, and with a message that matches the pattern if one is given.
CREATE FUNCTION t.refused(statement text, state text, name text, pattern text DEFAULT '') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    error jsonb := t.error(statement);
    got_state text := error OPERATOR(pg_catalog.->>) 'sqlstate';
    got_message text := error OPERATOR(pg_catalog.->>) 'message';
BEGIN
    RETURN t.ok(
        error IS NOT NULL AND got_state OPERATOR(pg_catalog.=) state AND got_message OPERATOR(pg_catalog.~) pattern, name,
        CASE WHEN error IS NULL THEN pg_catalog.concat('success, expected ', state)
             ELSE pg_catalog.concat(got_state, ': ', got_message, E'\nexpected: ', state, ' ', pattern) END);
END $$;

-- The statement succeeds, and its effects stay.
CREATE FUNCTION t.succeeds(statement text, name text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN t.ok(true, name);
EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
    RETURN t.ok(false, name, pg_catalog.concat(SQLSTATE, ': ', SQLERRM));
END $$;

-- The statement returns, or changes, this many rows; its effects stay.
CREATE FUNCTION t.rows(statement text, expected bigint, name text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    got bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS got = ROW_COUNT;
    RETURN t.ok(got OPERATOR(pg_catalog.=) expected, name, pg_catalog.concat(got, ' rows, expected ', expected));
EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
    RETURN t.ok(false, name, pg_catalog.concat(SQLSTATE, ': ', SQLERRM));
END $$;

-- The plan of a statement, a node a line, for t.matches(); options: of EXPLAIN.
CREATE FUNCTION t.plan(statement text, options text DEFAULT 'COSTS OFF') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE pg_catalog.format('EXPLAIN (%s) %s', options, statement) LOOP
        plan := pg_catalog.concat(plan, line, E'\n');
    END LOOP;
    RETURN plan;
END $$;

-- The last line of every test: without it the file stopped early.
CREATE FUNCTION t.done() RETURNS text
LANGUAGE sql AS $$ SELECT '# done' $$;
