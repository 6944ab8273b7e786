-- A deployment without tenants never sees the word: the claim is the issuer's, the argument must be the same, and no table is asked.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'full_token'), :'alice'::uuid, 'a token with a tenant');
SELECT t.is(warden.identity() - 'expires_at', jsonb_build_object('user_id', :'alice', 'actor_id', :'bob', 'external_id', NULL,
    'tenant_id', '7e000000-0000-4000-8000-00000000000a', 'session_id', 'sess-1', 'roles', '["user"]'::jsonb,
    'scopes', '["agents:read", "tools:execute", "user:a11ce000-0000-4000-8000-000000000001", "tenant:7e000000-0000-4000-8000-00000000000a"]'::jsonb), 'is taken as it is said');
SELECT t.rows('SELECT * FROM warden.list_tenants()', 0, 'no tenants');
SELECT t.rows('SELECT * FROM warden.find_tenant(warden.current_tenant_id())', 0, 'not even that one');
SELECT t.is(warden.has_feature('sso'), false, 'no features');
SELECT t.refused(format('SELECT warden.%s', call), 'P0002', 'nobody manages it: ' || call)
FROM (VALUES (format('add_member(%L, %L)', '7e000000-0000-4000-8000-00000000000a', :'bob')), (format('remove_member(%L, %L)', '7e000000-0000-4000-8000-00000000000a', :'bob')),
    ('list_members(''7e000000-0000-4000-8000-00000000000a'')')) AS c (call);
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => ''7e000000-0000-4000-8000-00000000000a'')', :'alice_token'), '28000', 'the argument alone is nobody''s word');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice', gen_random_uuid());
SELECT t.ok(warden.current_tenant_id() IS NOT NULL, 'a trusted role is believed');
COMMIT;
-- A backend that has seen none asks no table; test_tenants_at_once.py shows that it hears of the first one.
\connect - app
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_numscans(c.oid)) FROM pg_class c
    WHERE c.oid IN ('warden.tenants'::regclass, 'warden.tenants_pkey'::regclass, 'warden.tenant_members'::regclass, 'warden.tenant_members_pkey'::regclass)
$$;
BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.ok(pg_temp.scans() > 0, 'the first time it looks');
COMMIT;
SELECT pg_temp.scans() AS scans \gset
BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.is(pg_temp.scans(), :'scans', 'and then no more');
COMMIT;
SELECT t.done();
