-- Who plays in the attacks, for \ir at the beginning of a test, as superuser. Afterwards the session is still one.
--
-- alice, bob and mallory are users, known by tokens of :issuer (see tokens.py for the variables); app is the client
-- role; documents belongs to owner and has the policy of a project that writes its own: alice has 3 rows, bob 2, and
-- one row is nobody's.
\i `lib/tokens`

SELECT warden.add_client_role('app');
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}');
SELECT warden.create_user(id => :'alice'), warden.create_user(id => :'bob'), warden.create_user(id => :'mallory');

SET ROLE owner;
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, title text NOT NULL);
INSERT INTO documents VALUES
    (1, :'alice', 'alice 1'), (2, :'alice', 'alice 2'), (3, :'alice', 'alice 3'),
    (4, :'bob', 'bob 1'), (5, :'bob', 'bob 2'), (6, NULL, 'nobody 1');
ALTER TABLE documents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON documents USING (user_id = warden.current_user_id()) WITH CHECK (user_id = warden.current_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO app, gateway;
RESET ROLE;

-- For the bodies of functions and DO blocks, where psql puts in no variables.
CREATE TABLE tokens (name text PRIMARY KEY, token text NOT NULL);
INSERT INTO tokens VALUES ('alice', :'alice_token'), ('alice_2', :'alice_token_2'), ('bob', :'bob_token'),
    ('mallory', :'mallory_token'), ('expired', :'expired_token'), ('tampered', :'tampered_token');
GRANT SELECT ON tokens TO PUBLIC;
CREATE FUNCTION token_of(name text) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC SELECT t.token FROM tokens t WHERE t.name = token_of.name; END;

-- Whose documents the session sees: 'alice 1, alice 2, alice 3', or NULL for none.
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT string_agg(d.title, ', ' ORDER BY d.id) FROM public.documents d);
END $$;

-- Sleeps until the identity of the transaction has expired; NULL for nobody, who never does.
CREATE FUNCTION wait_until_expired() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(greatest(0, extract(epoch FROM (warden.identity()->>'expires_at')::timestamptz - clock_timestamp())) + 0.1);
EXCEPTION WHEN invalid_authorization_specification THEN
    -- On a slow machine it has already.
    NULL;
END $$;

-- Who else has a table for himself; of the same number in another database there is another one.
CREATE FUNCTION lockers(relation regclass) RETURNS SETOF int LANGUAGE sql AS $$
    SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
    WHERE l.relation = lockers.relation AND l.granted AND l.pid <> pg_backend_pid() AND l.mode IN ('ExclusiveLock', 'AccessExclusiveLock')
$$;

-- Waits until another session has the table for itself, or no other has.
CREATE FUNCTION wait_until_locked(relation regclass, locked boolean DEFAULT true) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..1200 LOOP
        IF locked = EXISTS (SELECT lockers(wait_until_locked.relation)) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN false;
END $$;

-- Ends the session that holds it.
CREATE FUNCTION unlock(relation regclass) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM lockers(unlock.relation) AS l (pid);
    RETURN wait_until_locked(unlock.relation, false);
END $$;
