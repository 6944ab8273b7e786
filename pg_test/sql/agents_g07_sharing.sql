-- G7, N5: what is shared with a role or everyone reaches an agent as far as its owner has the role too, and explain_access() and
-- who_can() say what the agent's own SELECT finds; what is shared with an agent by name is the agent's own.
\ir lib/cast.sql
\ir lib/principals.sql
SELECT warden.define_role('support', '{tools:execute}'), warden.define_role('desk', '{agents:read}');
SELECT warden.assign_role(:'scout', 'support');
SET ROLE owner;
CREATE TABLE plans (id int PRIMARY KEY, user_id uuid NOT NULL, title text NOT NULL);
CREATE TABLE boards (id int PRIMARY KEY, user_id uuid NOT NULL, tenant_id uuid NOT NULL, title text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON plans, boards TO app;
INSERT INTO plans SELECT i, :'bob', 'plan ' || i FROM generate_series(1, 5) AS i;
SELECT count(*) FROM warden.protect('plans', shareable => true);
SELECT count(*) FROM warden.protect('boards', tenant_column => 'tenant_id', shareable => true);
RESET ROLE;
-- What the credential's user sees of a table, without a word of who asks.
CREATE FUNCTION reads(credential text, relation regclass, tenant_id uuid DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    PERFORM warden.authenticate(credential, tenant_id => reads.tenant_id);
    EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id) FROM %s', relation) INTO found;
    RETURN coalesce(found, 'none');
EXCEPTION WHEN invalid_authorization_specification THEN RETURN 'refused';
END $$;
-- What bob is told that an agent reads, each row of which is a transaction of its own.
CREATE FUNCTION told(agent uuid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(p.id::text, ',' ORDER BY p.id) FILTER (WHERE (
        SELECT bool_or(x.counts AND x.level IS NOT NULL) AND NOT bool_or(NOT x.counts AND x.level IS NULL)
        FROM warden.explain_access('plans', p.id, told.agent) AS x)), 'none') FROM public.plans p
$$;
-- Why not, of one plan.
CREATE FUNCTION why_not(agent uuid, id int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(x.detail, '; ') FROM warden.explain_access('plans', why_not.id, why_not.agent) AS x WHERE x.counts IS FALSE
$$;

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share_with('plans', 1, 'role:support', 'edit'), warden.share_with('plans', 2, 'everyone', 'view'), warden.share_with('plans', 3, 'role:user', 'view'),
    warden.share('plans', 4, :'scout', 'manage');
COMMIT;

-- The agent has a role that its owner lacks.
SELECT t.is(reads(:'scout_key', 'plans'), '4', 'G7: a role that its owner lacks opens nothing to an agent, and without one that both have it is not everyone');
SELECT t.is(reads(:'clerk_key', 'plans'), 'none', 'G7: nor does the owner''s role: an agent has its own');
SELECT t.is(reads(:'alice_token', 'plans'), '2,3', 'G7: what is shared with an agent by name is the agent''s own: its owner does not see it');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(told(:'scout'), '4', 'N5: that is what is explained of it');
SELECT t.is(told(:'clerk'), 'none', 'N5: and of the other one');
SELECT t.is(told(:'alice'), '2,3', 'N5: and of their owner');
SELECT t.rows(format('SELECT * FROM warden.explain_access(''plans'', 1, %L)', :'scout'), 0, 'N5: a share with the role is no reason, since the agent does not have it');
SELECT t.rows(format('SELECT * FROM warden.who_can(''plans'', 4) WHERE grantee = ''user:%s''', :'scout'), 1, 'N5: who_can() has whom it is shared with by name');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(warden.access_level('plans', 4), 'manage', 'G7: at its level, whatever its owner has');
SELECT t.rows('UPDATE plans SET title = ''by scout'' WHERE id = 4', 1, 'G7: and so it writes');
SELECT t.is(string_agg(id, ',' ORDER BY id), '4', 'N5: shared_with_me() says the same') FROM warden.shared_with_me();
SELECT t.is(string_agg(reason || ' ' || counts, ','), 'share true', 'N5: and what it is told of itself') FROM warden.explain_access('plans', 4);
ROLLBACK;

-- Then the owner has it too.
\connect - boss
SELECT warden.assign_role(:'alice', 'support');
\connect - app
SELECT t.is(reads(:'scout_key', 'plans'), '1,2,4', 'G7: a role that both have opens what it opens, and everyone''s');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(told(:'scout'), '1,2,4', 'N5: and that is explained');
COMMIT;

-- Who cannot sign in reaches nothing, for whichever of the reasons.
\connect - boss
SELECT warden.set_agent_status(:'scout', 'suspended');
\connect - app
SELECT t.is(reads(:'scout_key', 'plans'), 'refused', 'G7: a suspended agent is refused');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(told(:'scout'), 'none', 'N5: and nothing is said to be within its reach');
SELECT t.is(why_not(:'scout', 4), 'the agent is suspended', 'N5: but why');
SELECT t.rows(format('SELECT * FROM warden.who_can(''plans'', 4) WHERE grantee = ''user:%s''', :'scout'), 0, 'N5: who_can() lists nobody who cannot sign in');
SELECT t.rows(format('SELECT * FROM warden.list_shares(''plans'', 4) WHERE grantee = ''user:%s'' AND counts', :'scout'), 1, 'the share is there, for when it can');
COMMIT;
\connect - boss
SELECT warden.set_agent_status(:'scout', 'active'), warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.is(reads(:'scout_key', 'plans'), 'refused', 'G7: so is one whose owner is suspended');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(told(:'scout') || ', ' || told(:'alice'), 'none, none', 'N5: which is said of both');
SELECT t.is(why_not(:'scout', 4), 'the owner of the agent is not active', 'N5: of the agent why');
SELECT t.is(why_not(:'alice', 2), 'the user is suspended', 'N5: and of her');
SELECT t.rows('SELECT * FROM warden.who_can(''plans'', 4)', 1, 'N5: who is left is bob');
COMMIT;
\connect - boss
SELECT warden.set_user_status(:'alice', 'active');
\connect - postgres
-- One of kind agent that nobody registered.
SELECT warden.create_user('stray', id => 'eeeeeeee-0000-4000-8000-00000000000e', kind => 'agent') AS stray \gset
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share('plans', 5, :'stray', 'view');
SELECT t.is(told(:'stray') || ', ' || why_not(:'stray', 5), 'none, the agent is not registered', 'N5: nor does one reach anything that was never registered');
ROLLBACK;

-- In a tenant: an agent is in it where its owner is too, with the roles there that both have.
\connect - boss
\set tenant 7e000000-0000-4000-8000-000000000001
SELECT warden.create_tenant('Acme', id => :'tenant');
SELECT warden.add_member(:'tenant', :'scout', '{desk}'), warden.add_member(:'tenant', :'bob', '{user}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token', tenant_id => :'tenant');
INSERT INTO boards (id, title) VALUES (1, 'by role'), (2, 'by tenant'), (3, 'by name');
SELECT warden.share_with('boards', 1, 'role:desk', 'view'), warden.share_with('boards', 2, 'tenant:' || :'tenant', 'view'), warden.share('boards', 3, :'scout', 'view');
COMMIT;
SELECT t.is(reads(:'scout_key', 'boards', :'tenant'), 'refused', 'G7: an agent is not in a tenant without its owner');
BEGIN;
SELECT warden.authenticate(:'bob_token', tenant_id => :'tenant');
SELECT t.is(string_agg(x.reason || ' ' || x.counts || ' ' || x.detail, '; ') FILTER (WHERE NOT x.counts), 'tenant false the owner of the agent is no member of the tenant', 'N5: which is why it reaches nothing there')
FROM warden.explain_access('boards', 3, :'scout') AS x;
SELECT t.rows(format('SELECT * FROM warden.explain_access(''boards'', 2, %L) AS x WHERE x.counts', :'scout'), 0, 'N5: nor by the tenant');
SELECT t.rows('SELECT * FROM warden.who_can(''boards'', 3)', 1, 'N5: and who_can() does not list it');
COMMIT;
\connect - boss
SELECT warden.add_member(:'tenant', :'alice', '{user}');
\connect - app
SELECT t.is(reads(:'scout_key', 'boards', :'tenant'), '2,3', 'G7: with its owner it is, without the role that it alone has there');
BEGIN;
SELECT warden.authenticate(:'bob_token', tenant_id => :'tenant');
SELECT t.is((SELECT string_agg(b.id::text, ',' ORDER BY b.id) FROM boards b WHERE EXISTS (SELECT FROM warden.explain_access('boards', b.id, :'scout') AS x WHERE x.counts)), '2,3', 'N5: as is explained');
SELECT t.rows('SELECT * FROM warden.who_can(''boards'', 3)', 2, 'N5: and listed');
COMMIT;
\connect - boss
SELECT warden.add_member(:'tenant', :'alice', '{desk}');
\connect - app
SELECT t.is(reads(:'scout_key', 'boards', :'tenant'), '1,2,3', 'G7: and with it where both have it');
BEGIN;
SELECT warden.authenticate(:'bob_token', tenant_id => :'tenant');
SELECT t.rows(format('SELECT * FROM warden.explain_access(''boards'', 1, %L) AS x WHERE x.counts', :'scout'), 1, 'N5: as is explained');
COMMIT;
SELECT t.done();
