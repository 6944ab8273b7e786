-- users.linked lets authentication skip the look for federated identities: it is never false where there is one.
\ir lib/cast.sql
CREATE FUNCTION unmarked() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
    'SELECT count(*) FROM warden.identities i JOIN warden.users u ON u.id = i.user_id WHERE NOT u.linked';

\connect - app
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'alice has no identity: any issuer of user ids may name her');
SELECT t.is(warden.authenticate(:'bob_token'), :'bob'::uuid, 'nor has bob');
SELECT t.is(warden.authenticate(:'mallory_token'), :'mallory'::uuid, 'nor has mallory');

-- By function, by hand, and by hand where ordinary triggers do not fire.
\connect - postgres
SELECT warden.link_identity(:'alice', 'https://another.example.com', 'alice');
INSERT INTO warden.identities (issuer, subject, user_id) VALUES ('https://another.example.com', 'bob', :'bob');
SET session_replication_role = replica;
INSERT INTO warden.identities (issuer, subject, user_id) VALUES ('https://another.example.com', 'mallory', :'alice');
UPDATE warden.identities SET user_id = :'mallory' WHERE subject = 'mallory';
RESET session_replication_role;
SELECT t.is(unmarked(), 0, 'every user with an identity is marked');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '28000', 'linked by function: an issuer not linked to alice may not name her');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '28000', 'linked by hand');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'mallory_token'), '28000', 'linked by replication');

-- An identity that is gone leaves the mark, which costs a look and nothing else.
\connect - postgres
DELETE FROM warden.identities;
SELECT t.ok(bool_and(linked), 'the mark stays') FROM warden.users;
\connect - app
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'with the identity gone alice is named as before');

SELECT t.done();
