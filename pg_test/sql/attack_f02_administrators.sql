-- F1, F2: a person who acts behind an admin role gives himself no row of anybody, by whatever name he goes, and reaches rows of
-- nobody who holds more than he does, nor of a private user; what he does is recorded as his.
\ir lib/tenants.sql
\ir lib/agents.sql
SELECT warden.create_user('carol', id => 'ca401000-0000-4000-8000-000000000004') AS carol \gset
SELECT warden.create_user('chief', id => 'eeeeeeee-0000-4000-8000-000000000005') AS chief \gset
SELECT warden.create_user('erin', id => 'eeeeeeee-0000-4000-8000-000000000006') AS erin \gset
SELECT warden.define_role('support', '{user}'), warden.assign_role(:'carol', 'admin'), warden.assign_role(:'carol', 'support'), warden.assign_role(:'chief', 'owner');
SELECT warden.add_member(:'t2', :'carol'), warden.set_user_private(:'erin');
\set carol_token `lib/tokens mint :'carol' 600`
\set chief_token `lib/tokens mint :'chief' 600`
SELECT warden.register_agent('chief''s', :'chief') AS chiefs_agent, warden.register_agent('carol''s', :'carol') AS carols_agent \gset
GRANT USAGE ON SCHEMA t TO boss;
INSERT INTO projects (id, user_id, name) VALUES (10, :'chief', 'chief''s'), (11, :'erin', 'erin''s'), (12, :'chiefs_agent', 'his agent''s'), (13, 'deadbeef-0000-4000-8000-00000000000d', 'nobody''s any more');
CREATE TABLE gifts (call text);
GRANT SELECT ON gifts TO PUBLIC;
INSERT INTO gifts VALUES ('warden.assign(''projects'', %1$s, %2$L, ''share'')'), ('warden.share(''projects'', %1$s, %2$L, ''view'')'),
    ('warden.share(''projects'', %1$s, %2$L, ''view'', offer => true)'), ('warden.share_with(''projects'', %1$s, ''user:%2$s'', ''edit'')'),
    ('warden.transfer(''projects'', %1$s, %2$L)');

-- A plain user, an admin and an owner: to himself nobody gives anything.
\connect - boss
BEGIN;
SELECT warden.begin_admin('greed', :'mallory_token');
SELECT t.refused('SELECT ' || format(call, 3, :'mallory'), '42501', 'F2: a user behind an admin role is refused ' || call, 'gives himself nothing') FROM gifts;
SELECT t.refused(format('SELECT warden.share_with(''projects'', 3, %L, ''view'')', grantee), '42501', 'F2: and by ' || grantee, 'gives himself nothing')
FROM (VALUES ('role:user'), ('everyone'), ('tenant:' || :'t2')) AS v (grantee);
SELECT t.rows('SELECT * FROM warden.list_shares(''projects'', 3)', 0, 'F2: nothing was shared');
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('greed', :'carol_token');
SELECT t.refused('SELECT ' || format(call, 1, :'carol'), '42501', 'F2: an admin is refused ' || call, 'gives himself nothing') FROM gifts;
SELECT t.refused(format('SELECT warden.share_with(''projects'', 1, %L, ''view'')', grantee), '42501', 'F2: and by ' || grantee, 'gives himself nothing')
FROM (VALUES ('role:support'), ('role:admin'), ('everyone'), ('tenant:' || :'t2')) AS v (grantee);
SELECT t.refused('SELECT ' || format(call, 1, :'carols_agent'), '42501', 'F2: nor to an agent of his: ' || call, 'gives himself nothing') FROM gifts;
SELECT t.is(t.error('SELECT ' || format(call, 1, :'bob')), NULL, 'F2: to another user he does ' || call) FROM gifts;
SELECT t.is(t.error(format('SELECT warden.share_with(''projects'', 1, %L, ''view'')', grantee)), NULL, 'F2: and to ' || grantee || ', none of whom he is')
FROM (VALUES ('role:viewer'), ('tenant:' || :'t1')) AS v (grantee);
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('greed', :'chief_token');
SELECT t.refused('SELECT ' || format(call, 1, :'chief'), '42501', 'F2: nor does an owner: ' || call, 'gives himself nothing') FROM gifts;
SELECT t.is(t.error('SELECT ' || format(call, 1, :'bob')), NULL, 'F2: but to another ' || call) FROM gifts;
ROLLBACK;

