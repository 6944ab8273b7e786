-- R8: rules about named entities: the ladder with its reasons, parents, who may write them, and a policy that asks.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
\set carol ca401000-0000-4000-8000-000000000004
\set dave da4e0000-0000-4000-8000-000000000005
SELECT warden.create_user(id => :'carol'), warden.create_user(id => :'dave');
SELECT warden.assign_role(:'carol', 'admin'), warden.assign_role(:'dave', 'owner'), warden.define_role('editor', '{user}');
SELECT warden.assign_role(:'alice', 'editor');
\set carol_token `lib/tokens mint :'carol' 600`
\set dave_token `lib/tokens mint :'dave' 600`
\setenv CLAIMS '{"act": {"sub": "3a110000-0000-4000-8000-000000000003"}}'
\set alice_by_mallory `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
INSERT INTO tokens VALUES ('alice by mallory', :'alice_by_mallory');
-- What a client is told: allowed, reason, and that no rule is shown.
CREATE FUNCTION told(name text, entity_id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told record;
BEGIN
    PERFORM warden.authenticate(public.token_of(name));
    SELECT e.* INTO told FROM warden.explain_entity('agent', entity_id) AS e;
    IF told.allowed IS DISTINCT FROM warden.entity_allowed('agent', entity_id) THEN
        RAISE 'entity_allowed() and explain_entity() differ';
    END IF;
    RETURN concat_ws(' ', told.reason, told.rule_entity_id, told.justification);
END $$;

\connect - boss
SELECT t.is(warden.declare_entity('agent', '1'), true, 'declared'), t.is(warden.declare_entity('agent', '1'), false, 'once');
SELECT warden.declare_entity('agent', '2', true), warden.declare_entity('agent', '3'), warden.declare_entity('workspace', 'w'), warden.declare_entity('workspace', 'top');
\connect - app
SELECT t.is(told('alice', '1'), 'not_assigned', 'R8: not assigned');
SELECT t.is(told('alice', '2'), 'default_included', 'R8: included by default');
SELECT t.is(told('alice', '9'), 'unknown_entity', 'R8: an unknown entity');
SELECT t.is(told('alice', NULL), 'unknown_entity', 'and none');
SELECT t.is(warden.entity_allowed('agent', '2'), false, 'R8: to nobody nothing is open');
SELECT t.refused('SELECT warden.explain_entity(''agent'', ''2'')', '28000', 'nor explained');

-- The ladder.
\connect - boss
SELECT t.is(warden.set_entity_rule('agent', '1', 'allow', 'team', role => 'editor'), true, 'a rule about a role');
SELECT t.is(warden.set_entity_rule('agent', '1', 'allow', 'team', role => 'editor'), false, 'once');
SELECT warden.set_entity_rule('agent', '2', 'deny', 'spam', user_id => :'bob');
\connect - app
SELECT t.is(told('alice', '1'), 'role_allow', 'R8: by a role');
SELECT t.is(told('bob', '1'), 'not_assigned', 'who has not the role has nothing');
SELECT t.is(told('bob', '2'), 'user_deny', 'R8: denied to the user, whatever the default');
SELECT t.is(told('alice', '2'), 'default_included', 'others have the default');
\connect - boss
SELECT warden.set_entity_rule('agent', '1', 'deny', 'audit', role => 'user');
\connect - app
SELECT t.is(told('alice', '1'), 'role_deny', 'R8: a deny beats an allow of the band');
\connect - boss
SELECT warden.set_entity_rule('agent', '1', 'allow', 'she asked', user_id => :'alice');
\connect - app
SELECT t.is(told('alice', '1'), 'user_allow', 'R8: the user''s band comes first');
SELECT t.is(told('alice by mallory', '1'), 'actor_deny', 'R8: not for who acts for her, to whom it is denied');
\connect - boss
SELECT warden.set_entity_rule('agent', '1', 'allow', 'he too', user_id => :'mallory');
\connect - app
SELECT t.is(told('alice by mallory', '1'), 'user_allow', 'and where it is not, for him too');
\connect - boss
SELECT t.is(warden.set_entity_rule('agent', '1', 'deny', 'no more', user_id => :'alice'), true, 'changed');
\connect - app
SELECT t.is(told('alice', '1'), 'user_deny', 'R8: a rule is felt by the next statement');

-- Parents, nearest first, for what has no rules of its own.
\connect - boss
SELECT t.is(warden.add_entity_parent('agent', '3', 'workspace', 'w'), true, 'put below'), t.is(warden.add_entity_parent('agent', '3', 'workspace', 'w'), false, 'once');
SELECT warden.add_entity_parent('workspace', 'w', 'workspace', 'top'), warden.set_entity_rule('workspace', 'top', 'allow', 'everybody', role => 'user');
\connect - app
SELECT t.is(told('bob', '3'), 'parent_role_allow', 'R8: by the parent of the parent');
\connect - boss
SELECT warden.set_entity_rule('workspace', 'w', 'deny', 'left', user_id => :'bob');
\connect - app
SELECT t.is(told('bob', '3'), 'parent_user_deny', 'R8: by the nearest');
SELECT t.is(told('alice', '3'), 'not_assigned', 'which speaks for itself');
\connect - boss
SELECT warden.set_entity_rule('agent', '3', 'allow', 'his own', user_id => :'bob');
\connect - app
SELECT t.is(told('bob', '3'), 'user_allow', 'R8: the entity before its parents');
\connect - boss
SELECT t.is(warden.remove_entity_rule('agent', '3', user_id => :'bob'), true, 'taken back'), t.is(warden.remove_entity_rule('agent', '3', user_id => :'bob'), false, 'once');
SELECT t.is(warden.remove_entity_rule('workspace', 'w', user_id => :'bob'), true, 'both');
\connect - app
SELECT t.is(told('alice', '3'), 'parent_role_allow', 'R8: without rules it asks again');
\connect - boss
SELECT t.refused('SELECT warden.add_entity_parent(''workspace'', ''top'', ''agent'', ''3'')', '22023', 'R8: no circle', 'below itself');
SELECT t.refused('SELECT warden.add_entity_parent(''agent'', ''3'', ''agent'', ''3'')', '22023', 'of one neither', 'below itself');
SELECT t.refused('SELECT warden.add_entity_parent(''agent'', ''3'', ''agent'', ''9'')', 'P0002', 'nor below what is not there');
SELECT t.refused('SELECT warden.remove_entity(''workspace'', ''w'')', '55000', 'R8: a parent stays while it has children');
SELECT t.is(warden.remove_entity_parent('agent', '3', 'workspace', 'w'), true, 'taken out'), t.is(warden.remove_entity_parent('agent', '3', 'workspace', 'w'), false, 'once');
SELECT t.is(warden.remove_entity('workspace', 'w'), true, 'then it goes'), t.is(warden.remove_entity('workspace', 'w'), false, 'once');
\connect - app
SELECT t.is(told('alice', '3'), 'not_assigned', 'and decides nothing any more');

-- An administrator asks about anybody, and sees the rule.
\connect - boss
SELECT t.is(e::text, format('(f,user_deny,agent,1,%s,,"no more")', :'alice'), 'R8: the rule that decided') FROM warden.explain_entity('agent', '1', :'alice') AS e;
SELECT t.is(e::text, '(f,role_deny,agent,1,,user,audit)', 'one about a role') FROM warden.explain_entity('agent', '1', :'bob') AS e;
SELECT t.is(e::text, '(f,unknown_entity,,,,,)', 'or none') FROM warden.explain_entity('agent', '9', :'bob') AS e;
SELECT t.refused('SELECT warden.explain_entity(''agent'', ''1'')', '22023', 'he says about whom');
SELECT t.refused('SELECT warden.explain_entity(''agent'', ''1'', gen_random_uuid())', 'P0002', 'who is there');
SELECT t.is((SELECT string_agg(concat_ws(' ', entity_type, entity_id, default_included, rules, total), ', ') FROM warden.list_entities('agent')),
    'agent 1 f 4 3, agent 2 t 1 3, agent 3 f 0 3', 'the entities of a type');
SELECT t.is((SELECT string_agg(concat_ws(' ', coalesce(role, user_id::text), access, justification, total), ', ') FROM warden.list_entity_rules('agent', '2')), concat(:'bob', ' deny spam 1'), 'the rules of one');
SELECT t.is((SELECT count(*) FROM warden.list_entity_rules(role => 'user', page_size => 1)), 1, 'a page'), t.is((SELECT total FROM warden.list_entity_rules(role => 'user', page_size => 1)), 2, 'of all');
SELECT t.refused(call, '22023', call) FROM (VALUES ('SELECT warden.declare_entity(''Agent'', ''1'')'), ('SELECT warden.declare_entity(''agent'', '''')'), ('SELECT warden.declare_entity(NULL, ''1'')'),
    ('SELECT warden.set_entity_rule(''agent'', ''1'', ''maybe'', ''x'', role => ''user'')'), ('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', '' '', role => ''user'')'),
    ('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', ''x'')'), ('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', ''x'', role => ''nonesuch'')'),
    (format('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', ''x'', %L, ''user'')', :'bob')), ('SELECT count(*) FROM warden.list_entities(page_size => 0)')) AS c (call);
SELECT t.refused('SELECT warden.set_entity_rule(''agent'', ''9'', ''allow'', ''x'', role => ''user'')', 'P0002', 'no rule about what is not there', 'entity not found');
SELECT t.refused('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', ''x'', gen_random_uuid())', 'P0002', 'nor about nobody', 'user not found');

-- A client reads neither rules nor what was decided of others.
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(format('SELECT warden.explain_entity(''agent'', ''1'', %L)', u), 'P0002', 'A7: another is nobody') FROM unnest(ARRAY[:'alice', 'ffffffff-0000-4000-8000-000000000000']) AS u;
SELECT t.refused(call, '42501', 'A8: ' || call, 'permission denied') FROM (VALUES ('SELECT FROM warden.entity_rules'), ('SELECT FROM warden.entities'), ('SELECT FROM warden.entity_parents'),
    ('SELECT warden.list_entity_rules()'), ('SELECT warden.list_entities()'), ('SELECT warden.declare_entity(''agent'', ''1'', true)'), ('SELECT warden.remove_entity(''agent'', ''1'')'),
    ('SELECT warden.add_entity_parent(''agent'', ''3'', ''agent'', ''2'')'), ('SELECT warden.remove_entity_parent(''agent'', ''3'', ''agent'', ''2'')'),
    ('SELECT warden.set_entity_rule(''agent'', ''1'', ''allow'', ''x'', role => ''user'')'), ('SELECT warden.remove_entity_rule(''agent'', ''1'', role => ''user'')'),
    ('SELECT warden.decide_entity(''agent'', ''1'', gen_random_uuid(), ''{admin}'')'), ('SELECT warden.decide_entity_for_me(''agent'', ''1'')'), ('SELECT warden.acting_person()'), ('SELECT warden.acting_people()')) AS c (call);
COMMIT;

-- R7: a person behind an admin role gives no more than he holds, and opens nothing to himself; an owner does.
\connect - boss
SELECT warden.set_entity_rule('agent', '3', 'deny', 'audited', user_id => :'carol'), warden.declare_entity('agent', '4'), warden.declare_entity('agent', '5'), warden.add_entity_parent('agent', '4', 'agent', '3');
BEGIN;
SELECT warden.begin_admin('R8', :'carol_token');
SELECT t.refused(call, '42501', 'R7: ' || call, message) FROM (VALUES
    (format('SELECT warden.remove_entity_rule(''agent'', ''3'', %L)', :'dave'), 'holds'),
    (format('SELECT warden.set_entity_rule(''agent'', ''3'', ''allow'', ''x'', %L)', :'dave'), 'holds'),
    ('SELECT warden.set_entity_rule(''agent'', ''3'', ''allow'', ''x'', role => ''owner'')', 'holds'),
    (format('SELECT warden.set_entity_rule(''agent'', ''3'', ''allow'', ''x'', %L)', :'carol'), 'to himself'),
    (format('SELECT warden.set_entity_rule(''agent'', ''4'', ''allow'', ''x'', %L)', :'carol'), 'to himself'),
    ('SELECT warden.set_entity_rule(''agent'', ''5'', ''allow'', ''x'', role => ''admin'')', 'to himself'),
    ('SELECT warden.declare_entity(''agent'', ''5'', true)', 'to himself'),
    ('SELECT warden.add_entity_parent(''agent'', ''5'', ''agent'', ''2'')', NULL),
    ('SELECT warden.remove_entity(''agent'', ''3'')', 'holds')) AS c (call, message) WHERE message IS NOT NULL;
SELECT t.is(warden.set_entity_rule('agent', '5', 'allow', 'for bob', user_id => :'bob'), true, 'he manages those who hold no more');
SELECT t.is(warden.set_entity_rule('agent', '5', 'deny', 'not me', user_id => :'carol'), true, 'and keeps himself out');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R8', :'carol_token');
SELECT warden.declare_entity('agent', '6'), warden.set_entity_rule('agent', '6', 'allow', 'x', role => 'editor');
SELECT t.refused('SELECT warden.add_entity_parent(''agent'', ''5'', ''agent'', ''7'')', 'P0002', 'no such parent');
SELECT warden.declare_entity('agent', '7', true) IS NOT NULL AS declared \gset
SELECT t.ok(:'declared', 'what is new opens as it is declared');
SELECT t.is(warden.declare_entity('agent', '7', false), true, 'and is closed'), t.refused('SELECT warden.declare_entity(''agent'', ''7'', true)', '42501', 'R7: not opened again by who gains', 'to himself');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R8', :'dave_token');
SELECT t.is(warden.set_entity_rule('agent', '3', 'allow', 'x', user_id => :'dave'), true, 'R7: an owner opens to himself');
SELECT t.is(warden.remove_entity_rule('agent', '3', user_id => :'carol'), true, 'and lifts what keeps others out');
ROLLBACK;

-- In a policy: allow() with the entity of the row, for a list and by workers.
\connect - postgres
SELECT warden.set_entity_rule('agent', '5', 'allow', 'for bob', user_id => :'bob');
\connect - owner
CREATE TABLE agents (id int PRIMARY KEY, user_id uuid NOT NULL, name text);
INSERT INTO agents SELECT i, :'alice', 'agent ' || i FROM generate_series(1, 2000) AS i;
GRANT SELECT, UPDATE ON agents TO app;
SELECT count(*) FROM warden.protect('agents');
SELECT t.matches(warden.allow('agents', 'SELECT', 'warden.entity_allowed(''agent'', id::text)', 'agents are assigned'), 'entity_allowed', 'a policy may ask');
ANALYZE agents;
\ir lib/workers.sql
\connect - app
SELECT t.rows('SELECT * FROM agents', 0, 'nobody sees none of them');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(name, ', ' ORDER BY id) FROM agents), 'agent 5', 'R8: bob sees what is assigned to him');
SELECT t.is(rows_by_workers('SELECT * FROM agents'), 1, 'by parallel workers too');
SELECT t.rows('UPDATE agents SET name = ''taken'' WHERE id = 5', 0, 'and writes nothing');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.rows('SELECT * FROM agents WHERE id = 2', 1, 'what is included by default, everybody');
SELECT t.rows('SELECT * FROM agents WHERE id = 5', 0, 'and not what is another''s');
COMMIT;

-- Each change is recorded, and the rules about a user go with it.
\connect - postgres
SELECT t.is((SELECT string_agg(DISTINCT r.action, ' ' ORDER BY r.action) FROM warden.audit_log r WHERE r.action LIKE '%entity%'),
    'add_entity_parent declare_entity remove_entity remove_entity_parent remove_entity_rule set_entity_rule', 'R8: each is recorded');
SELECT t.is((SELECT r.detail::text FROM warden.audit_log r WHERE r.action = 'set_entity_rule' AND r.detail ->> 'justification' = 'no more'),
    format('{"to": "deny", "from": "allow", "user_id": "%s", "justification": "no more"}', :'alice'), 'with what it was');
DELETE FROM warden.users WHERE id = :'mallory';
SELECT t.is((SELECT count(*) FROM warden.entity_rules r WHERE r.user_id = :'mallory'), 0, 'rules about who is gone are gone');
SELECT t.done();
