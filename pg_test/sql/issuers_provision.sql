-- provision: an unknown subject of an issuer that may becomes a user, together with its link, in a transaction of its own; looking does not make users, and nobody who exists is taken over.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
INSERT INTO tokens VALUES ('jwks', :'jwks');
CREATE FUNCTION trust(subject_is text) RETURNS int LANGUAGE sql AS $$
    SELECT warden.trust_issuer('https://other.example.com', (SELECT token FROM tokens WHERE name = 'jwks'), '{api}',
        subject_is => trust.subject_is, provision => true)
$$;
CREATE FUNCTION users() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM warden.users';
\set claims '{"iss": "https://other.example.com"}'
\setenv CLAIMS :claims
\set new_subject `lib/tokens mint 'google-oauth2|1' 600 "$CLAIMS"`
\set new_external `lib/tokens mint 'ext-1' 600 "$CLAIMS"`
\set new_reader `lib/tokens mint 'google-oauth2|2' 600 "$CLAIMS"`
\set late_reader `lib/tokens mint 'google-oauth2|3' 600 "$CLAIMS"`
\set external_uuid `lib/tokens mint e0000000-0000-4000-8000-00000000000f 600 "$CLAIMS"`
\set new_id `lib/tokens mint 6e000000-0000-4000-8000-00000000000e 600 "$CLAIMS"`
\set no_id `lib/tokens mint not-a-uuid 600 "$CLAIMS"`
\set claims '{"iss": "https://other.example.com", "act": {"sub": "stranger"}}'
\setenv CLAIMS :claims
\set acted `lib/tokens mint 'google-oauth2|1' 600 "$CLAIMS"`

SELECT trust('subject');
\connect - boss
SELECT t.is(count(*) FILTER (WHERE NOT passed), 0, 'explain_token says it would be accepted') FROM warden.explain_token(:'new_subject');
\connect - app
SELECT t.is(warden.verify_token(:'new_subject')->>'sub', 'google-oauth2|1', 'verify_token verifies');
SELECT t.is(users(), 3, 'neither has made a user');
BEGIN;
SELECT warden.authenticate(:'new_subject') AS first \gset
SELECT t.is(warden.current_user_id(), :'first'::uuid, 'authenticate makes one');
SELECT t.ok(warden.current_external_number() IS NULL AND warden.current_external_id() = :'first', 'without external id');
ROLLBACK;
SELECT t.is(users(), 4, 'whatever becomes of the transaction');
BEGIN;
SELECT warden.authenticate(:'new_subject') AS first \gset
COMMIT;
SELECT t.is(users(), 4, 'once');
SELECT t.is(warden.authenticate(:'new_subject'), :'first'::uuid, 'the second time it is the same user');
SELECT t.is(users(), 4, 'and no other');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'acted'), '28000', 'an unknown actor is not made a user');
BEGIN READ ONLY;
SELECT t.is(warden.authenticate(:'new_subject'), :'first'::uuid, 'a read-only transaction knows it');
COMMIT;

-- A gateway begins each GET read-only, and whoever has just signed up reads first.
BEGIN READ ONLY;
SELECT warden.authenticate(:'new_reader') AS reader \gset
SELECT t.is(warden.current_user_id(), :'reader'::uuid, 'a read-only transaction makes a user in one of its own');
SELECT t.is(users(), 5, 'at once');
ROLLBACK;
SELECT t.is(users(), 5, 'that is there whatever becomes of the reader');
SELECT t.is(warden.authenticate(:'new_reader'), :'reader'::uuid, 'and the same the next time');
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT count(*) FROM pg_class WHERE false;
SELECT t.isnt(warden.authenticate(:'late_reader')::text, NULL, 'also under a snapshot from before');
COMMIT;
\connect - postgres
SELECT t.is(database_role || ' ' || (detail->>'subject'), 'app google-oauth2|2', 'recorded as the work of the role that asked')
FROM warden.audit_log WHERE action = 'provision_user' AND object = :'reader';
DELETE FROM warden.users WHERE id IN (SELECT user_id FROM warden.identities WHERE subject IN ('google-oauth2|2', 'google-oauth2|3'));
SELECT t.is(object || ' ' || (detail->>'subject'), :'first' || ' google-oauth2|1', 'it has a record') FROM warden.audit_log WHERE action = 'provision_user' AND object = :'first';
SELECT warden.set_user_status(:'first', 'suspended');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'new_subject'), '28000', 'a suspended one is not made anew');
SELECT t.is(users(), 4, 'nor doubled');

\connect - postgres
SELECT trust('external_id');
\connect - app
BEGIN;
SELECT warden.authenticate(:'new_external');
SELECT t.is(warden.current_external_id(), 'ext-1', 'external_id: the subject is the external id');
COMMIT;
SELECT t.is(warden.authenticate(:'external_uuid'), 'e0000000-0000-4000-8000-00000000000f'::uuid, 'external_id: a UUID is the id as well');
SELECT t.is(users(), 6, 'two more');
\connect - postgres
SELECT trust('user_id');
\connect - app
SELECT t.is(warden.authenticate(:'new_id'), '6e000000-0000-4000-8000-00000000000e'::uuid, 'user_id: the subject is the id');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'no_id'), '28000', 'user_id: what is no id makes no user');
SELECT t.is(users(), 7, 'one more');

-- A user made by this issuer is this issuer's.
\set own `lib/tokens mint 6e000000-0000-4000-8000-00000000000e 600`
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'own'), '28000', 'the first issuer does not speak for a user of the other''s');

-- A link that is there already, to somebody else, is not touched, and no error tells of it.
\connect - postgres
\set claims '{"iss": "https://other.example.com"}'
\setenv CLAIMS :claims
\set linked `lib/tokens mint 11111111-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT warden.link_identity(:'bob', :'other_issuer', '11111111-0000-4000-8000-000000000001');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'linked'), '28000', 'a subject linked to bob makes no user of its name', '^authentication failed$');
SELECT t.is(users(), 7, 'none');
SELECT t.done();
