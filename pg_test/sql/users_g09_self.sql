-- G9, U10: nobody takes himself away, whether he is signed in, acts for another, or behind an admin role by begin_admin() with a token.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_admin_role('gateway'), warden.add_trusted_role('gateway');
GRANT USAGE ON SCHEMA t TO boss, gateway;
SELECT warden.create_user('carol', id => 'ca401000-0000-4000-8000-000000000004') AS carol \gset
SELECT warden.create_user('dora', id => 'd08a0000-0000-4000-8000-000000000005') AS dora \gset
SELECT warden.create_user('chief', id => 'eeeeeeee-0000-4000-8000-000000000006') AS chief \gset
SELECT warden.assign_role(:'carol', 'admin'), warden.assign_role(:'dora', 'admin'), warden.assign_role(:'chief', 'owner');
\set carol_token `lib/tokens mint ca401000-0000-4000-8000-000000000004 600`
\set dora_token `lib/tokens mint d08a0000-0000-4000-8000-000000000005 600`
SELECT warden.define_role('by_carol', '{user}');
SELECT warden.assign_role(:'carol', 'by_carol'), warden.assign_role(:'bob', 'by_carol'), warden.assign_role(:'dora', 'by_carol');
CREATE TABLE away (call text);
GRANT SELECT ON away TO PUBLIC;
INSERT INTO away SELECT 'SELECT ' || c FROM (VALUES ('warden.delete_user(%1$L)'), ('warden.set_user_status(%1$L, ''deleted'')'), ('warden.set_user_status(%1$L, ''suspended'')'),
    ('warden.set_user_status(%1$L, ''inactive'')'), ('warden.set_user_status(%1$L, ''pending'')'), ('warden.set_user_status(%1$L, ''temporary'')'),
    ('warden.erase_user(%1$L)'), ('warden.erase_user(%1$L, ''cascade'')'), ('warden.merge_users(%1$L, %2$L)')) AS v (c);

-- The person of a token.
\connect - boss
BEGIN;
SELECT warden.begin_admin('leaving', :'carol_token');
SELECT t.refused(format(call, :'carol', :'mallory'), '55000', 'G9: the person of begin_admin() is refused ' || call, 'this is the acting user') FROM away;
SELECT t.is(warden.set_user_status(:'carol', 'active'), false, 'G9: what takes nobody away he may say of himself');
SELECT t.is(t.error(format(call, :'dora', :'mallory')), NULL, 'G9: another admin he takes away: ' || call) FROM away;
SELECT t.is(warden.bulk_update_users('suspended', role => 'by_carol'), 2, 'U10: of three with the role he is left out');
SELECT t.is(warden.bulk_update_users('suspended', role => 'by_carol', dry_run => false), 2, 'U10: as counted');
SELECT t.is(warden.bulk_delete_users(role => 'by_carol'), 2, 'U10: also of deletion');
SELECT t.is(warden.bulk_delete_users(role => 'by_carol', dry_run => false), 2, 'U10: as counted');
SELECT t.rows(format('SELECT * FROM warden.find_user(%L) WHERE status = ''active''', :'carol'), 1, 'U10: and is there, active');
SELECT t.is(t.error(format('SELECT warden.merge_users(%L, %L)', :'mallory', :'carol')), NULL, 'G9: another user is merged into him');
ROLLBACK;
-- Also where somebody else has signed in since.
\connect - gateway
BEGIN;
SELECT warden.begin_admin('leaving', :'carol_token');
SELECT warden.set_current_user(:'dora');
SELECT t.refused(format(call, u, :'mallory'), '55000', 'G9: neither of both is taken away: ' || call, 'this is the acting user') FROM away, (VALUES (:'carol'), (:'dora')) AS v (u);
SELECT t.is(warden.bulk_delete_users(role => 'by_carol'), 1, 'U10: nor among many');
ROLLBACK;

-- The user of the transaction, and who acts for another.
BEGIN;
SELECT warden.set_current_user(:'carol');
SELECT t.refused(format(call, :'carol', :'mallory'), '55000', 'G9: a signed-in admin is refused ' || call, 'this is the acting user') FROM away;
SELECT t.is(warden.bulk_delete_users(role => 'by_carol'), 2, 'U10: and left out of many');
SELECT t.is(t.error(format(call, :'bob', :'mallory')), NULL, 'G9: others he takes away: ' || call) FROM away;
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT warden.act_as(:'dora', 'ticket 7');
SELECT t.is(warden.current_user_id() || ' ' || warden.current_actor_id(), :'dora' || ' ' || :'carol', 'carol acts for dora');
SELECT t.refused(format(call, u, :'mallory'), '55000', 'G9: who acts for another takes away neither of both: ' || call, 'this is the acting user') FROM away, (VALUES (:'carol'), (:'dora')) AS v (u);
SELECT t.is(warden.bulk_delete_users(role => 'by_carol'), 1, 'U10: nor among many');
ROLLBACK;

-- By itself a database role takes anybody away.
\connect - boss
SELECT t.is(t.error(format(call, :'carol', :'mallory')), NULL, 'G9: the operator does ' || call) FROM away;
SELECT t.is(warden.bulk_delete_users(role => 'by_carol'), 3, 'U10: and leaves none out');
SELECT t.done();
