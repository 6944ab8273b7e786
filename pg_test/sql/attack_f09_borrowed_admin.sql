-- F9: a client's trigger, set off by an administrator or a superuser, is not taken for him: it makes no key of an owner, sets no
-- password, lists and ends no sessions.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
UPDATE warden.users SET roles = '{owner}' WHERE id = :bob;
CREATE TABLE inbox (id int);
CREATE TABLE outcomes (call text, outcome text);
CREATE TABLE calls (call text);
INSERT INTO calls SELECT format(c, :bob) FROM unnest(ARRAY['SELECT key FROM warden.create_api_key(''k'', NULL, NULL, %L)',
    'SELECT warden.set_password(%L, ''correct horse'')', 'SELECT warden.revoke_all_sessions(%L)', 'SELECT count(*) FROM warden.list_sessions(NULL)']) AS c;
GRANT SELECT, INSERT ON inbox TO boss;
GRANT SELECT ON calls TO PUBLIC;
GRANT SELECT, INSERT ON outcomes TO PUBLIC;
GRANT TRIGGER ON inbox TO app;
GRANT CREATE ON SCHEMA public TO app;

\connect - app
CREATE FUNCTION borrow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    c text;
BEGIN
    FOR c IN SELECT call FROM calls LOOP
        BEGIN
            EXECUTE c;
            INSERT INTO outcomes VALUES (c, 'done');
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO outcomes VALUES (c, SQLSTATE);
        END;
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER borrow BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION borrow();

\connect - boss
INSERT INTO inbox VALUES (1);
\connect - postgres
INSERT INTO inbox VALUES (2);
SELECT t.is(count(*), 8, 'the trigger has run for both') FROM outcomes;
SELECT t.is(string_agg(DISTINCT call, ', '), NULL, 'F9: what it asked for as an administrator was not done') FROM outcomes WHERE outcome = 'done' AND call NOT LIKE '%list_sessions%';
SELECT t.is(count(*), 0, 'F9: no key was made') FROM warden.api_keys;
SELECT t.is(count(*), 0, 'F9: no password was set') FROM warden.passwords;
\connect - boss
SELECT t.succeeds(call, 'in a statement of his own an administrator may: ' || call) FROM calls;
SELECT t.done();
