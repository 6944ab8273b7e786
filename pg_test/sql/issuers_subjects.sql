-- subject_is: what the subject of a token names, in all three modes; provisioning; and that no issuer speaks for a user of
-- another's (F13).
\ir lib/cast.sql
CREATE FUNCTION trust(subject_is text, provision boolean DEFAULT false, subject_claim text DEFAULT 'sub') RETURNS int LANGUAGE sql SECURITY DEFINER AS $$
    SELECT warden.trust_issuer('https://other.example.com', (SELECT token FROM tokens WHERE name = 'jwks'), '{api}', subject_is => trust.subject_is,
        provision => trust.provision, subject_claim => trust.subject_claim)
$$;
INSERT INTO tokens VALUES ('jwks', :'jwks');
SELECT warden.create_user(external_id => '7', id => '5e7e0000-0000-4000-8000-000000000007'),
    warden.create_user(external_id => 'auth0|carol', id => '0ca40100-0000-4000-8000-000000000004');
CREATE FUNCTION users() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM warden.users';
SET ROLE owner;
CREATE TABLE numbered (id int, owner bigint);
INSERT INTO numbered VALUES (1, 7), (2, 0), (3, -7);
ALTER TABLE numbered ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON numbered USING (owner = warden.current_external_number());
GRANT SELECT ON numbered TO app;
RESET ROLE;

-- mint NAME SUBJECT: a token of the other issuer, by the shell, where names need quotes.
\set claims '{"iss": "https://other.example.com"}'
\setenv CLAIMS :claims
\set seven `lib/tokens mint 7 600 "$CLAIMS"`
\set carol `lib/tokens mint 'auth0|carol' 600 "$CLAIMS"`
\set stranger `lib/tokens mint stranger 600 "$CLAIMS"`
\set alice_elsewhere `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
\set new_id `lib/tokens mint 6e000000-0000-4000-8000-00000000000e 600 "$CLAIMS"`
CREATE TABLE aliases (subject text, token text);
\set token `lib/tokens mint 07 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('07', :'token');
\set token `lib/tokens mint ' 7' 600 "$CLAIMS"`
INSERT INTO aliases VALUES (' 7', :'token');
\set token `lib/tokens mint '+7' 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('+7', :'token');
\set token `lib/tokens mint 0x7 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('0x7', :'token');
\set token `lib/tokens mint 7.0 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('7.0', :'token');
\set token `lib/tokens mint ７ 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('７', :'token');
\set token `lib/tokens mint '7 ' 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('7 ', :'token');
\set token `lib/tokens mint AUTH0\|CAROL 600 "$CLAIMS"`
INSERT INTO aliases VALUES ('AUTH0|CAROL', :'token');
GRANT SELECT ON aliases TO app;
GRANT EXECUTE ON FUNCTION trust(text, boolean, text) TO PUBLIC;

\connect - app
CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;

-- external_id.
\connect - postgres
SELECT trust('external_id');
\connect - app
CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
BEGIN;
SELECT t.is(warden.authenticate(:'seven'), '5e7e0000-0000-4000-8000-000000000007'::uuid, 'external_id: 7');
SELECT t.is(warden.current_external_number(), 7, 'is the number 7');
SELECT t.is(string_agg(id::text, ','), '1', 'and owns what 7 owns') FROM numbered;
COMMIT;
SELECT t.is(warden.authenticate(:'carol'), '0ca40100-0000-4000-8000-000000000004'::uuid, 'external_id: auth0|carol');
SELECT format('SELECT pg_temp.refused(%L, %L)', token, format('external_id: %L is no alias', subject)) FROM aliases \gexec
SELECT pg_temp.refused(:'alice_elsewhere', 'external_id: the id of a user who has no external id');
SELECT pg_temp.refused(:'stranger', 'external_id: nobody''s');

-- Even where such names exist as users of their own they are other numbers, or none.
\connect - postgres
SELECT warden.create_user(external_id => '07'), warden.create_user(external_id => ' 7'), warden.create_user(external_id => '0');
\connect - app
BEGIN;
SELECT t.isnt(warden.authenticate(token), '5e7e0000-0000-4000-8000-000000000007'::uuid, '07 is another user') FROM aliases WHERE subject = '07';
SELECT t.ok(warden.current_external_number() IS NULL, 'who is no number');
SELECT t.rows('SELECT * FROM numbered', 0, 'and owns nothing of 7''s');
COMMIT;

-- user_id.
\connect - postgres
SELECT trust('user_id');
\connect - app
CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
SELECT t.is(warden.authenticate(:'alice_elsewhere'), :'alice'::uuid, 'user_id: alice''s');
SELECT pg_temp.refused(:'seven', 'user_id: an external id is none');
SELECT pg_temp.refused(:'new_id', 'user_id: an unknown one');

-- subject: the pair of issuer and subject, linked.
\connect - postgres
SELECT trust('subject');
SELECT warden.link_identity(:'alice', :'other_issuer', 'stranger');
\connect - app
CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
SELECT t.is(warden.authenticate(:'stranger'), :'alice'::uuid, 'subject: linked to alice');
SELECT pg_temp.refused(:'alice_elsewhere', 'subject: alice''s id is a name like any other');
SELECT pg_temp.refused(:'seven', 'subject: so is an external id');
SELECT format('SELECT pg_temp.refused(%L, %L)', token, format('subject: %L', subject)) FROM aliases \gexec

-- alice is linked now: who names her directly must be linked as well.
SELECT pg_temp.refused(:'alice_token', 'user_id: the first issuer is not linked to alice');
\connect - postgres
SELECT warden.link_identity(:'alice', :'issuer', :'alice');
\connect - app
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'user_id: linked, it is');
\connect - postgres
SELECT t.refused(format('SELECT warden.link_identity(%L, %L, ''stranger'')', :'bob', :'other_issuer'), '23505', 'an identity belongs to one user');
SELECT t.is(warden.link_identity(:'alice', :'other_issuer', 'stranger'), false, 'linked once');

-- Another claim names the user.
SELECT trust('external_id', subject_claim => 'uid');
\set claims '{"iss": "https://other.example.com", "uid": "auth0|carol"}'
\setenv CLAIMS :claims
\set by_uid `lib/tokens mint ignored 600 "$CLAIMS"`
\connect - app
CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
SELECT t.is(warden.authenticate(:'by_uid'), '0ca40100-0000-4000-8000-000000000004'::uuid, 'another claim names the user');
SELECT pg_temp.refused(:'carol', 'and sub alone does not');
SELECT t.done();
