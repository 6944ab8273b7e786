-- A9: temporary tables, and tables in a schema first in search_path, with the names of the extension's own, filled with
-- what the attacker would like to be true.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
SELECT warden.set_user_status(:'mallory', 'suspended');
SELECT format('GRANT CREATE ON DATABASE %I TO app', current_database()) \gexec
\ir lib/as_attacker.sql

CREATE SCHEMA warden_shadow;
-- In pg_temp: the directory as mallory would have it, an issuer whose keys are hers, a role that is trusted.
CREATE TEMP TABLE users AS SELECT gen_random_uuid() AS id, NULL::text AS external_id, NULL::text AS email, 'human' AS kind,
    'active' AS status, '{owner}'::text[] AS roles, '-infinity'::timestamptz AS tokens_valid_after;
UPDATE users SET id = :'mallory';
CREATE TEMP TABLE identities AS SELECT :'issuer'::text AS issuer, :'mallory'::text AS subject, :'alice'::uuid AS user_id;
CREATE TEMP TABLE trusted_issuers AS SELECT :'other_issuer'::text AS issuer, '{api}'::text[] AS audiences,
    NULL::text[] AS algorithms, 'sub' AS subject_claim, 'user_id' AS subject_is, '{}'::jsonb AS required_claims,
    '30 s'::interval AS leeway, false AS provision, gen_random_uuid() AS generation;
CREATE TEMP TABLE issuer_keys AS SELECT :'other_issuer'::text AS issuer, 1 AS position, 'other' AS kid, '{EdDSA}'::text[] AS algorithms,
    (:'other_jwks'::jsonb -> 'keys' -> 0) AS jwk;
CREATE TEMP TABLE database_roles AS SELECT 'app'::regrole AS role, 'trusted' AS kind;
CREATE TEMP TABLE audit_records (source text, action text, object text, detail jsonb, database_role text, user_id uuid,
    actor_id uuid, tenant_id uuid, session_id text);
CREATE TEMP TABLE protections (relation regclass);
CREATE TEMP VIEW audit_log AS SELECT 1 AS id;

SET search_path = pg_temp, pg_catalog;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'mallory_token'), '28000', 'pg_temp first: a suspended user stays suspended');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'other_alice_token'), '28000', 'pg_temp first: an issuer stays unknown');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'pg_temp first: the client is no trusted role');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen, 'bob 1, bob 2', 'bob is bob') FROM public.seen();
SELECT warden.record_event('shadowed');
SELECT t.rows('SELECT * FROM audit_records', 0, 'his event is not in the attacker''s table');
SELECT t.rows('SELECT * FROM warden.audit_log WHERE action = ''shadowed''', 1, 'but in the log');
COMMIT;

-- The same in a schema of the attacker's that comes before all others.
SET search_path = pg_catalog;
CREATE TABLE warden_shadow.users AS TABLE pg_temp.users;
CREATE TABLE warden_shadow.identities AS TABLE pg_temp.identities;
CREATE TABLE warden_shadow.trusted_issuers AS TABLE pg_temp.trusted_issuers;
CREATE TABLE warden_shadow.issuer_keys AS TABLE pg_temp.issuer_keys;
CREATE TABLE warden_shadow.database_roles AS TABLE pg_temp.database_roles;
CREATE TABLE warden_shadow.audit_records AS TABLE pg_temp.audit_records;
SET search_path = warden_shadow, pg_catalog, pg_temp;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'mallory_token'), '28000', 'a schema first: a suspended user stays suspended');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'other_alice_token'), '28000', 'a schema first: an issuer stays unknown');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'a schema first: the client is no trusted role');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen, 'bob 1, bob 2', 'bob is bob here, too') FROM public.seen();
SELECT warden.record_event('shadowed again');
SELECT t.rows('SELECT * FROM warden_shadow.audit_records', 0, 'his event is not in the attacker''s table');
COMMIT;
SELECT t.done();
