-- R2, R5: a scope is held only if it was granted; the hierarchy is what is declared; wildcards only where declared; what is
-- unknown is refused and never ignored; and what is shown is what is checked.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
CREATE FUNCTION held(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of(who));
    RETURN (SELECT string_agg(s, ' ' ORDER BY s) FROM unnest(warden.current_scopes()) AS s WHERE s NOT LIKE 'user:%-%');
END $$;
-- Every known scope, asked for one by one.
CREATE FUNCTION answers(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of(who));
    RETURN (SELECT string_agg(s, ' ' ORDER BY s)
            FROM unnest('{a2a,admin,agents:read,anonymous,billing,mcp,service,tools:execute,user,users:act_as,users:invite,users:manage}'::text[]) AS s WHERE warden.has_scope(s));
END $$;
\connect - app
SELECT t.is(held('alice'), 'agents:read tools:execute user', 'R2: a user is no more than that');
SELECT t.is(held('alice'), answers('alice'), 'R5: what is shown is what is checked');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.has_scope(s), false, 'R2: user is not ' || s) FROM unnest('{mcp,a2a,service,admin,billing,users:manage,users:act_as,users:invite,anonymous}'::text[]) AS s;
SELECT t.is(warden.has_scope('user:' || :'alice'), true, 'R2: user:<id> of oneself');
SELECT t.is(warden.has_scope('user:' || :'bob'), false, 'R2: not of another');
SELECT t.is(warden.has_scope('user:{{user_id}}'), true, 'R2: as a template');
SELECT t.is(warden.has_scope('tenant:{{tenant_id}}'), false, 'R2: no tenant');
SELECT t.is(warden.has_scope('tenant:' || gen_random_uuid()), false, 'R2: nor any');
SELECT t.refused(format('SELECT warden.%s(%L)', f, s), '22023', format('R2: %s refuses %s', f, coalesce(s, 'NULL')))
FROM unnest('{has_scope,require_scope}'::text[]) AS f,
    (VALUES ('nonesuch'), ('User'), ('user '), (''), (NULL), ('agents:*'), ('*'), ('user:*'), ('agents:read,user'), ('user:' || upper(:'alice')), ('users'), ('agents:'),
        ('files:{{user_id}}'), ('{{user_id}}'), (E'user\u200b'), (E'us\u0435r'), ('user''; DROP TABLE documents; --')) AS r (s);
SELECT t.is(warden.require_scope('agents:read'), true, 'R2: required and held');
SELECT t.refused('SELECT warden.require_scope(''admin'')', '42501', 'R2: required and not held', 'scope "admin" is required');
COMMIT;
SELECT t.is(warden.has_scope('user'), false, 'nobody holds nothing');
SELECT t.is(warden.current_scopes(), '{}', 'nor shows any');
SELECT t.refused('SELECT warden.require_scope(''user'')', '42501', 'nor passes');
SELECT t.refused('SELECT warden.has_scope(''nonesuch'')', '22023', 'the unknown is refused to nobody, too');
BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.is(warden.has_scope('tenant:7e000000-0000-4000-8000-00000000000a') AND warden.has_scope('tenant:{{tenant_id}}'), true, 'R2: tenant:<id> of the identity');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user:' || :'alice', 'tenant:7e000000-0000-4000-8000-00000000000a'], 'R5: with those of the context');
SELECT t.is(warden.identity() -> 'scopes', to_jsonb(warden.current_scopes()), 'R5: identity() shows the same');
SELECT t.is(current_setting('app.current_scopes'), array_to_string(warden.current_scopes(), ' '), 'R5: and the mirror');
COMMIT;

