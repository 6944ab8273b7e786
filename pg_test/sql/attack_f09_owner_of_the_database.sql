-- F9: the owner of the database, who is no superuser, gives it a search_path in which types and functions of his own come
-- first. The write that outlives rollback runs as a superuser in a process that this setting reaches.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
CREATE ROLE attack_f09_dba LOGIN;
ALTER DATABASE attack_f09_owner_of_the_database OWNER TO attack_f09_dba;

\connect - attack_f09_dba
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.ran_as (who pg_catalog.text);
GRANT INSERT ON evil.ran_as TO PUBLIC;
CREATE FUNCTION evil.note() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO evil.ran_as VALUES (current_user);
    RETURN true;
END $$;
CREATE FUNCTION evil.jsonb_to_record(jsonb) RETURNS record LANGUAGE plpgsql AS $$
BEGIN
    PERFORM evil.note();
    RETURN NULL;
END $$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.note());
CREATE DOMAIN evil.uuid AS pg_catalog.uuid CHECK (evil.note());
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.note());
ALTER DATABASE attack_f09_owner_of_the_database SET search_path = evil, pg_catalog;

\connect - gateway
SELECT t.is(current_setting('search_path'), 'evil, pg_catalog', 'the search_path is in force');
SELECT t.ok('x'::text IS NOT NULL, 'and its types come first');
SELECT t.is(warden.record_event('outlives', outlive_rollback => true), true, 'the event is recorded');

\connect - postgres
SET search_path = pg_catalog, public;
SELECT t.is(count(*), 1::bigint, 'and is there') FROM warden.audit_log WHERE action = 'outlives';
SELECT t.is(string_agg(DISTINCT who::pg_catalog.text, ', '), 'gateway', 'nothing of the owner''s ran as a superuser')
FROM evil.ran_as;
ALTER DATABASE attack_f09_owner_of_the_database OWNER TO postgres;
DROP OWNED BY attack_f09_dba CASCADE;
DROP ROLE attack_f09_dba;
SELECT t.done();
