-- D1, D2, R7, F1: an admin, acting as a person, makes nobody owner of a tenant, unmakes none, and does not become one by the owner's
-- credentials; tenants and the deployment are changed by an admin.
\ir lib/tenants.sql
UPDATE warden.users SET roles = '{admin,user}' WHERE id = :'alice';
SELECT warden.create_user(id => 'eeeeeeee-0000-4000-8000-000000000005') AS chief \gset
UPDATE warden.users SET roles = '{owner}' WHERE id = :'chief';
\set chief_token `lib/tokens mint eeeeeeee-0000-4000-8000-000000000005 600`
SELECT warden.create_user() AS second \gset
SELECT warden.add_member(:'t2', :'second', '{owner}'), warden.add_admin_role('gateway');
CREATE TABLE calls (call text, note text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    (format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t2', :'alice'), 'makes himself owner of a tenant'),
    (format('SELECT warden.add_member(%L, %L, ''{admin,owner}'')', :'t1', :'alice'), 'also of one whose admin he is'),
    (format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t2', :'bob'), 'makes somebody else one'),
    (format('SELECT warden.add_member(%L, %L, ''{user}'')', :'t2', :'mallory'), 'takes it from an owner'),
    (format('SELECT warden.remove_member(%L, %L)', :'t2', :'mallory'), 'removes an owner');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(call, '42501', 'R7: an admin ' || note, 'role "owner" is more than the acting user holds') FROM calls;
SELECT t.is(warden.add_member(:'t2', :'alice', '{admin}'), true, 'R7: an admin makes an admin of a tenant');
SELECT t.is(warden.add_member(:'t2', :'bob', '{viewer}'), true, 'R7: and a viewer');
SELECT t.is(warden.remove_member(:'t2', :'bob'), true, 'R7: and removes him');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'bob_token');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{admin}'')', :'t1', :'bob'), '42501', 'R7: a user makes no admin', 'more than the acting');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice'), '42501', 'R7: nor removes one', 'more than the acting');
SELECT t.is(warden.add_member(:'t1', :'mallory', '{user}'), true, 'R7: but makes a user');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'chief_token');
SELECT t.is(t.error(call), NULL, 'R7: an owner of the deployment ' || note) FROM calls;
ROLLBACK;
SELECT t.is(t.error(call), NULL, 'the operator ' || note) FROM calls;
-- What he is in the tenant is nothing to an admin role that acts for him.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'mallory', :'t2');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t1', :'mallory'), '42501', 'D2: an owner of one tenant makes himself owner of another', 'more than the acting');
SELECT t.is(warden.add_member(:'t1', :'mallory', '{user}'), true, 'D2: but gives what he has everywhere');
ROLLBACK;

-- The credentials of an owner of a tenant.
\connect - postgres
CREATE TABLE managing (call text);
GRANT SELECT ON managing TO PUBLIC;
INSERT INTO managing VALUES
    ('warden.create_api_key(''k'', NULL, NULL, %1$L)'), ('warden.set_password(%1$L, ''correct horse'')'), ('warden.create_invite(user_id => %1$L)'),
    ('warden.link_identity(%1$L, ''https://id.example.com'', ''me too'')'), ('warden.delete_user(%1$L)'), ('warden.erase_user(%1$L, ''cascade'')'),
    ('warden.set_user_status(%1$L, ''suspended'')'), ('warden.merge_users(%1$L, %2$L)'), ('warden.merge_users(%2$L, %1$L)'),
    ('warden.update_user(%1$L, email => ''mine@example.com'')'), ('warden.revoke_all_sessions(%1$L)');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused('SELECT ' || format(call, :'mallory', :'bob'), '42501', 'F1: an admin is refused, of an owner of a tenant: ' || call, 'role "owner" is more than the acting user holds') FROM managing;
SELECT warden.create_user() AS other \gset
SELECT t.is(t.error('SELECT ' || format(call, :'bob', :'other')), NULL, 'F1: an admin does, to a user who is one in tenants, too: ' || call) FROM managing;
SELECT t.is(warden.bulk_update_users('suspended', role => 'user', dry_run => false) > 0, true, 'F1: of many he suspends those whom he may');
SELECT t.is((SELECT u.status FROM warden.find_user(:'mallory') AS u), 'active', 'F1: and no owner of a tenant');
SELECT t.is((SELECT u.status FROM warden.find_user(:'bob') AS u), 'suspended', 'F1: but a user');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'chief_token');
SELECT t.is(t.error('SELECT ' || format(call, :'mallory', :'bob')), NULL, 'F1: an owner of the deployment does: ' || call) FROM managing;
ROLLBACK;
SELECT t.is(t.error('SELECT ' || format(call, :'mallory', :'bob')), NULL, 'the operator does: ' || call) FROM managing;

-- D1: tenants and the deployment are an admin's, where a person acts.
CREATE TEMP TABLE deploying AS SELECT 'SELECT ' || format(c, :'t1') AS call FROM (VALUES ('warden.create_tenant(''Dot'')'), ('warden.set_tenant_status(%L, ''suspended'')'),
    ('warden.update_tenant(%L, ''Other'')'), ('warden.set_tenant_setting(%L, ''max_users'', ''3'')'), ('warden.set_feature(''sso'')'), ('warden.set_feature(''sso'', true, %L)'),
    ('warden.set_deployment(''ours'')'), ('warden.define_setting(''seats'', ''count'')')) AS v (c);
BEGIN;
SELECT warden.begin_admin('D1', :'bob_token');
SELECT t.refused(call, '42501', 'D1: refused to a user behind an admin role: ' || call, 'scope "admin" is more than the acting user holds') FROM deploying;
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('D1', :'alice_token');
SELECT t.is(t.error(call), NULL, 'D1: an admin does ' || call) FROM deploying;
ROLLBACK;
SELECT t.is(t.error(call), NULL, 'D1: the operator does ' || call) FROM deploying;

-- Who becomes an owner of a tenant after he was reset does not come back by the code of an admin.
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT code FROM warden.create_invite(user_id => :'bob') \gset
COMMIT;
SELECT warden.add_member(:'t2', :'bob', '{owner}');
\connect - app
SELECT t.is(error, 'invalid_grant', 'F1: nor by the code for a user who has become one since') FROM warden.redeem_invite(:'code', password => 'correct horse');
\connect - boss
SELECT warden.add_member(:'t2', :'bob', '{user}');
\connect - app
SELECT t.is(error, NULL, 'F1: but for who is none') FROM warden.redeem_invite(:'code', password => 'correct horse');
SELECT t.done();