-- The hierarchy: admin is all, but what is granted by name only; an owner has that.
\connect - boss
SELECT warden.assign_role(:'alice', 'admin'), warden.assign_role(:'bob', 'owner');
\connect - app
SELECT t.is(held('alice'), 'a2a admin agents:read anonymous mcp service tools:execute user users:act_as users:invite', 'R2: admin implies all, not billing');
SELECT t.is(held('alice'), answers('alice'), 'R5: shown and checked');
SELECT t.is(held('bob'), 'a2a admin agents:read anonymous billing mcp service tools:execute user users:act_as users:invite users:manage', 'R2: an owner');
SELECT t.is(held('bob'), answers('bob'), 'R5: shown and checked');
\connect - boss
SELECT t.is(warden.define_scope('admin', '{}'), true, 'R2: the hierarchy is data');
\connect - app
SELECT t.is(held('alice'), 'admin agents:read tools:execute user users:act_as', 'R2: admin implies what is declared');

-- Wildcards: where they were declared.
\connect - boss
SELECT t.is(warden.define_role('reader', '{docs:read,docs:list,docs:admin:read,other}'), true, 'a role makes its scopes known');
SELECT t.is(warden.define_role('reader', '{other,docs:list,docs:read,docs:admin:read}'), false, 'once');
SELECT t.is(warden.grant_scope(:'mallory', 'docs:*'), true, 'a wildcard is granted');
\connect - app
SELECT t.is(held('mallory'), 'agents:read docs:admin:read docs:list docs:read tools:execute user', 'R2: it covers what is below, and not docs or other');
\connect - boss
SELECT warden.revoke_scope(:'mallory', 'docs:*'), warden.grant_scope(:'mallory', '*');
\connect - app
SELECT t.is(held('mallory'), 'a2a admin agents:read anonymous docs:admin:read docs:list docs:read mcp other service tools:execute user users:invite', 'R2: all, but what is granted by name only');
\connect - boss
SELECT t.refused(call, '22023', 'R2: refused: ' || call)
FROM (VALUES (format('SELECT warden.grant_scope(%L, ''nonesuch'')', :'mallory')), (format('SELECT warden.grant_scope(%L, NULL)', :'mallory')),
    (format('SELECT warden.grant_scope(%L, ''user:'' || %L)', :'mallory', :'bob')), (format('SELECT warden.grant_scope(%L, ''a b'')', :'mallory')),
    (format('SELECT warden.revoke_scope(%L, ''nonesuch'')', :'mallory')),
    ('SELECT warden.register_client(''web'', ''{user,nonesuch}'')'), ('SELECT warden.register_client(''web'', ''{user,NULL}'')'), ('SELECT warden.register_client(''web'', NULL)'),
    ('SELECT warden.register_client('''', ''{user}'')'), ('SELECT warden.define_role(''Role'', ''{user}'')'), ('SELECT warden.define_role(NULL, ''{user}'')'),
    ('SELECT warden.define_role(''x'', ''{a b}'')'), ('SELECT warden.define_role(''x'', ''{docs*}'')'), ('SELECT warden.define_role(''x'', NULL)'),
    ('SELECT warden.define_scope(''x'', ''{nonesuch}'')'), ('SELECT warden.define_scope(''x:*'')'), ('SELECT warden.define_scope(NULL)')) AS c (call);
SELECT t.refused('SELECT warden.grant_scope(gen_random_uuid(), ''user'')', 'P0002', 'R2: an unknown user');
SELECT t.refused('SELECT warden.has_scope(''x'')', '22023', 'what was refused is not known');

-- Templates: what each has of its own.
SELECT warden.define_role('filer', ARRAY['files:{{user_id}}', 'rooms:{{tenant_id}}']), warden.revoke_scope(:'mallory', '*'), warden.assign_role(:'mallory', 'filer');
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user', 'files:' || :'mallory', 'user:' || :'mallory'], 'R2: a template becomes the own scope, or none');
SELECT t.is(warden.has_scope('files:' || :'mallory') AND warden.has_scope('files:{{user_id}}') AND NOT warden.has_scope('files:' || :'bob')
    AND NOT warden.has_scope('rooms:{{tenant_id}}'), true, 'R2: checked so');
COMMIT;
SELECT t.done();
