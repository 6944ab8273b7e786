-- F9: prove() has statements executed on a table of an owner who has put code wherever code can be. It runs as the owner or
-- as a client, never as a superuser, acts for nobody who exists, and can do nothing there that it could not before.
\ir lib/people.sql
-- What is noted outlives the rollback as the value of a sequence.
CREATE SCHEMA noted;
GRANT USAGE ON SCHEMA noted TO PUBLIC;
CREATE SEQUENCE noted.postgres; CREATE SEQUENCE noted.owner; CREATE SEQUENCE noted.app; CREATE SEQUENCE noted.gateway;
CREATE SEQUENCE noted.for_somebody; CREATE SEQUENCE noted.known; CREATE SEQUENCE noted.succeeded;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA noted TO PUBLIC;
CREATE FUNCTION noted(name text) RETURNS bigint LANGUAGE plpgsql SET search_path = noted AS $$
DECLARE
    noted bigint;
BEGIN
    EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM noted.%I', name) INTO noted;
    RETURN noted;
END $$;

SET ROLE owner;
CREATE TABLE secrets (id int PRIMARY KEY, user_id uuid NOT NULL);
CREATE FUNCTION code() RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
    statement text;
BEGIN
    PERFORM nextval('noted.' || current_user);
    IF warden.current_user_id() IS NOT NULL THEN
        PERFORM nextval('noted.for_somebody');
    END IF;
    IF warden.current_user_id()::text IN ('aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002')
            OR warden.current_external_id() IN ('7', '8') THEN
        PERFORM nextval('noted.known');
    END IF;
    FOREACH statement IN ARRAY ARRAY[
        'SELECT warden.set_current_user(''aaaaaaaa-0000-4000-8000-000000000001'')', 'SELECT warden.begin_admin(''why not'')',
        'SELECT warden.unprotect(''public.secrets'')', 'SELECT warden.unprotect(''public.trap'')',
        'SELECT warden.rehearse(''app''::regrole, false, ''public'', NULL, NULL, NULL, ''SELECT 1'', 1)', 'SELECT warden.prove(''public.secrets'')',
        'SET session_replication_role = origin', 'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT',
        'SELECT count(*) FROM warden.doctor()', 'SELECT warden.record_event(''x'', NULL, ''{}'', true)',
        'CREATE TEMP TABLE kept (id int)', 'SELECT 1 FROM warden.users']
    LOOP
        BEGIN
            EXECUTE statement;
            PERFORM nextval('noted.succeeded');
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN true;
END $f$;
CREATE FUNCTION same(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.code(); RETURN v; END';
CREATE FUNCTION same_text(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.code(); RETURN v; END';
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.code(); RETURN coalesce(NEW, OLD); END';
CREATE FUNCTION may_read(v int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM public.code(); RETURN v < 0; END';
CREATE DOMAIN checked AS int CHECK (public.same(VALUE) IS NOT NULL);
CREATE TYPE mood AS ENUM ('fine');
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM public.code(); RETURN ''x''; END';
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood) AS IMPLICIT;
CREATE TABLE trap (
    id serial PRIMARY KEY, user_id uuid NOT NULL, n int NOT NULL DEFAULT (same(1)) CHECK (same(n) > 0), d checked NOT NULL DEFAULT 1,
    m mood NOT NULL DEFAULT 'fine', g int GENERATED ALWAYS AS (same(n)) STORED
);
CREATE INDEX ON trap (same(n));
CREATE INDEX ON trap (n) WHERE same(1) = 1;
CREATE INDEX ON trap (n) WHERE same_text('x') = 'x' AND n > 0;
CREATE TRIGGER on_row BEFORE INSERT OR UPDATE OR DELETE ON trap FOR EACH ROW EXECUTE FUNCTION on_row();
CREATE TRIGGER on_row_always BEFORE INSERT OR UPDATE OR DELETE ON trap FOR EACH ROW EXECUTE FUNCTION on_row();
ALTER TABLE trap ENABLE ALWAYS TRIGGER on_row_always;
GRANT SELECT, INSERT, UPDATE, DELETE ON trap, secrets TO app, gateway;
RESET ROLE;
SELECT count(*) FROM warden.protect('secrets');
SELECT count(*) FROM warden.protect('trap');
\connect - owner
SELECT warden.allow('trap', 'SELECT', 'public.may_read(n)', 'a trap');
\connect - postgres
-- Only what prove() sets off counts: a superuser's own statement runs anything as a superuser.
SELECT setval(format('noted.%I', c.relname), 1, false) FROM pg_class c WHERE relnamespace = 'noted'::regnamespace AND relkind = 'S';
SELECT t.is(noted('owner') + noted('app'), 0, 'before');
SELECT t.is(string_agg("check", ' ') FILTER (WHERE NOT passed), NULL, 'proven') FROM warden.prove('trap');
SELECT t.ok(noted('owner') > 5, 'the code ran as the owner: the rows were made by him', noted('owner')::text);
SELECT t.ok(noted('app') > 5 AND noted('gateway') > 5, 'and as the clients');
SELECT t.is(noted('postgres'), 0, 'never as the superuser who called');
SELECT t.ok(noted('for_somebody') > 0, 'it met users');
SELECT t.is(noted('known'), 0, 'none of whom exists');
SELECT t.is(noted('succeeded'), 0, 'and could do nothing that was not its own');
SELECT t.is(string_agg(relation::text, ', ' ORDER BY 1), NULL, 'both are protected still') FROM warden.protected_tables WHERE NOT intact;
SELECT t.is(current_user || current_setting('session_replication_role') || current_setting('row_security'), 'postgresoriginon', 'the superuser is who he was');

-- A superuser's table with a default that somebody else can replace: clients make the rows.
CREATE TABLE supers (id int PRIMARY KEY, user_id uuid NOT NULL, n int NOT NULL DEFAULT (same(1)), d checked NOT NULL);
GRANT SELECT, INSERT ON supers TO app;
SELECT count(*) FROM warden.protect('supers');
SELECT setval(format('noted.%I', c.relname), 1, false) FROM pg_class c WHERE relnamespace = 'noted'::regnamespace AND relkind = 'S';
SELECT t.is(string_agg("check", ' ') FILTER (WHERE NOT passed), NULL, 'proven') FROM warden.prove('supers');
SELECT t.ok(noted('app') > 0, 'the code ran as the client');
SELECT t.is(noted('postgres'), 0, 'not as the superuser who owns the table');

-- By somebody else's statement: a superuser's definer function, a trigger.
CREATE FUNCTION by_superuser() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM warden.prove(''public.trap'')';
CREATE TABLE sets_off (id int);
CREATE FUNCTION sets_off() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM warden.prove(''public.trap''); RETURN NEW; END';
CREATE TRIGGER sets_off BEFORE INSERT ON sets_off FOR EACH ROW EXECUTE FUNCTION sets_off();
SELECT t.refused('INSERT INTO sets_off VALUES (1)', '42501', 'not in a trigger');
\connect - app
SELECT t.refused('SELECT by_superuser()', '42501', 'not for a client by way of a superuser''s function');
SELECT t.done();
