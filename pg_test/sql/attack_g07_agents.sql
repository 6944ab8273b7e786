-- G5, G7 from the other side: an agent that would be more, an owner who would lend what is not hers, a stranger, and who has
-- begun before he was shut out.
\ir lib/cast.sql
\ir lib/principals.sql
SELECT warden.set_agent_capability(:'scout', 'can_read_user_memory', true);
SELECT warden.create_user(kind => 'anonymous') AS visitor \gset
SELECT warden.set_user_status(:'mallory', 'active');
\ir lib/as_attacker.sql

-- Nobody.
SELECT t.refused(s, '28000', 'nobody: ' || s) FROM (VALUES ('SELECT warden.register_agent(''mine'')'),
    (format('SELECT warden.set_agent_status(%L, ''suspended'')', :'scout')), (format('SELECT warden.set_agent_scopes(%L, ''{}'')', :'scout')),
    (format('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', true)', :'clerk'))) AS c (s);
SELECT t.rows('SELECT FROM warden.list_agents()', 0, 'nobody has none');
SELECT t.rows(format('SELECT FROM warden.list_agents(%L)', :'alice'), 0, 'nor sees whose there are');
SELECT t.refused('SELECT * FROM warden.agents', '42501', 'nor reads the table');
SELECT t.refused(f, '42501', 'what is not for clients: ' || f) FROM (VALUES ('SELECT warden.add_agent(''{}'')'), ('SELECT warden.change_agent(''{}'')'),
    (format('SELECT warden.move_agents(%L, %L)', :'alice', :'mallory')), (format('SELECT warden.is_own_agent(%L)', :'scout')), ('SELECT warden.require_agents_owner()'),
    (format('SELECT warden.scope_beyond(%L, ''{admin}'')', :'alice')), (format('SELECT warden.may_act(%L)', :'scout'))) AS c (f);

-- A stranger: what is not his does not exist.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(t.error(format(s, :'scout')) - 'context', t.error(format(s, gen_random_uuid())) - 'context', 'a stranger learns nothing: ' || s)
FROM (VALUES ('SELECT warden.set_agent_status(%L, ''suspended'')'), ('SELECT warden.set_agent_scopes(%L, ''{}'')'),
    ('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', true)'), ('SELECT warden.create_api_key(''k'', user_id => %L)'),
    ('SELECT * FROM warden.list_agents(after_agent => %L)'), ('SELECT warden.register_agent(''mine'', %L)')) AS c (s);
SELECT t.refused(format('SELECT warden.set_agent_status(%L, ''suspended'')', :'scout'), 'P0002', 'G7: another''s agent is not found', '^agent not found$');
SELECT t.refused(format('SELECT warden.register_agent(''mine'', %L)', :'alice'), 'P0002', 'nor made for another');
SELECT t.rows(format('SELECT FROM warden.list_agents(%L)', :'alice'), 0, 'nor listed');
SELECT t.rows(format('SELECT FROM warden.list_api_keys(%L)', :'scout'), 0, 'nor its keys');
SELECT t.refused('SELECT warden.register_agent(''mine'', external_id => ''4711'')', '42501', 'whoever chose its external id would have rows that are there already');
SELECT t.refused(format('SELECT warden.register_agent(''mine'', agent_id => %L)', :'visitor'), '42501', 'or its id');
SELECT t.refused('SELECT warden.set_agent_status(NULL, ''suspended'')', 'P0002', 'none is none');
SELECT warden.register_agent('mallory''s') AS own \gset
SELECT warden.set_agent_capability(:'own', 'can_read_user_memory', true);
SELECT key AS own_key FROM warden.create_api_key('k', user_id => :'own') \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'own_key');
SELECT t.is(remembered(), NULL, 'G5: the flag opens what is his, which is nothing');
COMMIT;

-- The agent itself.
BEGIN;
SELECT warden.authenticate(:'clerk_key');
SELECT t.refused(format(s, a), '42501', 'G7: an agent: ' || s, 'agents and visitors manage no agents')
FROM (VALUES ('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', true)'), ('SELECT warden.set_agent_status(%L, ''suspended'')'),
    ('SELECT warden.set_agent_scopes(%L, ''{}'')')) AS c (s), unnest(ARRAY[:'clerk', :'scout', :'bobs_agent', 'a11ce000-0000-4000-8000-0000000000ff']) AS a;
SELECT t.refused('SELECT warden.register_agent(''a child'')', '42501', 'G7: registers no agent');
SELECT t.refused('SELECT warden.create_api_key(''another'')', '42501', 'G7: makes itself no key', 'an agent makes no keys');
SELECT t.refused(format('SELECT warden.create_api_key(''another'', user_id => %L)', :'alice'), 'P0002', 'nor its owner one');
SELECT t.rows('SELECT FROM warden.list_agents()', 0, 'owns none');
SELECT t.rows(format('SELECT FROM warden.list_agents(%L)', :'alice'), 0, 'sees none');
SELECT t.is(remembered(), NULL, 'and has none of its owner''s memories');
SELECT t.refused(format('SET warden.identity = %L', 'x'), '42501', 'nor states that it has');
COMMIT;
-- The owner, who acts for herself as long as she is signed in.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', true)', :'bobs_agent'), 'P0002', 'G5: nobody lends an agent of others anything');
SELECT t.refused(format('SELECT warden.create_api_key(''k'', ''{admin}'', user_id => %L)', :'scout'), '42501', 'G7: nor gives a key what she lacks');
SELECT t.refused(format('SELECT warden.create_api_key(''k'', user_id => %L)', :'bobs_agent'), 'P0002', 'nor makes one for another''s');
SELECT key AS short FROM warden.create_api_key('short', '{agents:read}', now() + interval '1 hour') \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'short');
SELECT t.refused(format('SELECT warden.create_api_key(''k'', user_id => %L)', :'scout'), '42501', 'a key that ends makes no key that does not, of an agent neither', 'outlives');
SELECT t.refused(format('SELECT warden.create_api_key(''k'', ''{user}'', now() + interval ''1 minute'', %L)', :'scout'), '42501', 'nor a wider one');
SELECT t.refused('SELECT warden.register_agent(''wide'', scopes => ''{user}'')', '42501', 'nor an agent that is wider');
COMMIT;
SELECT t.refused('SELECT warden.begin_admin(''why'', ' || quote_literal(:'scout_key') || ')', '42501', 'an agent opens no door');

