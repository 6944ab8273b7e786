-- U17: an address that an issuer has verified links its subject to the user who has it, where the issuer is trusted with that;
-- one that is not verified never does, whatever stands in the token, and no role comes from it.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
INSERT INTO tokens VALUES ('jwks', :'jwks');
CREATE FUNCTION trust(link boolean, subject_is text DEFAULT 'subject', provision boolean DEFAULT true) RETURNS int LANGUAGE sql AS $$
    SELECT warden.trust_issuer('https://other.example.com', (SELECT token FROM tokens WHERE name = 'jwks'), '{api}',
        subject_is => trust.subject_is, provision => trust.provision, link_verified_email => trust.link)
$$;
SELECT id FROM warden.update_user(:'alice', email => 'alice@example.com', email_verified => true) \gset
SELECT id FROM warden.update_user(:'bob', email => 'bob@example.com', email_verified => true) \gset
SELECT warden.create_user(email => 'claimed@example.com') AS claimant \gset
SELECT warden.assign_role(:'alice', 'admin');
SELECT warden.create_user(email => 'robot@example.com', kind => 'service') AS robot \gset
-- Minted with a subject and further claims by the issuer that provisions.
CREATE FUNCTION users() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM warden.users';
CREATE FUNCTION of_subject(subject text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT format('%s %s %s', coalesce(u.email, '-'), u.email_verified, u.roles) FROM warden.identities i JOIN warden.users u ON u.id = i.user_id
    WHERE i.subject = of_subject.subject
$$;
\setenv OTHER '"iss": "https://other.example.com"'
\set unverified `lib/tokens mint s-unverified 600 "{$OTHER, \"email\": \"alice@example.com\", \"email_verified\": false}"`
\set silent `lib/tokens mint s-silent 600 "{$OTHER, \"email\": \"alice@example.com\"}"`
\set verified `lib/tokens mint s-alice 600 "{$OTHER, \"email\": \" Alice@Example.com\", \"email_verified\": true, \"roles\": [\"owner\"], \"scope\": \"user\"}"`
\set again `lib/tokens mint s-alice-2 600 "{$OTHER, \"email\": \"alice@example.com\", \"email_verified\": \"true\"}"`
\set new `lib/tokens mint s-new 600 "{$OTHER, \"email\": \"New@example.com\", \"email_verified\": true, \"roles\": [\"admin\"], \"user_type\": \"admin\"}"`
\set claimed `lib/tokens mint s-claimed 600 "{$OTHER, \"email\": \"claimed@example.com\", \"email_verified\": true}"`
\set robots `lib/tokens mint s-robot 600 "{$OTHER, \"email\": \"robot@example.com\", \"email_verified\": true}"`

-- What says so must be an issuer that provisions subjects.
SELECT t.refused($$SELECT trust(true, 'user_id')$$, '22023', 'not for an issuer whose subjects are our ids');
SELECT t.refused($$SELECT trust(true, provision => false)$$, '22023', 'nor for one that makes no users', 'provision');
SELECT trust(false);
SELECT t.is(link_verified_email, false, 'by default it links nobody') FROM warden.issuers WHERE issuer = :'other_issuer';

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'verified') AS second \gset
SELECT t.isnt(:'second'::uuid, :'alice'::uuid, 'by default a verified address makes a user of its own');
ROLLBACK;
SELECT t.is(of_subject('s-alice'), '- f {user}', 'without the address, which is alice''s');
SELECT warden.authenticate(:'new') AS new_user \gset
SELECT t.is(of_subject('s-new'), 'new@example.com t {user}', 'a free one is the new user''s, with no role that the issuer says');

\connect - postgres
DELETE FROM warden.users WHERE id IN (:'second', :'new_user');
SELECT trust(true);
SELECT t.is(link_verified_email, true, 'trusted with it') FROM warden.issuers WHERE issuer = :'other_issuer';
\connect - boss
SELECT t.is(detail, 'unknown so far, would be created or linked by its email', 'explain_token says what would happen') FROM warden.explain_token(:'verified') WHERE "check" = 'user';
\connect - app
SELECT users() AS before \gset
-- Unverified or silent: never, and the address stays alice's.
BEGIN;
SELECT t.isnt(warden.authenticate(:'unverified'), :'alice'::uuid, 'an unverified address does not link');
SELECT t.is(seen(), NULL, 'and shows nothing of hers');
COMMIT;
BEGIN;
SELECT t.isnt(warden.authenticate(:'silent'), :'alice'::uuid, 'nor does one of which nothing is said');
COMMIT;
SELECT t.is(of_subject('s-unverified') || of_subject('s-silent'), '- f {user}- f {user}', 'they are users of their own');
\set odd_number `lib/tokens mint s-number 600 "{$OTHER, \"email\": \"alice@example.com\", \"email_verified\": 1}"`
\set odd_case `lib/tokens mint s-case 600 "{$OTHER, \"email\": \"alice@example.com\", \"email_verified\": \"True\"}"`
\set odd_list `lib/tokens mint s-list 600 "{$OTHER, \"email\": [\"alice@example.com\"], \"email_verified\": true}"`
\set odd_two `lib/tokens mint s-two 600 "{$OTHER, \"email\": \"bob@example.com,alice@example.com\", \"email_verified\": true}"`
\set odd_like `lib/tokens mint s-like 600 "{$OTHER, \"email\": \"%@example.com\", \"email_verified\": true}"`
SELECT format('SELECT t.ok(warden.authenticate(%L) NOT IN (%L, %L), %L)', token, :'alice', :'bob', name)
FROM (VALUES ('email_verified: 1', :'odd_number'), ('email_verified: "True"', :'odd_case'), ('a list of addresses', :'odd_list'),
    ('two addresses in one', :'odd_two'), ('a pattern', :'odd_like')) AS o (name, token) \gexec
