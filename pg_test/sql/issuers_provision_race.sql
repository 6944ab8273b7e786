-- Two transactions that see a subject for the first time at the same moment: both have the one user, by every kind of
-- subject, and neither is told of an error. Where the first rolls back, the second makes the user.
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

-- The other session ($TOKEN, $END) signs in first, and takes two seconds to end its transaction.
SELECT trust('subject');
\setenv END COMMIT
\setenv TOKEN :by_subject
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(2)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.identities'), 'subject: the other session has seen it first');
SELECT warden.authenticate(:'by_subject') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('one|subject'), 'subject: both have the one user');
SELECT t.is(users(), 4, 'subject: there is one');

\connect - postgres
SELECT trust('external_id');
\setenv TOKEN :by_external
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(2)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.identities'), 'external_id: the other session has seen it first');
SELECT warden.authenticate(:'by_external') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('one-external'), 'external_id: both have the one user');
SELECT t.is(users(), 5, 'external_id: there is one');

\connect - postgres
SELECT trust('user_id');
\setenv TOKEN :by_id
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(2)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.identities'), 'user_id: the other session has seen it first');
SELECT t.is(warden.authenticate(:'by_id'), '6e000000-0000-4000-8000-00000000000e'::uuid, 'user_id: both have the one user');
SELECT t.is(users(), 6, 'user_id: there is one');

\connect - postgres
SELECT trust('subject');
\setenv END ROLLBACK
\setenv TOKEN :undone
\connect - app
\set started `"$WARDEN_BIN_DIR/psql" -X -q -U app -d issuers_provision_race -c "BEGIN" -c "SELECT warden.authenticate('$TOKEN')" -c "SELECT pg_sleep(2)" -c "$END" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.identities'), 'rolled back: the other session has seen it first');
SELECT warden.authenticate(:'undone') AS id \gset
SELECT t.is(:'id'::uuid, linked_user('undone'), 'rolled back: the second one has made the user');
SELECT t.is(users(), 7, 'rolled back: there is one');
SELECT t.done();
