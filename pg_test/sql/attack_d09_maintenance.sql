-- D9, F9: maintenance needs no identity; nothing of an owner's runs as superuser in it, nor in ours.
\ir lib/people.sql
CREATE TABLE public.seen (who text, what text);
GRANT INSERT, SELECT ON public.seen TO PUBLIC;
SELECT current_database() AS database \gset

\connect - owner
CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (current_user, what);
END $$;
CREATE FUNCTION spy(value anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM public.note('spy');
    RETURN true;
END $$;
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (current_user, TG_OP);
    RETURN coalesce(NEW, OLD);
END $$;
CREATE FUNCTION climb(value int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM public.note('climb');
    BEGIN
        PERFORM set_config('role', 'postgres', true);
        PERFORM public.note('climbed');
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN value;
END $$;
-- Planning a query folds the constant call in this index, validating the constraint calls the function.
CREATE TABLE documents (id int CHECK (spy(id)), user_id uuid, body text DEFAULT current_user);
CREATE INDEX ON documents (id) WHERE climb(1) = 1;
CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION trap();
INSERT INTO documents VALUES (1, :alice), (2, :bob);

\connect - postgres
DELETE FROM seen;
SELECT t.ok(count(*) > 0, 'a superuser protects the table') FROM warden.protect('documents');
SELECT t.ok(count(*) > 0, 'and unprotects it') FROM warden.unprotect('documents');
SELECT t.ok(count(*) > 0, 'and protects it again') FROM warden.protect('documents');
SELECT t.ok(count(*) > 0, 'functions of the owner''s did run') FROM seen;
SELECT t.is(count(*), 0, 'none of them as superuser') FROM seen WHERE who <> 'owner';

-- A watched schema is entered by whoever makes a table there.
SELECT warden.watch_schema('public');
\connect - owner
CREATE TABLE watched (id int CHECK (spy(id)), user_id uuid);
\connect - postgres
SELECT t.is(count(*), 0, 'and none became another role') FROM seen WHERE what = 'climbed';
SELECT t.is(count(*), 0, 'the event trigger runs nothing as superuser') FROM seen WHERE who <> 'owner';

SELECT t.succeeds(statement, statement) FROM unnest('{ANALYZE documents,REINDEX TABLE documents,"LOCK TABLE documents IN SHARE MODE"}'::text[]) statement;
VACUUM documents;
CLUSTER documents USING documents_user_id_idx;
SELECT t.ok(intact, 'maintenance leaves protection as it is') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
SELECT t.ok(NOT has_table_privilege('gateway', 'pg_statistic', 'SELECT'), 'statistics are not for clients');
GRANT SELECT ON documents TO gateway;
SET ROLE gateway;
SELECT t.is(count(*), 0, 'nor what pg_stats shows of a protected table') FROM pg_stats WHERE tablename = 'documents';
RESET ROLE;
SELECT t.done();