SELECT t.is(users() - :before, 7, 'each a user of its own');

-- Verified: alice, in whatever spelling, by as many subjects as have her address; rolled back or not.
BEGIN;
SELECT t.is(warden.authenticate(:'verified'), :'alice'::uuid, 'a verified address links');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and shows what is hers');
SELECT t.is(warden.current_roles(), '{user,admin}'::text[], 'with the roles of the directory, none of the token''s');
ROLLBACK;
SELECT t.is(of_subject('s-alice'), 'alice@example.com t {user,admin}', 'the link is there');
SELECT t.is(warden.authenticate(:'verified'), :'alice'::uuid, 'the second time too');
SELECT t.is(warden.authenticate(:'again'), :'alice'::uuid, 'and by the text true, as Apple sends it');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '28000', 'an issuer that names her by id is another''s by now, as after link_identity()');
SELECT t.isnt(warden.authenticate(:'claimed'), :'claimant'::uuid, 'nor does it link to who has only claimed the address');
SELECT t.isnt(warden.authenticate(:'robots'), :'robot'::uuid, 'a service account is linked to nobody');
SELECT t.is(of_subject('s-robot'), '- f {user}', 'and its address is not given away');
SELECT warden.authenticate(:'new') AS new_user \gset
SELECT t.is(of_subject('s-new'), 'new@example.com t {user}', 'a free address is the new user''s, with no role that the issuer says');

-- Without a transaction that could write.
\set read_only `lib/tokens mint s-read-only 600 "{$OTHER, \"email\": \"new@example.com\", \"email_verified\": true}"`
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT count(*) FROM pg_class WHERE false;
SELECT t.is(warden.authenticate(:'read_only'), :'new_user'::uuid, 'also in one that only reads');
COMMIT;

-- A suspended user does not come back as another; a deleted one has freed the address.
\connect - boss
SELECT warden.set_user_status(:'bob', 'suspended');
\set bobs `lib/tokens mint s-bob 600 "{$OTHER, \"email\": \"bob@example.com\", \"email_verified\": true}"`
\connect - app
SELECT users() AS before \gset
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bobs'), '28000', 'a suspended user is refused');
SELECT t.is(users(), :before::bigint, 'and not made anew');
\connect - boss
SELECT warden.delete_user(:'bob');
\set bobs_heir `lib/tokens mint s-heir 600 "{$OTHER, \"email\": \"bob@example.com\", \"email_verified\": true}"`
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bobs'), '28000', 'a deleted one too, by the subject that is his');
SELECT t.isnt(warden.authenticate(:'bobs_heir'), :'bob'::uuid, 'another subject is another user');
SELECT t.is(of_subject('s-heir'), 'bob@example.com t {user}', 'who has the address now');

-- Where a table of the application keeps two users of one address, neither is meant.
\connect - postgres
INSERT INTO warden.users (email, synced) VALUES ('shared@example.com', true), ('shared@example.com', true);
\set shared `lib/tokens mint s-shared 600 "{$OTHER, \"email\": \"shared@example.com\", \"email_verified\": true}"`
\connect - app
SELECT warden.authenticate(:'shared');
SELECT t.is(of_subject('s-shared'), '- f {user}', 'a shared address links nobody');

\connect - postgres
SELECT t.is(string_agg(format('%s %s %s', database_role, detail ->> 'subject', detail ->> 'by'), ', ' ORDER BY recorded_at),
    'app s-alice verified_email, app s-alice-2 verified_email', 'each link is recorded') FROM warden.audit_log WHERE action = 'link_identity' AND object = :'alice';
SELECT t.is(detail ->> 'link_verified_email', 'true', 'and that the issuer is trusted with it')
FROM warden.audit_log WHERE action = 'trust_issuer' AND object = :'other_issuer' ORDER BY recorded_at DESC LIMIT 1;
SELECT t.done();
