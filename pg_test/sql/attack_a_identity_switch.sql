-- N1, A1, A2, A6: an application that wants to be two users in one transaction, and plants warden.allow_identity_switch by
-- every way that an ordinary login has; and by those that the owner of its database has. A superuser's word works.
\ir lib/cast.sql
CREATE ROLE attack_switch_dba LOGIN CREATEROLE;
ALTER DATABASE attack_a_identity_switch OWNER TO attack_switch_dba;
GRANT USAGE, CREATE ON SCHEMA public TO app;

-- Alice first, then bob: what the second call said, and who is there afterwards.
CREATE FUNCTION become_two() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token_of('alice'));
    BEGIN
        PERFORM warden.authenticate(token_of('bob'));
        RETURN 'became bob';
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        RETURN CASE WHEN seen() = 'alice 1, alice 2, alice 3' THEN 'stayed alice' ELSE 'lost alice' END;
    END;
END $$;

CREATE TABLE plants (statement text);
GRANT SELECT ON plants TO PUBLIC;
INSERT INTO plants VALUES
    ('SET warden.allow_identity_switch = on'),
    ('SET LOCAL warden.allow_identity_switch = on'),
    ('SET SESSION warden.allow_identity_switch TO true'),
    ($$SELECT set_config('warden.allow_identity_switch', 'on', true)$$),
    ($$UPDATE pg_settings SET setting = 'on' WHERE name = 'warden.allow_identity_switch'$$),
    ('ALTER ROLE app SET warden.allow_identity_switch = on'),
    ('ALTER ROLE app IN DATABASE attack_a_identity_switch SET warden.allow_identity_switch = on'),
    ('ALTER DATABASE attack_a_identity_switch SET warden.allow_identity_switch = on'),
    ('GRANT SET ON PARAMETER warden.allow_identity_switch TO app'),
    ($$CREATE FUNCTION planted() RETURNS int LANGUAGE sql SET warden.allow_identity_switch = on AS 'SELECT 1'$$);

\ir lib/as_attacker.sql
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'off by default');
SELECT t.refused(statement, '42501', statement) FROM plants;
\set ON_ERROR_STOP off
ALTER SYSTEM SET warden.allow_identity_switch = on;
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '42501', 'ALTER SYSTEM');
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'one transaction, one user');
COMMIT;

-- Planted before the library is there, when it is any name, then in force at the very call that loads it.
\connect - app
SET warden.allow_identity_switch = on;
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'SET before load');
COMMIT;
\connect - app
BEGIN;
SAVEPOINT s;
SET LOCAL warden.allow_identity_switch = on;
SELECT t.is(become_two(), 'stayed alice', 'SET LOCAL before load');
ROLLBACK TO s;
SELECT t.is(become_two(), 'stayed alice', 'nor does ROLLBACK TO bring it back');
COMMIT;
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'nor COMMIT');
RESET ALL;
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'nor RESET ALL');
DISCARD ALL;
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'nor DISCARD ALL');
COMMIT;

\connect - app
SELECT t.refused(statement, '42501', 'not loaded: ' || statement)
FROM plants WHERE statement ~ '^(ALTER|GRANT|CREATE)';

-- In the startup packet.
\connect -reuse-previous=on "options='-c warden.allow_identity_switch=on'"
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'connection options');
COMMIT;
\connect -reuse-previous=on "options=''"

-- The owner of the database, who may also make roles, is no more trusted.
\connect - attack_switch_dba
SELECT t.refused(statement, '42501', 'owner of the database: ' || statement) FROM plants WHERE statement ~ '^ALTER (ROLE|DATABASE)';
SELECT t.is(count(*), 0, 'nothing of it was kept') FROM pg_db_role_setting WHERE setconfig::text LIKE '%allow_identity_switch%';

-- Preloaded, it is known from the first moment on.
\connect - postgres
ALTER DATABASE attack_a_identity_switch SET session_preload_libraries = pg_warden;
\connect -reuse-previous=on "user=app options='-c warden.allow_identity_switch=on'"
SELECT t.refused('SET warden.allow_identity_switch = on', '42501', 'preloaded: SET');
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'preloaded: connection options');
COMMIT;
\connect -reuse-previous=on "user=attack_switch_dba options=''"
SELECT t.refused(statement, '42501', 'preloaded, owner of the database: ' || statement)
FROM plants WHERE statement ~ '^ALTER (ROLE|DATABASE)';

-- What nobody of them can say, a superuser can, for one role in one database.
\connect - postgres
ALTER ROLE app IN DATABASE attack_a_identity_switch SET warden.allow_identity_switch = on;
\connect - app
BEGIN;
SELECT t.is(become_two(), 'became bob', 'a superuser''s ALTER ROLE … IN DATABASE');
SELECT t.is(seen(), 'bob 1, bob 2', 'who sees his own, and only that');
ROLLBACK;
\connect - app2
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'for that role alone');
\connect - postgres
ALTER ROLE app IN DATABASE attack_a_identity_switch RESET ALL;
ALTER DATABASE attack_a_identity_switch OWNER TO postgres;
DROP ROLE attack_switch_dba;
\connect - app
BEGIN;
SELECT t.is(become_two(), 'stayed alice', 'taken back, it is over');
COMMIT;
SELECT t.done();
