-- D8: ON DELETE CASCADE into another's rows. A shared row is deleted at level manage, and its foreign keys do what they say,
-- without asking whose the rows below are: where others' rows hang, ON DELETE SET NULL or RESTRICT keeps them.
\ir lib/cast.sql
SELECT warden.create_user() AS carol \gset
\set carol_token `lib/tokens mint :'carol' 600`
SET ROLE owner;
CREATE TABLE agents (id int PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE cascading (id int PRIMARY KEY, user_id uuid NOT NULL, agent_id int REFERENCES agents ON DELETE CASCADE);
CREATE TABLE loosened (id int PRIMARY KEY, user_id uuid NOT NULL, agent_id int REFERENCES agents ON DELETE SET NULL);
CREATE TABLE restricting (id int PRIMARY KEY, user_id uuid NOT NULL, agent_id int REFERENCES agents ON DELETE RESTRICT);
GRANT SELECT, INSERT, UPDATE, DELETE ON agents, cascading, loosened, restricting TO app;
INSERT INTO agents VALUES (1, :'alice'), (2, :'alice'), (3, :'alice');
SELECT count(*) FROM unnest('{agents,cascading,loosened,restricting}'::regclass[]) name, warden.protect(name, shareable => name = 'agents'::regclass);
RESET ROLE;
SELECT t.is(string_agg(object, ', '), 'cascading_agent_id_fkey of public.cascading', 'D8: the one that takes others'' rows along is found')
FROM warden.doctor() WHERE code = 'cascade_into_others';
\ir lib/as_attacker.sql

-- Carol, at use, has rows of her own below each; bob is given manage.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT count(warden.share('agents', id, :'bob', 'manage')), count(warden.share_with('agents', id, 'everyone', 'use')) FROM agents;
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token');
INSERT INTO cascading (id, agent_id) VALUES (1, 1);
INSERT INTO loosened (id, agent_id) VALUES (2, 2);
INSERT INTO restricting (id, agent_id) VALUES (3, 3);
SELECT t.rows('DELETE FROM agents', 0, 'D8: at use nothing is deleted');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('SELECT FROM cascading UNION ALL SELECT FROM loosened UNION ALL SELECT FROM restricting', 0, 'D8: bob sees none of hers');
SELECT t.rows('DELETE FROM cascading', 0, 'D8: and deletes none by themselves');
SELECT t.rows('DELETE FROM agents WHERE id = 1', 1, 'D8: at manage he deletes the first agent');
SELECT t.rows('DELETE FROM agents WHERE id = 2', 1, 'D8: and the second');
-- A restriction has a SQLSTATE of its own from PostgreSQL 18 on.
SELECT t.ok(t.error('DELETE FROM agents WHERE id = 3') ->> 'sqlstate' IN ('23001', '23503'), 'D8: not the third, to which carol''s row refers');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.rows('SELECT FROM cascading', 0, 'D8: with ON DELETE CASCADE hers has gone with it');
SELECT t.is((SELECT string_agg(id || ' ' || coalesce(agent_id::text, 'none'), ', ') FROM loosened), '2 none', 'D8: with ON DELETE SET NULL she keeps it, without the agent');
SELECT t.is((SELECT string_agg(id || ' ' || agent_id, ', ') FROM restricting), '3 3', 'D8: with ON DELETE RESTRICT as it was');
DELETE FROM restricting;
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('DELETE FROM agents WHERE id = 3', 1, 'D8: when she has let go, the agent can go');
COMMIT;
SELECT t.done();
