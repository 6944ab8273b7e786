-- G7, D10: an agent's scopes, roles and tenants are never more than its owner's, also when the owner is narrowed later; an agent
-- that acts for somebody has that one's rows and what both hold.
\ir lib/cast.sql
\ir lib/principals.sql
SELECT warden.define_role('editor', '{user,docs:read,docs:write,"files:{{user_id}}"}');
SELECT warden.assign_role(:'alice', 'editor');
SELECT warden.define_role('scribe', '{docs:write}');

\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused('SELECT warden.register_agent(''greedy'', scopes => ''{docs:read,admin}'')', '42501', 'G7: none that the owner lacks', '"admin" is more than the owner holds');
SELECT t.refused('SELECT warden.register_agent(''greedy'', scopes => ''{docs:*}'')', '22023', 'a wildcard is no scope that he holds');
SELECT t.refused('SELECT warden.register_agent(''greedy'', scopes => ''{docs:raed}'')', '22023', 'nor is an unknown one');
SELECT t.refused(format('SELECT warden.register_agent(''greedy'', scopes => ''{user:%s}'')', :'alice'), '22023', 'nor what only the owner''s id gives');
SELECT t.refused('SELECT warden.register_agent(''greedy'', scopes => ''{NULL}'')', '22023', 'nor none');
SELECT warden.register_agent('editor', scopes => '{docs:read,docs:write,"files:{{user_id}}"}') AS editor \gset
SELECT key AS editor_key FROM warden.create_api_key('k', user_id => :'editor') \gset
SELECT t.refused(format('SELECT warden.create_api_key(''k'', ''{tools:execute}'', user_id => %L)', :'editor'), '42501', 'G7: nor has a key what the agent lacks');
SELECT key AS reader_key FROM warden.create_api_key('k', '{docs:read}', user_id => :'editor') \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.is(warden.current_scopes(), ARRAY['docs:read', 'docs:write', 'files:' || :'editor', 'user:' || :'editor'], 'G7: the agent has what it was granted, templates as its own');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'reader_key');
SELECT t.is(warden.current_scopes(), ARRAY['docs:read', 'user:' || :'editor'], 'and by a narrower key less');
COMMIT;

-- The owner is narrowed later.
\connect - boss
SELECT warden.define_role('editor', '{user,docs:read}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.is(warden.current_scopes(), ARRAY['docs:read', 'user:' || :'editor'], 'G7: narrowed with its owner, at once');
COMMIT;
\connect - boss
SELECT warden.revoke_role(:'alice', 'editor');
\connect - app
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.is(warden.current_scopes(), ARRAY['user:' || :'editor'], 'G7: to nothing');
INSERT INTO memories (body) VALUES ('it still writes where its owner does');
ROLLBACK;
\connect - boss
SELECT warden.assign_role(:'alice', 'viewer'), warden.revoke_role(:'alice', 'user');
\connect - app
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.refused('INSERT INTO memories (body) VALUES (''no'')', '42501', 'G7: and where the owner only reads, so does the agent', 'only read');
COMMIT;
\connect - boss
SELECT warden.define_role('editor', '{user,docs:read,docs:write,"files:{{user_id}}"}'), warden.assign_role(:'alice', 'editor');
-- What an administrator gives the agent is bounded too: roles, scopes, and what roles are worth.
SELECT warden.assign_role(:'editor', 'admin'), warden.grant_scope(:'editor', 'billing'), warden.grant_scope(:'editor', '*');
\connect - app
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.ok(NOT warden.has_scope('admin') AND NOT warden.has_scope('billing') AND warden.has_scope('agents:read') = false, 'G7: an agent made admin holds no more than its owner');
SELECT t.is(warden.current_roles(), '{}', 'G7: nor has it a role that its owner has not');
COMMIT;
\connect - boss
SELECT warden.assign_role(:'editor', 'editor');
\connect - app
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.is(warden.current_roles(), '{editor}', 'only one that it has');
COMMIT;
\connect - boss
SELECT warden.revoke_role(:'editor', 'editor'), warden.revoke_role(:'editor', 'admin'), warden.revoke_scope(:'editor', '*'), warden.revoke_scope(:'editor', 'billing');
SELECT t.refused(format('SELECT warden.register_agent(''more'', %L, ''{admin}'')', :'alice'), '42501', 'G7: an administrator registers none beyond the owner');
SELECT t.ok(warden.register_agent('less', :'alice', '{docs:read}') IS NOT NULL, 'but less');

-- Changed by its owner, to what it has asked for.
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_scopes(:'editor', '{docs:read}'), true, 'narrowed by its owner');
SELECT t.is(warden.set_agent_scopes(:'editor', '{docs:read}'), false, 'the second time nothing changes');
SELECT t.refused(format('SELECT warden.set_agent_scopes(%L, ''{docs:read,user}'')', :'editor'), '42501', 'G7: granted is what was asked for', 'not asked for');
SELECT t.is(warden.set_agent_scopes(:'editor', '{}'), true, 'none at all');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'editor_key');
SELECT t.is(warden.current_scopes(), ARRAY['user:' || :'editor'], 'G7: and it has none');
COMMIT;
\connect - boss
SELECT warden.revoke_role(:'alice', 'editor'), warden.assign_role(:'alice', 'user');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.set_agent_scopes(%L, ''{docs:read}'')', :'editor'), '42501', 'G7: not what the owner lacks by now', 'does not hold');
COMMIT;
\connect - boss
SELECT warden.assign_role(:'alice', 'editor');

