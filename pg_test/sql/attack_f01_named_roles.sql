-- R7, R8, F1: a role that a rule about an entity or a share names opens, or closes, more than its scopes do: who holds these
-- neither takes it nor sheds it, in a tenant or anywhere.
\ir lib/tenants.sql
UPDATE warden.users SET roles = '{admin,user}' WHERE id = :'alice';
SELECT warden.create_user(id => 'eeeeeeee-0000-4000-8000-000000000005') AS chief, warden.create_user() AS dave \gset
UPDATE warden.users SET roles = '{owner}' WHERE id = :'chief';
\set chief_token `lib/tokens mint eeeeeeee-0000-4000-8000-000000000005 600`
SELECT warden.define_role(role, '{user,agents:read}') FROM unnest('{editor,legal,barred,press}'::text[]) AS r (role);
SELECT warden.declare_entity('agent', 'open'), warden.declare_entity('agent', 'closed', true);
SELECT warden.set_entity_rule('agent', 'open', 'allow', 'theirs', role => 'legal'), warden.set_entity_rule('agent', 'closed', 'deny', 'not theirs', role => 'barred'),
    warden.set_entity_rule('agent', 'open', 'allow', 'everybody''s', role => 'viewer');
SET ROLE owner;
CREATE TABLE briefs (id int PRIMARY KEY, user_id uuid, body text);
GRANT SELECT ON briefs TO app;
INSERT INTO briefs VALUES (1, :'bob', 'for the press');
SELECT count(*) FROM warden.protect('briefs', shareable => true);
RESET ROLE;
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.isnt(warden.share_with('briefs', 1, 'role:press', 'view'), NULL, 'a row is shared with a role');
COMMIT;

-- A client, who is an admin of a tenant.
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ARRAY[''admin'', %L])', :'t1', :'alice', role), '42501', 'F1: an admin of a tenant takes the role ' || role, 'a role that you do not hold in this tenant') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.refused(format('SELECT * FROM warden.create_invite(tenant_id => %L, tenant_roles => ARRAY[%L])', :'t1', role), '42501', 'F1: or invites to it ' || role, 'a role that you do not hold in this tenant') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.refused(format('SELECT * FROM warden.create_invite(role => %L)', role), '42501', 'F1: or to the deployment with it ' || role, 'more than the acting') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.rows('SELECT FROM briefs', 0, 'what is shared with it stays closed');
SELECT t.is(warden.entity_allowed('agent', 'open'), false, 'and what is open to it');
SELECT t.is(warden.add_member(:'t1', :'dave', '{editor,viewer}'), true, 'a role that nothing names is given by who holds its scopes, and one that ships');
SELECT t.succeeds(format('SELECT * FROM warden.create_invite(tenant_id => %L, tenant_roles => ''{editor}'')', :'t1'), 'and invited to');
SELECT t.succeeds('SELECT * FROM warden.create_invite(role => ''editor'')', 'anywhere');
SELECT code FROM warden.create_invite(tenant_id => :'t1', tenant_roles => '{editor}', role => 'editor') \gset
SELECT code AS code_2 FROM warden.create_invite(tenant_id => :'t1', tenant_roles => '{editor}', role => 'user') \gset
COMMIT;
-- The operator gives it; who has it does not take it off, nor who has not.
\connect - boss
SELECT warden.add_member(:'t1', :'dave', '{barred}'), warden.add_member(:'t1', :'bob', '{legal}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.refused(format('SELECT warden.add_member(%L, %L)', :'t1', :'dave'), '42501', 'F1: nor does he take from another what closes something to him', 'not hold');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'dave'), '42501', 'F1: nor remove him', 'not hold');
COMMIT;
\connect - boss
SELECT warden.add_member(:'t1', :'alice', '{admin,barred,legal}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.is(warden.entity_allowed('agent', 'open'), true, 'who has the role has what it opens');
SELECT t.is(warden.add_member(:'t1', :'dave', '{user,legal}'), true, 'and gives and takes it');
COMMIT;
\connect - boss
SELECT warden.add_member(:'t1', :'alice', '{owner}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.is(warden.add_member(:'t1', :'dave', '{barred,press}'), true, 'as does an owner, whatever he has');
COMMIT;

-- A person behind an admin role.
\connect - boss
SELECT warden.assign_role(:'alice', 'barred'), warden.add_member(:'t1', :'dave', '{legal}');
SELECT warden.revoke_role(:'alice', 'barred');
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(format('SELECT warden.assign_role(%L, %L)', :'alice', role), '42501', 'R7: an admin gives himself ' || role, 'more than the acting') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.refused(format('SELECT warden.revoke_role(%L, %L)', :'alice', role), '42501', 'R7: or takes ' || role, 'more than the acting') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ARRAY[%L])', :'t2', :'alice', role), '42501', 'R7: or in a tenant ' || role, 'more than the acting') FROM unnest('{legal,barred,press}'::text[]) AS r (role);
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'dave'), '42501', 'R7: or takes it there', 'more than the acting');
SELECT t.is(warden.assign_role(:'alice', 'editor'), true, 'R7: a role that nothing names he gives'), t.is(warden.revoke_role(:'alice', 'editor'), true, 'R7: and takes');
SELECT t.is(warden.assign_role(:'dave', 'viewer'), true, 'R7: and one that ships');
SELECT t.is(warden.set_user_status(:'dave', 'suspended'), true, 'R7: who has such a role is managed by who holds its scopes: no client keeps an admin out by a share');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'chief_token');
SELECT t.is(warden.assign_role(:'dave', role), true, 'R7: an owner gives ' || role) FROM unnest('{legal,barred,press}'::text[]) AS r (role);
ROLLBACK;
SELECT warden.assign_role(:'alice', 'legal');
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.is(warden.assign_role(:'dave', 'legal'), true, 'R7: and who has it');
ROLLBACK;
SELECT t.is(warden.assign_role(:'dave', 'press'), true, 'the operator any');

-- An invite to a role that is named since is none any more.
SELECT warden.revoke_role(:'alice', 'legal'), warden.add_member(:'t1', :'chief', '{owner}'), warden.add_member(:'t1', :'alice', '{admin}');
\connect - app
SELECT t.is(error, NULL, 'an invite to a role that nothing names') FROM warden.redeem_invite(:'code', name => 'erin', password => 'correct horse');
\connect - boss
SELECT warden.set_entity_rule('agent', 'open', 'allow', 'theirs, too', role => 'editor');
\connect - app
SELECT t.is(error, 'invalid_grant', 'F1: is none once a rule names it') FROM warden.redeem_invite(:'code_2', name => 'frank', password => 'correct horse');
SELECT t.done();
