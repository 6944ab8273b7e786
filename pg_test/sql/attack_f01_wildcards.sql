-- R7, F1: a wildcard covers what is declared later, too: it is granted by who has it, or a wider one, and not by who holds all that it
-- covers today, which may be nothing.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway'), warden.add_admin_role('gateway');
UPDATE warden.users SET roles = '{admin,user}' WHERE id = :'alice';
UPDATE warden.users SET roles = '{owner}' WHERE id = :'bob';
UPDATE warden.users SET roles = '{user}' WHERE id = :'mallory';
SELECT warden.define_role('payer', '{payments:*}'), warden.define_role('agents', '{agents:*}'), warden.define_role('own', ARRAY['user', 'files:{{user_id}}']), warden.define_role('files', '{files:*}');
CREATE TABLE calls (call text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    (format('SELECT warden.grant_scope(%L, ''payments:*'')', :'mallory')), (format('SELECT warden.revoke_scope(%L, ''payments:*'')', :'mallory')),
    (format('SELECT warden.grant_scope(%L, ''agents:*'')', :'mallory')), (format('SELECT warden.grant_scope(%L, ''agents:read:*'')', :'mallory')),
    (format('SELECT warden.assign_role(%L, ''payer'')', :'mallory')), (format('SELECT warden.assign_role(%L, ''agents'')', :'mallory')), (format('SELECT warden.assign_role(%L, ''files'')', :'mallory')),
    ('SELECT warden.define_role(''fresh'', ''{payments:*}'')'), ('SELECT warden.register_client(''web'', ''{user,payments:*}'')'),
    ('SELECT warden.create_invite(role => ''payer'')');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'mallory_token');
SELECT t.refused(call, '42501', 'R7: a user, who has no wildcard: ' || call, 'more than the acting user holds') FROM calls;
SELECT t.is(warden.grant_scope(:'alice', 'agents:read'), true, 'R7: but each scope that he holds');
SELECT t.is(warden.assign_role(:'mallory', 'viewer'), true, 'R7: and each role');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.is(t.error(call), NULL, 'R7: an admin, whose scope implies *: ' || call) FROM calls;
SELECT t.is(warden.define_role('editor', '{docs:*,docs:read}'), true, 'R7: also of scopes that are new');
SELECT t.is(warden.assign_role(:'mallory', 'payer'), true, 'R7: gives it');
SELECT t.is(warden.grant_scope(:'mallory', 'payments:*'), true, 'R7: alone, too');
ROLLBACK;
-- Who has a wildcard gives it, and those below, and no other; also where it covers nothing.
\connect - postgres
UPDATE warden.users SET roles = '{user}', scopes = '{payments:*,agents:*}' WHERE id = :'mallory';
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'mallory_token');
SELECT t.is(warden.grant_scope(:'bob', scope), true, 'R7: who has it gives ' || scope) FROM unnest('{payments:*,payments:refunds:*,agents:*,agents:read:*}'::text[]) AS s (scope);
SELECT t.refused(format('SELECT warden.grant_scope(%L, %L)', :'bob', scope), '42501', 'R7: and not ' || scope, 'more than the acting')
FROM unnest('{*,payment:*,pay:*,tools:*,files:*}'::text[]) AS s (scope);
ROLLBACK;
-- A token that was narrowed leaves a wildcard whole or not at all.
\set admin `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"scope": "admin"}'`
\set reader `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"scope": "agents:read user"}'`
BEGIN;
SELECT warden.begin_admin('R7', :'admin');
SELECT t.is(warden.grant_scope(:'alice', scope), true, 'R7: by a token that implies all: ' || scope) FROM unnest('{*,agents:*,payments:*}'::text[]) AS s (scope);
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'reader');
SELECT t.refused(format('SELECT warden.grant_scope(%L, %L)', :'alice', scope), '42501', 'R7: by a narrow token: ' || scope, 'more than the acting')
FROM unnest('{*,agents:*,payments:*}'::text[]) AS s (scope);
SELECT t.is(warden.grant_scope(:'alice', 'agents:read'), true, 'R7: but what it names');
ROLLBACK;
-- The user of the transaction.
\connect - gateway
BEGIN;
SELECT warden.authenticate(:'reader');
SELECT t.refused(format('SELECT warden.grant_scope(%L, %L)', :'alice', scope), '42501', 'R7: as the user of the transaction, by a narrow token: ' || scope, 'more than the acting')
FROM unnest('{*,agents:*,payments:*}'::text[]) AS s (scope);
ROLLBACK;
BEGIN;
SELECT warden.set_current_user(:'bob');
SELECT t.is(warden.grant_scope(:'alice', scope), true, 'R7: and by all that he has: ' || scope) FROM unnest('{*,agents:*,payments:*}'::text[]) AS s (scope);
ROLLBACK;
SELECT t.done();
