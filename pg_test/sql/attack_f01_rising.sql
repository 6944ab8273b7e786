-- R7, F1: nobody grants or takes a role, a scope or a client's scope that he does not hold; an admin makes no owner; a client
-- grants nothing at all.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway'), warden.add_admin_role('gateway');
CREATE FUNCTION becomes(who text, roles text[], scopes text[] DEFAULT '{}') RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ UPDATE warden.users SET roles = becomes.roles, scopes = becomes.scopes WHERE id = who::uuid RETURNING true $$;
SELECT becomes(:'bob', '{owner}');
SELECT becomes(:'mallory', '{user}');
SELECT becomes(:'alice', '{admin,user}');
-- Each call of somebody who acts as a person, and what comes of it.
CREATE TABLE calls (call text, note text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    (format('SELECT warden.assign_role(%L, ''owner'')', :'mallory'), 'makes an owner'), (format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), 'makes himself owner'),
    (format('SELECT warden.revoke_role(%L, ''owner'')', :'bob'), 'takes an owner''s role'),
    (format('SELECT warden.grant_scope(%L, ''billing'')', :'mallory'), 'grants what he has not'), (format('SELECT warden.grant_scope(%L, ''billing'')', :'alice'), 'grants it to himself'),
    (format('SELECT warden.grant_scope(%L, ''users:manage'')', :'mallory'), 'grants what he has not'),
    ('SELECT warden.register_client(''web'', ''{user,billing}'')', 'lets a client have it'), ('SELECT warden.unregister_client(''web'')', 'frees a client'),
    ('SELECT warden.define_role(''user'', ''{user,billing}'')', 'puts it into a role'), ('SELECT warden.define_role(''fresh'', ''{users:manage}'')', 'or a new one'),
    ('SELECT warden.define_role(''owner'', ''{user}'')', 'makes an owner less'), ('SELECT warden.define_scope(''user'', ''{billing}'')', 'has a scope imply it'),
    ('SELECT warden.define_scope(''billing'')', 'lets wildcards cover it');

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(call, '42501', 'F1: a client, though an owner: ' || note, 'permission denied') FROM calls;
SELECT t.refused('UPDATE warden.users SET roles = ''{owner}''', '42501', 'F1: nor past the functions', 'permission denied');
SELECT t.refused('INSERT INTO warden.roles VALUES (''user'', ''{*}'')', '42501', 'F1: nor past the functions', 'permission denied');
COMMIT;

-- A person behind an admin role.
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(call, '42501', 'R7: an admin ' || note, 'more than the acting user holds') FROM calls;
SAVEPOINT s;
SELECT t.is(warden.assign_role(:'mallory', 'viewer'), true, 'R7: an admin makes a viewer');
SELECT t.is(warden.assign_role(:'mallory', 'admin'), true, 'R7: and an admin');
SELECT t.is(warden.demote_user(:'mallory'), 'demoted', 'R7: and takes that back');
SELECT t.is(warden.grant_scope(:'mallory', 'mcp'), true, 'R7: grants what admin implies');
SELECT t.is(warden.grant_scope(:'mallory', '*'), true, 'R7: and the wildcard, which is no more');
SELECT t.is(warden.register_client('web', '{user,agents:*}'), true, 'R7: and lets a client have it');
SELECT t.is(warden.define_role('editor', '{user,docs:write}'), true, 'R7: a scope that is new opens nothing yet');
ROLLBACK TO s;
SELECT warden.begin_admin('without a token');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: the person stays for the transaction', 'more than the acting');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT warden.begin_admin('R7', :'alice_token');
ROLLBACK TO s;
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: also where the opening is rolled back', 'more than the acting');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'mallory_token');
SELECT t.refused(format('SELECT warden.promote_user(%L)', :'mallory'), '42501', 'R7: a user makes no admin', 'more than the acting');
SELECT t.refused(format('SELECT warden.demote_user(%L)', :'alice'), '42501', 'R7: nor unmakes one', 'more than the acting');
SELECT t.refused(format('SELECT warden.grant_scope(%L, ''*'')', :'mallory'), '42501', 'R7: nor grants a wildcard', 'more than the acting');
SELECT t.refused(format('SELECT warden.grant_scope(%L, ''agents:*'')', :'alice'), '42501', 'R7: though he holds all that it covers today', 'more than the acting');
SELECT t.is(warden.grant_scope(:'alice', 'agents:read'), true, 'R7: but what he holds');
ROLLBACK;
-- A token that was narrowed narrows its bearer here as well; an owner may all.
\set narrow `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"scope": "admin"}'`
BEGIN;
SELECT warden.begin_admin('R7', :'narrow');
SELECT t.refused(format('SELECT warden.grant_scope(%L, ''billing'')', :'alice'), '42501', 'R7: an owner by a token without it', 'more than the acting');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'bob_token');
SELECT t.succeeds(call, 'R7: an owner ' || note) FROM calls WHERE note NOT LIKE '%less' AND note NOT LIKE 'takes%';
ROLLBACK;
-- Who only reads makes nobody write.
\connect - postgres
SELECT becomes(:'mallory', '{viewer}', '{*,billing,users:manage}');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'mallory_token');
SELECT t.refused('SELECT warden.define_role(''viewer'', ''{user,agents:read}'', reads_only => false)', '42501', 'R7: who only reads lets his role write', 'only reads');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''user'')', :'mallory'), '42501', 'R7: or takes one that writes', 'more than the acting');
SELECT t.is(warden.define_role('viewer', '{user,agents:read,mcp}'), true, 'R7: but grants what he holds');
ROLLBACK;
-- The user whom a role with both duties acts for.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: as the user of the transaction', 'more than the acting');
SELECT t.is(warden.assign_role(:'mallory', 'user'), true, 'R7: who may give what he has');
ROLLBACK;
-- What a tenant has made of him is nothing to grant everywhere; nor what an agent acts with in another's name.
\connect - postgres
SELECT warden.create_tenant('Acme') AS acme \gset
SELECT becomes(:'alice', '{user}');
SELECT warden.add_member(:'acme', :'alice', '{owner}'), warden.add_member(:'acme', :'bob');
\set acting `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"act": {"sub": "a11ce000-0000-4000-8000-000000000001"}}'`
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice', :'acme');
SELECT t.is(warden.has_scope('billing'), true, 'an owner of a tenant holds there what owners hold');
SELECT t.refused(call, '42501', 'R7: an owner of a tenant ' || note, 'more than the acting user holds') FROM calls;
SELECT t.refused(format('SELECT warden.assign_role(%L, ''admin'')', :'mallory'), '42501', 'R7: makes no admin of the deployment', 'more than the acting');
SELECT t.is(warden.assign_role(:'mallory', 'user'), true, 'R7: but gives what he has everywhere');
ROLLBACK;
BEGIN;
SELECT warden.set_current_user(:'bob', :'acme');
SELECT t.is(warden.assign_role(:'mallory', 'owner'), true, 'R7: an owner of the deployment makes one, whatever he is in the tenant');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'acting');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'mallory'), '42501', 'R7: who acts for an owner makes none', 'more than the acting');
SELECT t.is(warden.assign_role(:'mallory', 'user'), true, 'R7: but gives what he has himself');
ROLLBACK;
-- Nor does he become the operator by leaving.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT warden.sign_out();
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: who has signed out is not the operator', 'earlier in this transaction');
SELECT warden.set_current_user(:'alice');
SELECT t.is(warden.assign_role(:'mallory', 'user'), true, 'R7: but may come back, and give what he has');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT warden.set_current_user(:'alice');
ROLLBACK TO s;
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: nor after ROLLBACK TO', 'earlier in this transaction');
ROLLBACK;
BEGIN;
SELECT t.refused('SELECT warden.set_current_user(gen_random_uuid())', '28000', 'R7: an attempt fails');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''owner'')', :'alice'), '42501', 'R7: nor who was refused', 'earlier in this transaction');
ROLLBACK;

