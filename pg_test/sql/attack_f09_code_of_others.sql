-- F9: code that maintenance or a foreign key runs as the owner of its table has the rights of that owner,
-- not those of the superuser whose statement set it off.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
CREATE SCHEMA AUTHORIZATION mallory_login;
CREATE TABLE public.shared (id int PRIMARY KEY);
GRANT SELECT, REFERENCES ON shared TO mallory_login;
INSERT INTO shared VALUES (1), (2);

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid);
SELECT count(*) FROM warden.protect('documents');

\connect - mallory_login
SET search_path = mallory_login;
CREATE TABLE tried (what text, who text, error text);
CREATE FUNCTION attempt(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        INSERT INTO mallory_login.tried VALUES (statement, current_user, NULL);
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO mallory_login.tried VALUES (statement, current_user, sqlstate);
    END;
    RETURN true;
END
$$;
CREATE FUNCTION everything() RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_and(mallory_login.attempt(statement)) FROM unnest(ARRAY[
        'SELECT warden.unprotect(''public.documents'')',
        'SELECT warden.protect(''public.documents'', ''id'')',
        'SELECT warden.watch_schema(''public'')',
        'SELECT 1 / (NOT warden.caller_administers())::int']) statement
$$;
CREATE TABLE trap (id int);
INSERT INTO trap VALUES (1), (2);
CREATE FUNCTION spring(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory_login.everything(); RETURN id; END $$;
CREATE INDEX trap_idx ON trap (spring(id));
CREATE TABLE child (id int REFERENCES public.shared ON DELETE CASCADE);
INSERT INTO child VALUES (1);
CREATE FUNCTION sprung() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory_login.everything(); RETURN OLD; END $$;
CREATE TRIGGER sprung BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION sprung();
TRUNCATE tried;

\connect - postgres
ANALYZE mallory_login.trap;
SELECT t.ok(count(*) >= 4, 'ANALYZE called her function') FROM mallory_login.tried;
SELECT t.is(string_agg(DISTINCT who || ' ' || coalesce(error, what), ', '), 'mallory_login 42501',
    'which may protect and unprotect nothing') FROM mallory_login.tried WHERE what !~ 'administers';
SELECT t.is(string_agg(DISTINCT who || ' ' || coalesce(error, 'no'), ', '), 'mallory_login no',
    'and is not taken for an administrator') FROM mallory_login.tried WHERE what ~ 'administers';
TRUNCATE mallory_login.tried;
DELETE FROM shared WHERE id = 1;
SELECT t.ok(count(*) >= 4, 'a foreign key fired her trigger') FROM mallory_login.tried;
SELECT t.is(string_agg(DISTINCT who || ' ' || coalesce(error, what), ', '), 'mallory_login 42501',
    'which may protect and unprotect nothing') FROM mallory_login.tried WHERE what !~ 'administers';
SELECT t.ok(intact, 'the table is as protected as before') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
SELECT t.is(count(*), 0, 'and no schema is watched') FROM warden.watched_schemas;
SELECT t.ok(count(*) > 0, 'the superuser''s own statement does it') FROM warden.unprotect('documents');
SELECT t.done();