-- D10: on behalf of a user, by a token with act.
\connect - postgres
SELECT warden.create_service_account('platform') AS platform \gset
SELECT warden.grant_scope(:'platform', '*');
SELECT warden.register_agent('helper', :'platform', '{agents:read}') AS helper \gset
CREATE TABLE subjects (name text, token text);
\setenv SCOUT :scout
\setenv HELPER :helper
\setenv BOBS :bobs_agent
\set for_alice `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "{\"act\": {\"sub\": \"$SCOUT\"}}"`
\set for_bob `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 "{\"act\": {\"sub\": \"$SCOUT\"}}"`
\set helped_bob `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 "{\"act\": {\"sub\": \"$HELPER\"}}"`
SELECT warden.set_agent_scopes(:'scout', '{tools:execute}');
\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'for_alice'), :'alice'::uuid, 'D10: an agent acts for its owner');
SELECT t.ok(warden.current_actor_id() = :'scout', 'and is named');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'D10: with exactly the rows of the owner');
SELECT t.is(warden.current_scopes(), ARRAY['tools:execute', 'user:' || :'alice'], 'D10: and what both hold');
SELECT t.refused(format('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', true)', :'scout'), '42501', 'but manages no agents', 'acts for another');
SELECT t.refused('SELECT warden.register_agent(''another'')', '42501', 'and registers none');
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'for_bob'), '28000', 'D10: an agent of a person acts for nobody else');
BEGIN;
SELECT t.is(warden.authenticate(:'helped_bob'), :'bob'::uuid, 'D10: one of a service acts for whom the issuer says');
SELECT t.is(seen(), 'bob 1, bob 2', 'D10: with exactly his rows');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'user:' || :'bob'], 'D10: and what he, it and the service hold');
SELECT t.is(access_token IS NOT NULL, true, 'a token that is exchanged for it') , t.is(scope, 'agents:read', 'holds no more') FROM warden.exchange_token(:'helped_bob');
COMMIT;
\connect - boss
SELECT warden.set_user_status(:'platform', 'suspended');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'helped_bob'), '28000', 'D10: not when the service is suspended');
SELECT t.ok(let_in(:'for_alice'), 'which the others do not feel');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.set_agent_status(:'scout', 'suspended');
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'for_alice'), '28000', 'D10: nor when the agent is');
SELECT t.ok(let_in(:'alice_token'), 'the owner is not refused for that');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.set_agent_status(:'scout', 'active');
COMMIT;

\connect - postgres
\set scout_token `lib/tokens mint $SCOUT 600`
-- Entities: none that the owner does not have, by whatever rule.
\connect - boss
SELECT warden.declare_entity('room', 'attic', default_included => true), warden.declare_entity('room', 'hall', default_included => true), warden.declare_entity('room', 'vault');
SELECT warden.set_entity_rule('room', 'attic', 'deny', 'not hers', user_id => :'alice');
SELECT warden.set_entity_rule('room', 'vault', 'allow', 'not hers', user_id => :'scout');
SELECT t.is(string_agg(format('%s %s %s', e.id, x.allowed, x.reason), ', ' ORDER BY e.id), 'attic f owner_not_allowed, hall t default_included, vault f owner_not_allowed', 'G7: explained')
FROM unnest('{attic,hall,vault}'::text[]) AS e (id), LATERAL warden.explain_entity('room', e.id, :'scout') AS x;
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token');
SELECT t.is(string_agg(format('%s %s', e.id, warden.entity_allowed('room', e.id)), ', ' ORDER BY e.id), 'attic f, hall t, vault f', 'G7: what its owner does not have is closed to an agent')
FROM unnest('{attic,hall,vault}'::text[]) AS e (id);
COMMIT;
\connect - boss
SELECT warden.set_entity_rule('room', 'vault', 'allow', 'hers too', role => 'editor'), warden.set_entity_rule('room', 'attic', 'allow', 'hers after all', user_id => :'alice'),
    warden.set_entity_rule('room', 'attic', 'allow', 'its too', user_id => :'scout');
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token');
SELECT t.ok(warden.entity_allowed('room', 'vault') AND warden.entity_allowed('room', 'attic'), 'G7: and open where both have it');
COMMIT;
-- Nor by a role that the agent has, and its owner has not.
\connect - boss
SELECT warden.assign_role(:'scout', 'scribe'), warden.declare_entity('room', 'study'), warden.declare_entity('room', 'cellar', default_included => true);
SELECT warden.set_entity_rule('room', 'study', 'allow', 'scribes write there', role => 'scribe'), warden.set_entity_rule('room', 'study', 'allow', 'hers by name', user_id => :'alice'),
    warden.set_entity_rule('room', 'cellar', 'deny', 'no scribes', role => 'scribe');