-- Whose rows: of who holds no more than he does, and keeps no admins out.
BEGIN;
SELECT warden.begin_admin('support', :'carol_token');
SELECT t.refused('SELECT ' || format(call, id, :'bob'), '42501', 'F1: of ' || whose || ' an admin is refused ' || call, 'more than the acting user holds')
FROM gifts, (VALUES (10, 'an owner'), (11, 'a private user'), (12, 'an owner''s agent')) AS v (id, whose);
SELECT t.is(t.error('SELECT ' || format(call, 13, :'bob')), NULL, 'F1: of who is no user any more he does ' || call) FROM gifts;
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('support', :'chief_token');
SELECT t.is(t.error('SELECT ' || format(call, id, :'bob')), NULL, 'F1: an owner does it of ' || id || ': ' || call) FROM gifts, (VALUES (10), (11), (12)) AS v (id);
ROLLBACK;
-- What was given is theirs to keep, too.
SELECT warden.assign('projects', 10, :'bob', 'view') IS NOT NULL AS given_by_the_operator, warden.assign('projects', 1, :'bob', 'view') IS NOT NULL AS another;
BEGIN;
SELECT warden.begin_admin('support', :'carol_token');
SELECT t.refused(format('SELECT warden.unshare(''projects'', 10, %L)', :'bob'), '42501', 'F1: nor takes anything back', 'more than the acting user holds');
SELECT t.is(warden.unshare('projects', 1, :'bob'), 1, 'F1: but what he may manage');
ROLLBACK;

-- Not by leaving, nor behind somebody else.
\connect - postgres
SELECT warden.add_admin_role('gateway');
GRANT USAGE ON SCHEMA t TO gateway;
GRANT SELECT ON projects TO gateway;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'carol');
SELECT warden.sign_out();
SELECT t.refused('SELECT ' || format(call, 1, :'carol'), '42501', 'F2: who has signed out is no operator: ' || call, 'signed in, or refused, earlier') FROM gifts;
COMMIT;
BEGIN;
SELECT warden.begin_admin('greed', :'carol_token');
SELECT warden.set_current_user(:'alice');
SELECT t.refused('SELECT ' || format(call, 1, :'carol'), '42501', 'F2: nor is she another than the person of the token: ' || call, 'gives himself nothing') FROM gifts WHERE call !~ 'assign';
SELECT t.is(t.error('SELECT ' || format(call, 1, :'bob')), NULL, 'F2: to another one she does ' || call) FROM gifts WHERE call !~ 'assign';
COMMIT;

-- By itself a database role is the operator.
\connect - boss
SELECT t.is(t.error('SELECT ' || format(call, id, :'carol')), NULL, 'the operator does ' || call) FROM gifts, (VALUES (1), (10), (11)) AS v (id);

-- What is recorded of a person names that person, whichever function records it.
BEGIN;
SELECT warden.begin_admin('by carol', :'carol_token');
SELECT warden.transfer('projects', 1, :'bob'), warden.assign('projects', 1, :'alice', 'view'), warden.create_tenant('Cog') AS cog \gset
SELECT warden.record_event('noted'), warden.record_event('noted', outlive_rollback => true);
COMMIT;
SELECT warden.create_tenant('Dot') AS dot \gset
SELECT t.is(string_agg(concat_ws(' ', action, actor_id, user_id), ', ' ORDER BY action, id),
    concat_ws(', ', 'begin_admin ' || :'carol', 'create_tenant ' || :'carol', 'noted ' || :'carol', 'noted ' || :'carol', 'share ' || :'carol', 'transfer ' || :'carol'),
    'F2: every record of it names the person as the actor, and nobody as the user')
FROM warden.audit_log WHERE recorded_at >= (SELECT max(recorded_at) FROM warden.audit_log WHERE action = 'begin_admin') AND object IS DISTINCT FROM :'dot';
SELECT t.is(string_agg(actor_id::text, ', '), NULL, 'of a role by itself there is none') FROM warden.audit_log WHERE object = :'dot';
SELECT t.done();
