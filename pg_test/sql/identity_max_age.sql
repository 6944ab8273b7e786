-- warden.max_identity_age bounds an identity's life whatever its token says, and a gateway's, which has no token. Superusers
-- set it, for the database or a role.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
ALTER DATABASE identity_max_age SET warden.max_identity_age = '2 s';
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(current_setting('warden.max_identity_age'), '2s', 'the database''s setting is in force');
SELECT t.ok((warden.identity()->>'expires_at')::timestamptz <= clock_timestamp() + interval '2 seconds', 'expires_at says so');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'within its age');
SELECT wait_until_expired();
SELECT t.refused('SELECT * FROM documents', '28000', 'past its age', 'has expired');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'the same token, which still lives, renews it');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'for another while');
COMMIT;
SELECT t.refused('SET warden.max_identity_age = ''1 d''', '42501', 'a client does not lengthen it');
SELECT t.refused('SET warden.max_identity_age = 0', '42501', 'nor set it at all');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'a gateway''s user');
SELECT wait_until_expired();
SELECT t.refused('SELECT * FROM documents', '28000', 'expires as well');
SELECT warden.set_current_user(:'alice');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and can be stated anew');
COMMIT;

\connect - postgres
ALTER DATABASE identity_max_age RESET warden.max_identity_age;
ALTER ROLE gateway IN DATABASE identity_max_age SET warden.max_identity_age = '10 s';
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.ok((warden.identity()->>'expires_at')::timestamptz BETWEEN clock_timestamp() + interval '5 s' AND clock_timestamp() + interval '11 s',
    'a role''s setting');
COMMIT;
\connect - postgres
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.refused('SET warden.max_identity_age = 0', '22023', 'an age of nothing');
SELECT t.refused('SET warden.max_identity_age = ''25 h''', '22023', 'an age of more than a day');
SELECT t.done();