-- By an old snapshot, and by a token that is kept.
\connect - postgres
\setenv SCOUT :scout
\set scout_token `lib/tokens mint $SCOUT 600`
\connect - app
BEGIN;
SELECT t.is(warden.authenticate(:'scout_token'), :'scout'::uuid, 'a token of the issuer does as well');
SELECT t.is(remembered(), 'alice remembers, scout remembers', 'with the capability');
COMMIT;
\connect - postgres
CREATE TABLE done (what text);
CREATE EXTENSION dblink;
CREATE FUNCTION elsewhere(statement text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT r FROM dblink('dbname=' || current_database() || ' host=' || split_part(current_setting('unix_socket_directories'), ',', 1)
        || ' port=' || current_setting('port') || ' user=postgres', statement) AS d (r text)
$$;
GRANT EXECUTE ON FUNCTION elsewhere(text) TO app;
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_token');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM memories;
SELECT elsewhere(format('SELECT warden.set_user_status(%L, ''suspended'')', :'alice'));
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'scout_token'), '28000', 'G7: the owner was suspended after the snapshot, and the token is a kept one');
ROLLBACK;
SELECT elsewhere(format('SELECT warden.set_user_status(%L, ''active'')', :'alice'));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM memories;
SELECT elsewhere(format('SELECT warden.set_agent_status(%L, ''suspended'')', :'scout'));
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'scout_token'), '28000', 'G7: or the agent');
ROLLBACK;
SELECT elsewhere(format('SELECT warden.set_agent_status(%L, ''active'')', :'scout'));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM memories;
SELECT elsewhere(format('SELECT warden.set_agent_capability(%L, ''can_read_user_memory'', false)', :'scout'));
SELECT warden.authenticate(:'scout_token');
SELECT t.is(remembered(), 'scout remembers', 'G5: or the flag was taken');
ROLLBACK;