SELECT t.is(string_agg(format('%s %s %s', e.id, x.allowed, x.reason), ', ' ORDER BY e.id), 'cellar t default_included, study f not_assigned', 'R8, G7: a role that the owner lacks is explained as none that the agent has')
FROM unnest('{study,cellar}'::text[]) AS e (id), LATERAL warden.explain_entity('room', e.id, :'scout') AS x;
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token');
SELECT t.is(string_agg(format('%s %s %s', e.id, warden.entity_allowed('room', e.id), x.reason), ', ' ORDER BY e.id), 'cellar t default_included, study f not_assigned', 'R8, G7: which is what the agent finds')
FROM unnest('{study,cellar}'::text[]) AS e (id), LATERAL warden.explain_entity('room', e.id) AS x;
COMMIT;
\connect - boss
SELECT warden.assign_role(:'alice', 'scribe');
SELECT t.is(string_agg(format('%s %s %s', e.id, x.allowed, x.reason), ', ' ORDER BY e.id), 'cellar f role_deny, study t role_allow', 'R8, G7: with the role both have it')
FROM unnest('{study,cellar}'::text[]) AS e (id), LATERAL warden.explain_entity('room', e.id, :'scout') AS x;
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token');
SELECT t.is(string_agg(format('%s %s', e.id, warden.entity_allowed('room', e.id)), ', ' ORDER BY e.id), 'cellar f, study t', 'R8, G7: and so it is')
FROM unnest('{study,cellar}'::text[]) AS e (id);
COMMIT;
\connect - boss
SELECT warden.revoke_role(:'scout', 'scribe'), warden.revoke_role(:'alice', 'scribe');

-- In a tenant: an agent that is a member, of an owner that is one.
\connect - boss
\set tenant 7e000000-0000-4000-8000-000000000001
SELECT warden.create_tenant('Acme', id => :'tenant');
SELECT warden.add_member(:'tenant', :'scout', '{scribe}');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'scout_key', :'tenant'), '28000', 'D10: not in a tenant that its owner is no member of');
\connect - boss
SELECT warden.add_member(:'tenant', :'alice', '{user}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_key', tenant_id => :'tenant');
SELECT t.is(warden.current_roles(), '{}', 'D10: with no role there that its owner has not');
SELECT t.ok(NOT warden.has_scope('docs:write'), 'and nothing that it is worth');
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'clerk_key', :'tenant'), '28000', 'D10: and not one that is no member itself');
\connect - boss
SELECT warden.add_member(:'tenant', :'alice', '{scribe,user}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token', tenant_id => :'tenant');
SELECT t.is(warden.current_roles(), '{scribe}', 'D10: both have it there');
SELECT t.ok(warden.has_scope('docs:write'), 'D10: and hold what it holds');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_token');
SELECT t.ok(NOT warden.has_scope('docs:write'), 'there alone');
COMMIT;
-- Nor does it manage the tenant, whatever it is there.
\connect - boss
SELECT warden.add_member(:'tenant', :'bob', '{user}'), warden.add_member(:'tenant', :'alice', '{admin}'), warden.add_member(:'tenant', :'scout', '{admin}');
SELECT warden.grant_scope(:'scout', 'admin'), warden.assign_role(:'alice', 'admin');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{user}'')', :'tenant', :'alice'), '55000', 'an agent is not the last admin of a tenant', 'last');
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token', tenant_id => :'tenant');
SELECT t.ok(warden.has_scope('admin') AND warden.current_roles() @> '{admin}', 'an agent of an admin, with the scope');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'tenant', :'bob'), '42501', 'G7: manages no members');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token', tenant_id => :'tenant');
SELECT t.ok(warden.remove_member(:'tenant', :'bob'), 'its owner does');
COMMIT;
-- One of a service, in a tenant of the user for whom it acts.
\connect - boss
SELECT warden.set_user_status(:'platform', 'active'), warden.add_member(:'tenant', :'bob', '{user}');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'helped_bob', :'tenant'), '28000', 'D10: not in a tenant that the service is no member of');
\connect - boss
SELECT warden.add_member(:'tenant', :'platform', '{user}');
\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'helped_bob', tenant_id => :'tenant'), :'bob'::uuid, 'D10: and in one where it is');
COMMIT;
SELECT t.done();
