-- D10: what runs within a statement of protect(), unprotect(), allow() or disallow() is not theirs. A literal of an array of a
-- domain calls its CHECK as soon as a policy is parsed, and that calls whatever the owner of a table has written.
\connect - owner
CREATE TABLE victim (id int, user_id uuid NOT NULL);
CREATE TABLE lever (id int, user_id uuid NOT NULL);
CREATE TABLE to_do (sql text);
SELECT count(*) FROM warden.protect('victim');
SELECT count(*) FROM warden.protect('lever');

-- In either language: PL/pgSQL executes by SPI, SQL by itself.
CREATE FUNCTION sneak(text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT d.sql FROM public.to_do d LOOP
        EXECUTE statement;
    END LOOP;
    RETURN true;
END $$;
CREATE FUNCTION sneak_in_sql(text) RETURNS boolean LANGUAGE sql AS $$
    ALTER TABLE public.victim DISABLE ROW LEVEL SECURITY;
    SELECT true
$$;
CREATE DOMAIN sneaky AS text CHECK (public.sneak(VALUE));
CREATE DOMAIN sneaky_in_sql AS text;

CREATE FUNCTION state() RETURNS text LANGUAGE sql
BEGIN ATOMIC
    SELECT string_agg(concat_ws(' ', c.relname, c.relrowsecurity, c.relforcerowsecurity, warden.is_intact(c.oid),
        (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND pg_get_expr(p.polqual, p.polrelid) = 'true')), ', ' ORDER BY c.relname)
    FROM pg_class c WHERE c.relname IN ('lever', 'victim') AND c.relnamespace = 'public'::regnamespace;
END;
SELECT state() AS intact \gset
SELECT t.is(:'intact', 'lever t t t 0, victim t t t 0', 'both are protected');

-- What the owner may write there, and it comes to nothing.
SELECT t.succeeds($$ SELECT warden.allow('lever', 'SELECT', '''{x}''::public.sneaky[] IS NOT NULL', 'harmless') $$, 'such a predicate is one');
SELECT t.is(warden.disallow('lever', 'SELECT', '''{x}''::public.sneaky[] IS NOT NULL'), 1, 'and is taken back');
SELECT format('TRUNCATE to_do; INSERT INTO to_do VALUES (%L)', s.sql),
       format('SELECT t.refused(%L, ''55000'', %L, ''would weaken'')', c.call, c.call || ' does no ' || s.sql)
FROM (VALUES
    ('ALTER TABLE public.victim DISABLE ROW LEVEL SECURITY'),
    ('ALTER TABLE public.victim NO FORCE ROW LEVEL SECURITY'),
    ('CREATE POLICY open ON public.victim USING (true)'),
    ('DO $do$ DECLARE p text; BEGIN SELECT polname INTO p FROM pg_catalog.pg_policy WHERE polrelid = ''public.victim''::regclass ORDER BY 1 LIMIT 1; EXECUTE format(''DROP POLICY %I ON public.victim'', p); END $do$'),
    ('DO $do$ DECLARE p text; BEGIN SELECT tgname INTO p FROM pg_catalog.pg_trigger WHERE tgrelid = ''public.victim''::regclass AND NOT tgisinternal ORDER BY 1 LIMIT 1; EXECUTE format(''DROP TRIGGER %I ON public.victim'', p); END $do$')) AS s (sql)
CROSS JOIN (VALUES
    ('SELECT warden.allow(''lever'', ''SELECT'', ''''''{x}''''::public.sneaky[] IS NOT NULL'', ''x'')'),
    ('SELECT warden.disallow(''lever'', ''SELECT'', ''''''{x}''''::public.sneaky[] IS NOT NULL'')')) AS c (call) \gexec
TRUNCATE to_do;
ALTER DOMAIN sneaky_in_sql ADD CHECK (public.sneak_in_sql(VALUE)) NOT VALID;
SELECT t.refused($$ SELECT warden.allow('lever', 'SELECT', '''{x}''::public.sneaky_in_sql[] IS NOT NULL', 'x') $$, '55000', 'in SQL as well', 'would weaken');
SELECT t.is(state(), :'intact', 'nothing has changed');

-- Nor of the table itself, whose policies are being written.
INSERT INTO to_do VALUES ('CREATE POLICY open ON public.lever USING (true)');
SELECT t.refused($$ SELECT warden.disallow('lever', 'SELECT', '''{x}''::public.sneaky[] IS NOT NULL') $$, '55000', 'the table that is acted on is no exception', 'would weaken');
TRUNCATE to_do;
SELECT t.is(state(), :'intact', 'it is as it was');

-- The policies of before, which unprotect() makes again.
CREATE TABLE once (id int, user_id uuid NOT NULL);
ALTER TABLE once ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_before ON once USING ('{x}'::sneaky[] IS NOT NULL);
SELECT count(*) FROM warden.protect('once', replace_policies => true);
INSERT INTO to_do VALUES ('ALTER TABLE public.victim DISABLE ROW LEVEL SECURITY');
SELECT t.refused($$ SELECT warden.unprotect('once') $$, '55000', 'nor within unprotect()', 'would weaken');
TRUNCATE to_do;
SELECT t.succeeds($$ SELECT warden.unprotect('once') $$, 'which works otherwise');
SELECT t.is(state(), :'intact', 'nothing has changed');

-- What weakens nothing goes through, and what has a record has it.
INSERT INTO to_do VALUES ('CREATE TABLE public.beside (id int); DROP TABLE public.beside');
SELECT t.succeeds($$ SELECT warden.allow('lever', 'SELECT', '''{x}''::public.sneaky[] IS NOT NULL', 'x') $$, 'another table may be made');
TRUNCATE to_do;
\connect - postgres
SELECT t.is(count(*), 0, 'victim was never unprotected') FROM warden.audit_log WHERE action = 'unprotect' AND object LIKE '%victim%';
SELECT t.done();
