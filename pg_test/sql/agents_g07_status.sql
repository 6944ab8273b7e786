-- G7: an agent is a user of its own with an owner; its status changes by a table, revoked is final, and is felt by the next transaction.
\ir lib/cast.sql
\ir lib/principals.sql

-- The table of transitions, all 25 pairs and what is no status.
SELECT t.is(string_agg(f || ' to ' || n, ', ' ORDER BY f, n),
    'active to revoked, active to suspended, pending to active, pending to rejected, pending to revoked, rejected to pending, rejected to revoked, suspended to active, suspended to revoked',
    'G7: these and no others')
FROM unnest('{pending,active,suspended,revoked,rejected}'::text[]) AS f, unnest('{pending,active,suspended,revoked,rejected}'::text[]) AS n
WHERE warden.agent_may_become(f, n);
SELECT t.ok(NOT bool_or(warden.agent_may_become(f, n)), 'what is no status is in none of them')
FROM (VALUES (NULL, 'active'), ('active', NULL), ('deleted', 'active'), ('pending', 'deleted'), ('', ''), ('ACTIVE', 'suspended')) AS p (f, n);

\connect - boss
SELECT t.is(format('%s %s %s %s %s', a.name, a.status, a.is_active, a.scopes, a.capabilities), 'scout active t {agents:read,tools:execute,user} {}', 'G7: registered, with the scopes of its owner')
FROM warden.list_agents(:'bob') a;
SELECT t.is(format('%s %s %s', u.kind, u.roles, u.name), 'agent {} ', 'a user of kind agent without a role or a name to sign in by') FROM warden.find_user(:'scout') u;
SELECT t.is(count(*), 3, 'an administrator lists all') FROM warden.list_agents();
SELECT t.is(string_agg(a.name, ', '), 'clerk', 'page by page') FROM warden.list_agents(:'alice', page_size => 1) a;
SELECT t.is(string_agg(a.name, ', '), 'scout', 'and the next') FROM warden.list_agents(:'alice', page_size => 1, after_agent => :'clerk') a;
SELECT t.rows($$SELECT FROM warden.audit_log WHERE action = 'register_agent' AND detail ->> 'status' = 'active'$$, 3, 'each is recorded');

-- Every pair by the function itself, as the owner would meet it.
\connect - postgres
CREATE FUNCTION after_change(agent uuid, f text, n text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    changed boolean;
BEGIN
    UPDATE warden.agents SET status = f WHERE user_id = agent;
    changed := warden.set_agent_status(agent, n);
    RETURN changed || ' ' || (SELECT status FROM warden.agents WHERE user_id = agent);
EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN '55000';
END $$;
SELECT t.is(string_agg(format('%s', after_change(:'clerk', f, n)), ', ' ORDER BY f, n),
    string_agg(CASE WHEN f = n THEN 'false ' || n WHEN warden.agent_may_become(f, n) THEN 'true ' || n ELSE '55000' END, ', ' ORDER BY f, n),
    'G7: the function keeps to the table')
FROM unnest('{pending,active,suspended,revoked,rejected}'::text[]) AS f, unnest('{pending,active,suspended,revoked,rejected}'::text[]) AS n;
UPDATE warden.agents SET status = 'active' WHERE user_id = :'clerk';
SELECT key AS clerk_key FROM warden.create_api_key('clerk', user_id => :'clerk') \gset
SELECT t.refused('SELECT warden.set_agent_status(gen_random_uuid(), ''active'')', 'P0002', 'an unknown one');
SELECT t.refused(format('SELECT warden.set_agent_status(%L, ''deleted'')', :'clerk'), '22023', 'an unknown status');
SELECT t.refused(format('SELECT warden.set_agent_status(%L, NULL)', :'clerk'), '22023', 'or none');
-- Users of this kind whom nobody has registered.
SELECT warden.create_user(kind => 'agent') AS stray \gset
SELECT key AS stray_key FROM warden.create_api_key('stray', user_id => :'stray') \gset

\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'scout_key'), :'scout'::uuid, 'an agent is itself');
SELECT t.ok(warden.current_user_id() = :'scout' AND warden.current_actor_id() = :'scout', 'who acts, and for whom');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user', 'user:' || :'scout'], 'with its scopes');
SELECT t.is(warden.current_roles(), '{}', 'and no role');
INSERT INTO memories (body) VALUES ('scout adds');
SELECT t.is(remembered(), 'scout remembers, scout adds', 'its rows are its own');
SELECT t.is(seen(), NULL, 'and not those of its owner');
ROLLBACK;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'stray_key'), '28000', 'G7: who is not registered is refused');

