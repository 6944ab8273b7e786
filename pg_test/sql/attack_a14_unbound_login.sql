-- A14: authenticating as a superuser or with BYPASSRLS is refused with the remedy, since every row would be shown and
-- everybody believe himself isolated; no less after SET ROLE the other way about.
\ir lib/cast.sql
CREATE ROLE attack_a14_bypassing LOGIN;
SELECT warden.add_client_role('attack_a14_bypassing');
GRANT SELECT ON documents TO attack_a14_bypassing;

SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'as superuser',
    'row-level security does not bind role "postgres"');
SELECT t.matches(t.error(format('SELECT warden.authenticate(%L)', :'alice_token'))->>'hint', 'Connect as an ordinary role', 'with the remedy');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'a superuser is no trusted role');
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'in a transaction');
SET LOCAL ROLE app;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'after SET ROLE to a client the superuser is bound');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and sees what alice sees');
COMMIT;

-- BYPASSRLS that came after add_client_role.
ALTER ROLE attack_a14_bypassing BYPASSRLS;
\connect - attack_a14_bypassing
SELECT t.rows('SELECT FROM documents', 6, 'this login would see everything');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'with BYPASSRLS',
    'does not bind role "attack_a14_bypassing"');
\connect - postgres
ALTER ROLE attack_a14_bypassing NOBYPASSRLS;
\connect - attack_a14_bypassing
BEGIN;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'without BYPASSRLS it may');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and sees what alice sees');
COMMIT;
\connect - postgres
SELECT warden.add_trusted_role('gateway');
ALTER ROLE gateway BYPASSRLS;
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '55000', 'a trusted role with BYPASSRLS is refused as well');
\connect - postgres
ALTER ROLE gateway NOBYPASSRLS;
DROP OWNED BY attack_a14_bypassing;
DROP ROLE attack_a14_bypassing;
SELECT t.done();
