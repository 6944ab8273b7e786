-- For \ir as superuser: lair.things, a table of mallory_login's that is full of traps, empty and not protected yet. Each trap
-- notes in lair.ran as whom it ran, and what it was let do. Afterwards the session is mallory_login's.
CREATE SCHEMA lair AUTHORIZATION mallory_login;
\connect - mallory_login
SET search_path = lair;
CREATE TABLE ran (what text, who text, outcome text);
GRANT USAGE ON SCHEMA lair TO PUBLIC;
GRANT SELECT, INSERT, DELETE ON ran TO PUBLIC;
CREATE FUNCTION attempt(what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY['SELECT warden.merge_users(gen_random_uuid(), gen_random_uuid())',
            'SELECT warden.assign_role(gen_random_uuid(), ''owner'')', 'SELECT count(*) FROM warden.shares',
            'SELECT 1 / (NOT warden.caller_administers())::int',
            'SELECT 1 / (SELECT (NOT usesuper)::int FROM pg_user WHERE usename = current_user)', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres'] LOOP
        BEGIN
            EXECUTE statement;
            INSERT INTO lair.ran VALUES (attempt.what, current_user, 'done ' || statement);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO lair.ran VALUES (attempt.what, current_user, SQLSTATE || ' ' || statement);
        END;
    END LOOP;
    RETURN true;
END $$;
CREATE FUNCTION checked(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN lair.attempt('check'); END $$;
CREATE FUNCTION indexed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.attempt('index'); RETURN $1; END $$;
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.attempt(TG_NAME); RETURN coalesce(NEW, OLD); END $$;
CREATE DOMAIN trapped AS text CHECK (lair.checked(VALUE));
CREATE TYPE pair AS ENUM ('one');
CREATE FUNCTION pair_json(pair) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.attempt('cast'); RETURN '{}'; END $$;
CREATE CAST (pair AS json) WITH FUNCTION pair_json(pair);
CREATE TABLE things (id int PRIMARY KEY, user_id uuid, name text CHECK (lair.checked(name)), d trapped, p pair,
    doubled text GENERATED ALWAYS AS (indexed(name)) STORED);
CREATE UNIQUE INDEX ON things (user_id, indexed(name)) WHERE indexed(name) <> '';
CREATE TRIGGER before_it BEFORE UPDATE OR DELETE ON things FOR EACH ROW EXECUTE FUNCTION fired();
CREATE TRIGGER after_it AFTER UPDATE OR DELETE ON things FOR EACH ROW EXECUTE FUNCTION fired();
CREATE CONSTRAINT TRIGGER deferred_it AFTER UPDATE OR DELETE ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fired();
