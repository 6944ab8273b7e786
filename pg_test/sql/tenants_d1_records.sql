-- D1: tenants and the deployment as records: created, listed, found, changed; settings are typed and known, the id is for good.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT warden.create_tenant('Acme') AS acme \gset
SELECT warden.create_tenant('Bolt', 'pro', '{"max_users": 25, "max_agents": null}', '{sso,audit,sso}') AS bolt \gset
SELECT t.is(to_jsonb(n) - 'id' - 'created_at' - 'updated_at', '{"name": "Acme", "plan": "default", "status": "active", "settings": {}, "features": []}',
    'D1: by default') FROM warden.find_tenant(:'acme') n;
SELECT t.is(to_jsonb(n) - 'id' - 'created_at' - 'updated_at', '{"name": "Bolt", "plan": "pro", "status": "active",
    "settings": {"max_users": 25, "max_agents": null}, "features": ["audit", "sso"]}', 'D1: as said') FROM warden.find_tenant(:'bolt') n;
SELECT t.is(string_agg(name, ' ' ORDER BY o), 'Bolt Acme', 'D1: listed, newest first') FROM warden.list_tenants() WITH ORDINALITY AS l (id, name, plan, status, roles, o);
SELECT t.is(name, 'Bolt', 'a page') FROM warden.list_tenants(page_size => 1);
SELECT t.is(name, 'Acme', 'and the next') FROM warden.list_tenants(page_size => 1, after_tenant => :'bolt');
SELECT t.rows('SELECT * FROM warden.find_tenant(gen_random_uuid())', 0, 'unknown: no row');

-- Names.
SELECT t.refused(call, state, 'refused: ' || call) FROM (VALUES
    ('SELECT warden.create_tenant(''Acme'')', '23505'), (format('SELECT warden.create_tenant(''Other'', id => %L)', :'acme'), '23505'),
    (format('SELECT warden.update_tenant(%L, ''Bolt'')', :'acme'), '23505'),
    ('SELECT warden.create_tenant(NULL)', '22023'), ('SELECT warden.create_tenant('' '')', '22023'), ('SELECT warden.create_tenant(E''a\nb'')', '22023'),
    ('SELECT warden.create_tenant(''a'', NULL)', '22023'), ('SELECT warden.create_tenant(''a'', '''')', '22023'),
    ('SELECT warden.create_tenant(repeat(''a'', 256))', '22023'),
    ('SELECT warden.create_tenant(''a'', features => NULL)', '22023'), ('SELECT warden.create_tenant(''a'', features => ''{A}'')', '22023'),
    ('SELECT warden.create_tenant(''a'', features => ''{NULL}'')', '22023'), ('SELECT warden.create_tenant(''a'', settings => NULL)', '22023'),
    ('SELECT warden.update_tenant(gen_random_uuid(), ''a'')', 'P0002'), ('SELECT warden.update_tenant(NULL, ''a'')', 'P0002'),
    ('SELECT warden.list_tenants(page_size => 0)', '22023'), ('SELECT warden.list_tenants(status => ''gone'')', '22023'),
    ('SELECT warden.list_tenants(after_tenant => gen_random_uuid())', '22023')) AS c (call, state);
SELECT t.is(warden.update_tenant(:'acme', 'Acme & Sons', 'pro'), true, 'renamed');
SELECT t.is(warden.update_tenant(:'acme', plan => 'pro'), false, 'nothing changed');

-- Settings: each a number that is a count, or null.
SELECT t.is(warden.set_tenant_setting(:'acme', 'max_users', '25'), true, 'D1: a setting');
SELECT t.is(warden.set_tenant_setting(:'acme', 'max_users', '25'), false, 'once');
SELECT t.is(warden.set_tenant_setting(:'acme', 'storage_quota_gb', NULL), true, 'NULL is null');
SELECT t.is(warden.set_tenant_setting(:'acme', 'max_agents', '0'), true, 'none at all');
SELECT t.is(settings, '{"max_users": 25, "storage_quota_gb": null, "max_agents": 0}', 'D1: kept') FROM warden.find_tenant(:'acme');
SELECT t.refused(format('SELECT warden.set_tenant_setting(%L, ''max_users'', %L)', :'acme', value), '22023', 'D1: no count: ' || value, '"max_users" is not a count')
FROM (VALUES ('-1'), ('1.5'), ('25.0'), ('"25"'), ('true'), ('[]'), ('{}'), ('1e30'), ('"many"')) AS v (value);
SELECT t.is(warden.set_tenant_setting(:'acme', 'max_users', '2e1'), true, 'another spelling of a count');
SELECT t.refused(format('SELECT warden.set_tenant_setting(%L, %L, ''1'')', :'acme', name), '22023', 'D1: unknown setting: ' || name, 'unknown setting')
FROM (VALUES ('max_user'), ('MAX_USERS'), (''), ('theme')) AS n (name);
SELECT t.refused(format('SELECT warden.set_tenant_setting(%L, NULL, ''1'')', :'acme'), '22023', 'no setting');
SELECT t.matches(t.error('SELECT warden.create_tenant(''a'', settings => ''{"max_users": 1, "theme": "dark"}'')')->>'hint', 'max_agents, max_users, storage_quota_gb',
    'D1: unknown keys are refused, with those that are known');
SELECT t.refused('SELECT warden.create_tenant(''a'', settings => ''[1]'')', '22023', 'no object');
-- Further ones are declared, as data.
SELECT t.is(warden.define_setting('theme', 'text'), true, 'D1: declared');
SELECT t.is(warden.define_setting('theme', 'text'), false, 'once');
SELECT t.refused('SELECT warden.define_setting(''theme'', ''flag'')', '23505', 'not another kind');
SELECT t.refused('SELECT warden.define_setting(''max_users'', ''text'')', '23505', 'nor of those that ship');
SELECT t.refused(format('SELECT warden.define_setting(%L, %L)', name, kind), '22023', concat_ws(' ', 'no declaration:', name, kind))
FROM (VALUES ('a', 'number'), ('a', NULL), ('A', 'text'), (NULL, 'text'), ('', 'text')) AS d (name, kind);
SELECT warden.define_setting('beta', 'flag');
SELECT t.is(warden.set_tenant_setting(:'acme', 'theme', '"dark"'), true, 'and set');
SELECT t.is(warden.set_tenant_setting(:'acme', 'beta', 'true'), true, 'a flag');
SELECT t.refused(format('SELECT warden.set_tenant_setting(%L, %L, %L)', :'acme', name, value), '22023', 'of another kind: ' || name || ' ' || value)
FROM (VALUES ('theme', '1'), ('theme', 'true'), ('theme', to_json(repeat('a', 1001))::text), ('beta', '"true"'), ('beta', '1')) AS s (name, value);

-- The deployment.
SELECT t.is(to_jsonb(d), jsonb_build_object('name', current_database(), 'plan', 'default', 'settings', '{}'::jsonb, 'features', '[]'::jsonb),
    'D1: the deployment, before anything is said of it') FROM warden.deployment() d;
SELECT t.is(warden.set_deployment('Acme Cloud', settings => '{"max_users": 100, "beta": true}'), true, 'D1: changed');
SELECT t.is(warden.set_deployment(plan => 'enterprise', settings => '{"max_users": null}'), true, 'bit by bit');
SELECT t.is(to_jsonb(d), '{"name": "Acme Cloud", "plan": "enterprise", "settings": {"max_users": null, "beta": true}, "features": []}', 'D1: as said') FROM warden.deployment() d;
SELECT t.refused(call, '22023', 'refused: ' || call) FROM (VALUES ('SELECT warden.set_deployment(settings => ''{"no": 1}'')'),
    ('SELECT warden.set_deployment(settings => ''{"max_users": -1}'')'), ('SELECT warden.set_deployment(settings => ''null'')'), ('SELECT warden.set_deployment('''')')) AS c (call);
