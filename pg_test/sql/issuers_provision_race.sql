-- F11: a client that has made a user by its first sign-in, and idles in its transaction: by every kind of subject nobody waits
-- for it, and both have the one user, also where the first rolls back.
\ir lib/cast.sql
INSERT INTO tokens VALUES ('jwks', :'jwks');
CREATE FUNCTION trust(subject_is text) RETURNS int LANGUAGE sql AS $$
    SELECT warden.trust_issuer('https://other.example.com', (SELECT token FROM tokens WHERE name = 'jwks'), '{api}',
        subject_is => trust.subject_is, provision => true)
$$;
CREATE FUNCTION linked_user(subject text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS
    'SELECT i.user_id FROM warden.identities i WHERE i.subject = linked_user.subject';
CREATE FUNCTION users() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM warden.users';
\set claims '{"iss": "https://other.example.com"}'
\setenv CLAIMS :claims
\set by_subject `lib/tokens mint 'one|subject' 600 "$CLAIMS"`
\set by_external `lib/tokens mint 'one-external' 600 "$CLAIMS"`
\set by_id `lib/tokens mint 6e000000-0000-4000-8000-00000000000e 600 "$CLAIMS"`
\set undone `lib/tokens mint 'undone' 600 "$CLAIMS"`

CREATE FUNCTION wait_until_linked(subject text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..1500 LOOP
        IF linked_user(subject) IS NOT NULL THEN RETURN true; END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN false;
END $$;

-- The other session ($TOKEN, $END) signs in first, and ends its transaction long after whoever waits for it has given up.
ALTER ROLE app IN DATABASE issuers_provision_race SET lock_timeout = '60s';
SELECT trust('subject');
\setenv END COMMIT
\setenv TOKEN :by_subject
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(120)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_linked('one|subject'), 'subject: what the other session has seen first is committed');
SELECT warden.authenticate(:'by_subject') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('one|subject'), 'subject: both have the one user');
SELECT t.is(users(), 4, 'subject: there is one');

\connect - postgres
SELECT trust('external_id');
\setenv TOKEN :by_external
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(120)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_linked('one-external'), 'external_id: what the other session has seen first is committed');
SELECT warden.authenticate(:'by_external') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('one-external'), 'external_id: both have the one user');
SELECT t.is(users(), 5, 'external_id: there is one');

\connect - postgres
SELECT trust('user_id');
\setenv TOKEN :by_id
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(120)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_linked('6e000000-0000-4000-8000-00000000000e'), 'user_id: what the other session has seen first is committed');
SELECT t.is(warden.authenticate(:'by_id'), '6e000000-0000-4000-8000-00000000000e'::uuid, 'user_id: both have the one user');
SELECT t.is(users(), 6, 'user_id: there is one');

\connect - postgres
SELECT trust('subject');
\setenv END ROLLBACK
\setenv TOKEN :undone
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(120)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_linked('undone'), 'rolled back: what the other session has seen first is committed');
SELECT warden.authenticate(:'undone') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('undone'), 'rolled back: both have the one user');
SELECT t.is(users(), 7, 'rolled back: there is one');
SELECT t.done();
