-- G7, G9: what becomes of agents whose owner is merged, erased, or is an agent.
\ir lib/cast.sql
\ir lib/principals.sql
SELECT warden.set_agent_capability(:'scout', 'can_read_user_memory', true);
\connect - boss
-- Merged: they go along, without what the other one has not given them.
SELECT t.refused(format('SELECT warden.merge_users(%L, %L)', :'alice', :'scout'), '22023', 'G7: nobody is merged into an agent');
SELECT count(*) FROM warden.merge_users(:'alice', :'bob');
SELECT t.is(string_agg(format('%s %s %s', a.name, a.status, a.capabilities), ', ' ORDER BY a.name), format('clerk active {}, scout active {}, scout %s active {}', :'scout'), 'G7: agents go with their owner, and names stay apart')
FROM warden.list_agents(:'bob') a;
SELECT t.is(detail ->> 'agents', '2', 'which is recorded') FROM warden.audit_log WHERE action = 'merge_users';
\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'scout_key'), :'scout'::uuid, 'G7: and are let in');
SELECT t.is(remembered(), 'scout remembers', 'G5: but read nothing of the new owner before he says so');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_user_memory', true), true, 'who does');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(remembered(), 'alice remembers, bob remembers, scout remembers', 'G5: all that is his by now');
COMMIT;
-- One agent into another, and into a person.
\connect - boss
SELECT t.is((SELECT total_rows FROM warden.merge_users(:'bobs_agent', :'scout')), 1, 'an agent is merged into another');
SELECT t.rows(format('SELECT FROM warden.list_agents() WHERE agent_id = %L', :'bobs_agent'), 0, 'and is none any more');
SELECT t.is((SELECT count(*) FROM warden.merge_users(:'clerk', :'bob')), 1, 'or into a person');
SELECT warden.restore_user(:'clerk');
\connect - app
SELECT t.ok(NOT let_in(:'clerk_key'), 'G7: nor does it come back by restore_user()');

-- Erased: refused while there are agents, with them, or handed on.
\connect - boss
SELECT t.is(t.error(format('SELECT * FROM warden.erase_user(%L)', :'bob')) ->> 'detail', E'public.memories: 4 rows\nagents: 1', 'G9: who owns agents is not erased by the way');
SELECT warden.set_agent_capability(:'scout', 'can_read_user_memory', true);
SELECT t.is((SELECT total_rows FROM warden.erase_user(:'bob', 'transfer', :'mallory')), 2, 'G9: handed on');
SELECT t.is(format('%s %s', a.owner_id, a.capabilities), :'mallory' || ' {}', 'G9: agents too, without capabilities') FROM warden.list_agents() a WHERE a.agent_id = :'scout';
\connect - app
SELECT t.ok(let_in(:'scout_key'), 'and are let in');
\connect - boss
SELECT t.is((SELECT total_rows FROM warden.erase_user(:'mallory', 'cascade')), 4, 'G9: with all rows, those of the agents too');
SELECT t.is(detail -> 'agents', jsonb_build_array(:'scout'), 'which is recorded') FROM warden.audit_log WHERE action = 'erase_user' AND object = :'mallory';
SELECT t.rows('SELECT FROM warden.list_agents()', 0, 'G9: no orphan is left');
\connect - postgres
SELECT t.rows('SELECT FROM memories', 0, 'nor a row');
SELECT t.rows(format('SELECT FROM warden.users WHERE id = %L', :'scout'), 0, 'nor the agent''s user');
\connect - app
SELECT t.ok(NOT let_in(:'scout_key'), 'G7: nobody comes in');

-- Whoever deletes the owner of an agent by hand revokes it.
\connect - postgres
SELECT warden.create_service_account('platform') AS platform \gset
SELECT warden.register_agent('helper', :'platform') AS helper \gset
SELECT key AS helper_key FROM warden.create_api_key('k', user_id => :'helper') \gset
DELETE FROM warden.users WHERE id = :'platform';
SELECT t.is(status, 'revoked', 'G7: an agent without an owner is revoked') FROM warden.agents WHERE user_id = :'helper';
\connect - app
SELECT t.ok(NOT let_in(:'helper_key'), 'and refused');
SELECT t.done();