-- Approved or rejected.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.register_agent('newcomer', pending => true, scopes => '{agents:read}') AS newcomer \gset
SELECT key AS newcomer_key FROM warden.create_api_key('newcomer', user_id => :'newcomer') \gset
SELECT t.is(string_agg(format('%s %s %s', a.name, a.status, a.is_active), ', '), 'newcomer pending f', 'it waits') FROM warden.list_agents(status => 'pending') a;
COMMIT;
SELECT t.ok(NOT let_in(:'newcomer_key'), 'G7: a pending one is refused');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_status(:'newcomer', 'rejected'), true, 'rejected');
SELECT t.refused(format('SELECT warden.set_agent_status(%L, ''active'')', :'newcomer'), '55000', 'G7: and not active after that', 'rejected does not become active');
SELECT t.is(warden.set_agent_status(:'newcomer', 'pending'), true, 'considered again');
SELECT t.is(warden.set_agent_status(:'newcomer', 'active'), true, 'approved');
SELECT t.is(string_agg(scopes::text, ', '), '{agents:read}', 'taOS F8: with what it asked for, and no more') FROM warden.list_agents() WHERE name = 'newcomer';
SELECT t.is(warden.set_agent_status(:'newcomer', 'active'), false, 'the second time nothing changes');
-- Whatever becomes of this transaction.
ROLLBACK;
SELECT t.ok(let_in(:'newcomer_key'), 'G7: and let in');

-- Suspended while a transaction of the owner is open, and felt at once.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_status(:'scout', 'suspended'), true, 'suspended');
ROLLBACK;
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: refused in the next transaction');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.set_agent_status(:'scout', 'active');
COMMIT;
SELECT t.ok(let_in(:'scout_key'), 'G7: and back');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_status(:'newcomer', 'revoked'), true, 'revoked');
SELECT t.refused(format('SELECT warden.set_agent_status(%L, %L)', :'newcomer', s), '55000', 'G7: revoked is final: ' || s, 'revoked does not become')
FROM unnest('{pending,active,suspended,rejected}'::text[]) AS s;
SELECT t.refused(format('SELECT warden.create_api_key(''again'', user_id => %L)', :'newcomer'), 'P0002', 'and it gets no key');
SELECT t.ok(warden.register_agent('newcomer') IS NOT NULL, 'its name is free');
SELECT t.refused('SELECT warden.register_agent(''newcomer'')', '23505', 'of one at a time');
COMMIT;
SELECT t.ok(NOT let_in(:'newcomer_key'), 'G7: refused for good');
\connect - boss
SELECT t.ok(bool_and(NOT k.is_active), 'its keys are revoked') FROM warden.list_api_keys(:'newcomer') k;
SELECT t.is(string_agg(format('%s to %s by %s', detail ->> 'from', detail ->> 'to', user_id = :'alice'), ', ' ORDER BY id),
    'pending to rejected by t, rejected to pending by t, pending to active by t, active to revoked by t', 'each change is recorded, with who made it')
FROM warden.audit_log WHERE action = 'set_agent_status' AND object = :'newcomer';

-- An administrator's hold, which the owner does not lift.
SELECT warden.set_user_status(:'scout', 'suspended');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.set_agent_status(:'scout', 'suspended'), warden.set_agent_status(:'scout', 'active');
COMMIT;
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: whom an administrator has suspended stays out');
\connect - boss
SELECT warden.set_user_status(:'scout', 'active');
SELECT t.is(warden.set_agent_status(:'scout', 'suspended'), true, 'an administrator suspends anybody''s');
\connect - app
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: felt as well');
\connect - boss
SELECT warden.set_agent_status(:'scout', 'active');

-- The owner: suspended, deleted, brought back.
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: with its owner suspended an agent is refused');
SELECT t.ok(let_in(:'bobs_key'), 'and another''s is not');
\connect - boss
SELECT warden.set_user_status(:'alice', 'active'), warden.delete_user(:'alice');
\connect - app
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: with its owner deleted');
\connect - boss
SELECT t.is(string_agg(format('%s %s', a.name, a.is_active), ', '), 'newcomer f, newcomer f, clerk f, scout f', 'as the list says') FROM warden.list_agents(:'alice') a;
SELECT warden.restore_user(:'alice');
\connect - app
SELECT t.ok(let_in(:'scout_key'), 'G7: let in again with its owner');
\connect - gateway
BEGIN;
SELECT t.is(warden.set_current_user(:'scout'), :'scout'::uuid, 'a gateway states an agent');
COMMIT;
\connect - boss
SELECT warden.set_user_status(:'alice', 'inactive');
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'scout'), '28000', 'G7: and is refused as well');
\connect - boss
SELECT warden.set_user_status(:'alice', 'active');
SELECT t.done();