SELECT t.is(count(*), 1, 'one row') FROM warden.deployment();

-- The id is for good, for whoever writes.
\connect - postgres
SELECT t.refused('UPDATE warden.tenants SET id = gen_random_uuid()', '55000', 'D1: the id does not change');
SELECT t.refused('INSERT INTO warden.this_deployment (only_one) VALUES (false)', '23514', 'and there is one deployment');
-- On the record.
SELECT t.is(string_agg(DISTINCT action, ' ' ORDER BY action), 'create_tenant define_setting set_deployment set_tenant_setting update_tenant', 'recorded')
FROM warden.audit_log WHERE database_role = 'boss';

-- Ordinary clients change nothing, and nobody sees nothing.
\connect - app
SELECT t.refused(call, '42501', 'not for clients: ' || call) FROM (VALUES ('SELECT warden.create_tenant(''Mine'')'),
    (format('SELECT warden.set_tenant_setting(%L, ''max_users'', ''1'')', :'acme')), (format('SELECT warden.set_tenant_status(%L, ''active'')', :'acme')),
    (format('SELECT warden.update_tenant(%L, ''Mine'')', :'acme')), ('SELECT warden.set_feature(''sso'')'), ('SELECT warden.set_deployment(''Mine'')'),
    ('SELECT warden.define_setting(''mine'', ''text'')'), ('SELECT FROM warden.tenants'), ('SELECT FROM warden.tenant_members'),
    ('SELECT FROM warden.this_deployment'), ('SELECT FROM warden.setting_names'), ('SELECT FROM warden.known_tenants')) AS c (call);
SELECT t.rows('SELECT * FROM warden.list_tenants()', 0, 'nobody: no tenant');
SELECT t.rows(format('SELECT * FROM warden.find_tenant(%L)', :'acme'), 0, 'nor that one');
SELECT t.rows('SELECT * FROM warden.deployment()', 0, 'nor the deployment');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('SELECT * FROM warden.list_tenants()', 0, 'signed in: none of which she is no member');
SELECT t.is(name, 'Acme Cloud', 'but the deployment') FROM warden.deployment();
COMMIT;
SELECT t.done();