-- A role without scopes is held by name; a role or client is changed by who holds what it had as well.
\connect - postgres
SELECT warden.define_role('badge', '{}'), warden.define_role('biller', '{user,billing}'), warden.register_client('till', '{user,billing}');
SELECT becomes(:'alice', '{admin,user}'), becomes(:'mallory', '{viewer}', '{*}');
CREATE TABLE taken (call text);
GRANT SELECT ON taken TO PUBLIC;
INSERT INTO taken VALUES (format('SELECT warden.assign_role(%L, ''badge'')', :'mallory')), ('SELECT warden.define_role(''biller'', ''{user}'')'), ('SELECT warden.register_client(''till'', ''{user}'')');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.refused(call, '42501', 'R7: ' || call, 'more than the acting') FROM taken;
ROLLBACK;
BEGIN;
SELECT warden.set_current_user(:'bob');
SELECT t.succeeds(call, 'R7: an owner: ' || call) FROM taken WHERE call NOT LIKE '%badge%';
ROLLBACK;
BEGIN;
SELECT warden.set_current_user(:'mallory');
SELECT t.refused('SELECT warden.define_role(''user'', ''{user,agents:read,tools:execute}'', reads_only => true)', '42501', 'R7: who only reads keeps nobody from writing', 'only reads');
ROLLBACK;
\connect - postgres
SELECT becomes(:'alice', '{admin,user,badge}');
SELECT becomes(:'mallory', '{user}');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.is(warden.assign_role(:'mallory', 'badge'), true, 'R7: who has the role gives it');
ROLLBACK;
-- A key of who holds more is not his to revoke.
\connect - postgres
SELECT k.id AS owners_key FROM warden.create_api_key('job', user_id => :'bob') AS k \gset
SELECT k.id AS users_key FROM warden.create_api_key('job', user_id => :'mallory') AS k \gset
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(format('SELECT warden.revoke_api_key(%L)', :'owners_key'), '42501', 'R7: an admin revokes no key of an owner', 'more than the acting');
SELECT t.is(warden.revoke_api_key(:'users_key'), true, 'R7: but a user''s');
ROLLBACK;
SELECT t.is(warden.revoke_api_key(:'owners_key'), true, 'the operator any');
-- The operator, who is nobody's subject; and the next transaction is nobody's.
\connect - boss
SELECT t.is(warden.assign_role(:'alice', 'owner'), true, 'a database role by itself is the operator');
SELECT t.done();