-- Who was shut out since his transaction began, changes nothing that outlives it.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT elsewhere(format('SELECT warden.set_user_status(%L, ''suspended'')', :'mallory'));
SELECT t.refused(s, '28000', 'no more: ' || s) FROM (VALUES ('SELECT warden.register_agent(''late'')'),
    (format('SELECT warden.set_agent_capability(%L, ''more'', true)', :'own')), (format('SELECT warden.create_api_key(''late'', user_id => %L)', :'own'))) AS c (s);
COMMIT;

-- As many as may be at a time.
\connect - postgres
SELECT warden.create_service_account('farm') AS farm \gset
SELECT count(*) FROM generate_series(1, 99) i, LATERAL warden.register_agent('a' || i, :'farm');
SELECT t.ok(warden.register_agent('a100', :'farm') IS NOT NULL, 'a hundred');
SELECT t.refused(format('SELECT warden.register_agent(''a101'', %L)', :'farm'), '53400', 'and no more');
UPDATE warden.agents SET status = 'revoked' WHERE owner_id = :'farm';
SELECT t.ok(warden.register_agent('a101', :'farm') IS NOT NULL, 'those that are revoked do not count');
INSERT INTO warden.agents (user_id, owner_id, name, status, requested) SELECT gen_random_uuid(), :'farm', 'b', 'revoked', '{}' FROM generate_series(1, 900);
SELECT t.refused(format('SELECT warden.register_agent(''a102'', %L)', :'farm'), '53400', 'up to a thousand');

-- Behind an admin role: an agent is no administrator, and a person no more than he is.
\connect - boss
SELECT warden.assign_role(:'bob', 'admin'), warden.assign_role(:'bobs_agent', 'admin');
BEGIN;
SELECT warden.begin_admin('why', :'bob_token');
SELECT t.ok(warden.set_agent_status(:'clerk', 'suspended'), 'an admin suspends alice''s agent');
COMMIT;
SELECT t.refused('SELECT warden.begin_admin(''why'', ' || quote_literal(:'bobs_key') || ')', '42501', 'G7: his agent opens nothing', 'agent');
SELECT warden.assign_role(:'alice', 'owner');
BEGIN;
SELECT warden.begin_admin('why', :'bob_token');
SELECT t.refused(format('SELECT warden.set_agent_status(%L, ''active'')', :'clerk'), '42501', 'nor does an admin manage what is an owner''s');
SELECT t.refused(format('SELECT warden.register_agent(''in'', %L)', :'alice'), '42501', 'or make him an agent, whose key he would have');
COMMIT;
SELECT t.refused(format('SELECT warden.register_agent(''child'', %L)', :'scout'), '22023', 'G7: an agent owns no agent');
SELECT t.refused(format('SELECT warden.register_agent(''guest'', %L)', :'visitor'), '22023', 'nor does a visitor');
SELECT t.refused('SELECT warden.register_agent(''none'', gen_random_uuid())', 'P0002', 'nor who is unknown');
SELECT t.refused('SELECT warden.register_agent(''none'')', '22023', 'nobody is no owner');
SELECT t.refused(format('SELECT warden.register_agent(''x'', %L, agent_id => %L)', :'alice', :'bob'), '23505', 'G7: nor does a person become an agent');
SELECT t.refused(format('SELECT warden.register_agent(''x'', %L, agent_id => %L)', :'alice', :'bobs_agent'), '23505', 'nor another''s agent hers');
-- The last administrator is a person.
SELECT warden.assign_role(:'alice', 'user'), warden.assign_role(:'bob', 'owner'), warden.revoke_role(:'alice', 'owner'), warden.assign_role(:'bobs_agent', 'owner');
SELECT t.refused(format('SELECT warden.revoke_role(%L, ''owner'')', :'bob'), '55000', 'an agent is not the owner who is left', 'last owner');
SELECT t.done();
