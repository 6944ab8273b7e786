-- D4: has_feature() answers for the tenant of the transaction, else for the deployment; false when absent.
\ir lib/tenants.sql
\connect - boss
SELECT t.is(warden.set_feature('sso', tenant_id => :'t1'), true, 'on for one tenant');
SELECT t.is(warden.set_feature('sso', tenant_id => :'t1'), false, 'once');
SELECT t.is(warden.set_feature('custom_domains'), true, 'on for the deployment');
SELECT t.refused(call, state, 'refused: ' || call) FROM (VALUES ('SELECT warden.set_feature(NULL)', '22023'), ('SELECT warden.set_feature(''A b'')', '22023'),
    ('SELECT warden.set_feature(''a'', NULL)', '22023'), ('SELECT warden.set_feature(''a'', tenant_id => gen_random_uuid())', 'P0002')) AS c (call, state);
\connect - app
SELECT t.is(warden.has_feature('custom_domains'), true, 'D4: nobody: of the deployment');
SELECT t.is(warden.has_feature('sso'), false, 'D4: and of no tenant');
CREATE FUNCTION pg_temp.features(token text, tenant_id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token, tenant_id => features.tenant_id);
    RETURN concat_ws(' ', warden.has_feature('sso'), warden.has_feature('custom_domains'), warden.has_feature('no_such'), warden.has_feature(NULL));
END $$;
SELECT t.is(pg_temp.features(:'bob_token', :'t1'), 't f f f', 'D4: in the tenant that has it');
SELECT t.is(pg_temp.features(:'bob_token', :'t2'), 'f f f f', 'D4: false when absent: in the other one');
SELECT t.is(pg_temp.features(:'bob_token', NULL), 'f t f f', 'D4: in none: of the deployment');
\connect - boss
SELECT t.is(warden.set_feature('sso', false, :'t1'), true, 'off again');
SELECT t.is(warden.set_feature('custom_domains', false), true, 'and for the deployment');
\connect - app
SELECT t.is(warden.has_feature('custom_domains'), false, 'felt at once');
SELECT t.done();
