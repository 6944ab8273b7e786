-- Included by tests of protected tables (\ir lib/people.sql): two users, and two ordinary logins to act through.
-- app is a client, which here never signs anybody in; gateway states whom it acts for.
SELECT warden.add_client_role('app');
SELECT warden.add_trusted_role('gateway');
\set alice '''aaaaaaaa-0000-4000-8000-000000000001'''
\set bob '''bbbbbbbb-0000-4000-8000-000000000002'''
SELECT warden.create_user('7', id => :alice);
SELECT warden.create_user('8', id => :bob);

SELECT t.ok(NOT rolsuper AND NOT rolbypassrls AND NOT pg_has_role(oid, 'owner', 'MEMBER'),
            rolname || ' is neither superuser nor BYPASSRLS nor owner')
FROM pg_roles WHERE rolname IN ('app', 'gateway');
