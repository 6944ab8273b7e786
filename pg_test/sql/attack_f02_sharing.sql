-- F2, F3, taOS F9, D4: who shares, takes back and gives away gets no further than he may, and learns nothing of other users.
\ir lib/cast.sql
\ir lib/agents.sql
SELECT warden.create_user('carol@example.com') AS carol \gset
SELECT warden.define_role('maker', '{tools:write}', false);
-- What time does.
CREATE FUNCTION ended(share_id uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ UPDATE warden.shares s SET expires_at = clock_timestamp() WHERE s.id = ended.share_id $$;
CREATE FUNCTION has_roles(user_id uuid, roles text[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ UPDATE warden.users u SET roles = has_roles.roles WHERE u.id = has_roles.user_id $$;
SET ROLE owner;
-- One booking of a room at a time for each user, by operators that every database has.
CREATE TABLE bookings (id int PRIMARY KEY, user_id uuid NOT NULL, room text NOT NULL, EXCLUDE (room WITH =, user_id WITH =));
GRANT SELECT, INSERT, UPDATE, DELETE ON bookings TO app;
INSERT INTO bookings VALUES (1, :'alice', 'the secret room'), (2, :'alice', 'another'), (3, :'bob', 'the secret room');
SELECT count(*) FROM warden.protect('bookings', shareable => true);
RESET ROLE;
\ir lib/as_attacker.sql

-- D4: whom a row is given shows none of his.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.transfer(''bookings'', 1, %L)', :'bob'), '23505', 'D4: what an exclusion constraint keeps apart is not given', 'cannot be given');
SELECT t.is(t.error(format('SELECT warden.transfer(''bookings'', 1, %L)', :'bob')) ->> 'detail', '', 'D4: and nothing is told of what he has');
SELECT t.is(warden.transfer('bookings', 2, :'bob'), true, 'D4: what nothing stands against is given');
ROLLBACK;

-- F3: who acts for alice keeps nothing of hers for himself, by whatever name he goes.
\set by_bob `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"act": {"sub": "b0b00000-0000-4000-8000-000000000002"}}'`
BEGIN;
SELECT warden.authenticate(:'by_bob');
SELECT t.is(warden.current_user_id() || ' ' || warden.current_actor_id(), :'alice' || ' ' || :'bob', 'F3: bob acts for alice');
SELECT t.refused(format('SELECT warden.share_with(''projects'', 1, %L, ''view'')', grantee), '42501', 'F3: nothing for ' || grantee, 'gives himself nothing')
FROM (VALUES ('user:' || :'bob'), ('everyone'), ('role:user')) AS v (grantee);
SELECT t.ok(warden.share_with('projects', 1, 'user:' || :'mallory', 'view') IS NOT NULL, 'F3: whom alice names he serves');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.ok(warden.share_with('projects', 1, grantee, 'view') IS NOT NULL, 'F3: alice herself shares with ' || grantee)
FROM (VALUES ('user:' || :'bob'), ('everyone'), ('role:user')) AS v (grantee);
ROLLBACK;

-- F2: what was shared on ends when the share does, and does not come back when that is given again.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('projects', 1, :'bob', 'share', clock_timestamp() + interval '1 hour') AS ending \gset
SELECT warden.share('projects', 2, :'bob', 'share', clock_timestamp() + interval '1 hour') AS lasting \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share('projects', 1, :'mallory', 'share'), warden.share('projects', 2, :'mallory', 'share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT warden.share('projects', 1, :'carol', 'edit'), warden.share('projects', 2, :'carol', 'edit');
SELECT t.rows('SELECT * FROM projects', 2, 'F2: while it lasts what was shared on is seen');
COMMIT;
BEGIN;
SELECT ended(:'ending');
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.share('projects', 1, :'bob', 'share') || ' ' || warden.share('projects', 2, :'bob', 'share'), :'ending' || ' ' || :'lasting', 'F2: given again, each keeps its id');
SELECT t.is((SELECT count(*) FROM warden.who_can('projects', 1)), 2, 'F2: of what had ended the owner and bob are left');
SELECT t.is((SELECT count(*) FROM warden.list_shares('projects', 1)), 1, 'F2: and nothing that would come back');
SELECT t.is((SELECT count(*) FROM warden.who_can('projects', 2)), 4, 'F2: what lasted stays with all whom it was given');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is((SELECT string_agg(id::text, ',') FROM projects), '2', 'F2: the statement says the same');
COMMIT;

-- F2: who only reads takes nothing away from others, and leaves by himself.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('tools', 'search', :'bob', 'share'), warden.share('tools', 'search', :'mallory', 'view'), warden.share_with('tools', 'search', 'everyone', 'view');
COMMIT;
BEGIN; SELECT has_roles(:'alice', '{viewer}'), has_roles(:'bob', '{viewer}'); COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(statement, '42501', 'F2: refused to an owner who only reads: ' || statement, 'takes nothing away')
FROM (VALUES (format('SELECT warden.unshare(''tools'', ''search'', %L)', :'mallory')), ('SELECT warden.unshare_with(''tools'', ''search'', ''everyone'')'),
    ('SELECT warden.unshare_with(''tools'', ''search'', ''role:user'')')) AS s (statement);
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(format('SELECT warden.unshare(''tools'', ''search'', %L)', :'mallory'), '42501', 'F2: and to who may share it on', 'takes nothing away');
SELECT t.is(warden.unshare('tools', 'search', :'bob'), 1, 'F2: who only reads leaves');
COMMIT;
BEGIN; SELECT has_roles(:'alice', '{user}'), has_roles(:'bob', '{user}'); COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.unshare('tools', 'search', :'mallory') + warden.unshare_with('tools', 'search', 'everyone'), 2, 'F2: who writes takes away what she gave');
SELECT t.rows('SELECT * FROM warden.list_shares(''tools'', ''search'')', 0, 'F2: all of it');
SELECT warden.share('tools', 'mail', :'mallory', 'view');
COMMIT;
-- Likewise where the table asks for a scope.
\connect - owner
SELECT count(*) FROM warden.protect('tools', shareable => true, write_scope => 'tools:write');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.unshare(''tools'', ''mail'', %L)', :'mallory'), '42501', 'F2: without the scope nothing is taken away', 'takes nothing away');
COMMIT;
BEGIN; SELECT has_roles(:'alice', '{user,maker}'); COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.unshare('tools', 'mail', :'mallory'), 1, 'F2: with it, it is');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.unshare('tools', 'mail', :'mallory'), 1, 'F2: without it one leaves');
COMMIT;
SELECT t.done();
