-- G6, A11: act_as is recorded with both ids before it takes effect and whatever is rolled back, the user's policy keeps its plan, parallel
-- workers see the user, a revoked credential begins nothing, and a private user is declared by administrators.
\ir lib/cast.sql
\ir lib/parallel.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
\set carol ca401000-0000-4000-8000-000000000004
SELECT warden.create_user(id => :'carol');
SELECT warden.assign_role(:'carol', 'admin');
\set carol_token `lib/tokens mint :'carol' 600`
SET ROLE owner;
CREATE TABLE notes (id int, user_id uuid, body text);
INSERT INTO notes SELECT i, CASE WHEN i % 100 = 0 THEN :'bob' ELSE :'alice' END::uuid, 'note' FROM generate_series(1, 5000) AS i;
CREATE INDEX notes_mine ON notes (user_id, id);
SELECT count(*) FROM warden.protect('notes');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app;
ANALYZE notes;
RESET ROLE;
\ir lib/as_attacker.sql

-- The plan: bob's own, without a term for whoever acts.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.plan('SELECT * FROM notes ORDER BY id DESC LIMIT 20') AS own_plan \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(warden.act_as(:'bob', 'ticket 7'), :'bob'::uuid, 'act_as returns the user');
SELECT t.is(t.plan('SELECT * FROM notes ORDER BY id DESC LIMIT 20'), :'own_plan', 'G6: the plan is the user''s own');
SELECT t.ok(:'own_plan' ~ 'Index Scan.* using notes_mine' AND :'own_plan' !~* ' OR |admin', 'by the index, without an OR');
SELECT t.rows('SELECT * FROM notes', 50, 'of the user''s rows');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'G6: parallel workers see the user''s rows');
INSERT INTO notes (id, body) VALUES (0, 'by carol for bob');
SELECT t.is((SELECT user_id FROM notes WHERE id = 0), :'bob'::uuid, 'what is made is the user''s');
SELECT t.rows('DELETE FROM notes WHERE id <> 0', 50, 'and no row of others is reached');
SELECT warden.record_event('looked');
ROLLBACK;

-- The record: both ids, the reason and the end, and it stands although all was rolled back.
\connect - postgres
SELECT t.is((SELECT string_agg(concat_ws(' ', r.user_id, r.actor_id, r.object, r.detail ->> 'reason', r.database_role), '; ') FROM warden.audit_log r WHERE r.action = 'act_as'),
    concat_ws(' ', :'bob', :'carol', :'bob', 'ticket 7', 'app'), 'G6, A11: the record names user, actor and reason, and outlives the rollback');
SELECT t.ok((SELECT (r.detail ->> 'expires_at')::timestamptz BETWEEN r.recorded_at + interval '4 minutes' AND r.recorded_at + interval '5 minutes' FROM warden.audit_log r WHERE r.action = 'act_as'), 'and until when');
\connect - app
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT warden.act_as(:'bob', 'and commits');
SELECT warden.record_event('looked');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(concat_ws(' ', r.action, r.actor_id), ', ' ORDER BY r.id) FROM warden.audit_log r WHERE r.actor_id <> r.user_id),
    format('act_as %1$s, act_as %1$s, looked %1$s', :'carol'), 'D7: bob finds who acted as him, and what was done');
COMMIT;
-- A transaction that writes nothing, and one that sees what was committed long ago.
BEGIN READ ONLY;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(warden.act_as(:'bob', 'read only'), :'bob'::uuid, 'a READ ONLY transaction may, and is recorded');
COMMIT;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'carol');
SELECT warden.act_as(:'bob', 'stated by a gateway');
SELECT t.is(seen(), 'bob 1, bob 2', 'whom a gateway has stated may, too');
COMMIT;
\connect - postgres
SELECT t.is((SELECT string_agg(r.detail ->> 'reason', ', ' ORDER BY r.id) FROM warden.audit_log r WHERE r.action = 'act_as'),
    'ticket 7, and commits, read only, stated by a gateway', 'each is recorded');

-- What has been revoked since begins nothing, also under an old snapshot.
CREATE EXTENSION dblink;
SELECT format('host=%s port=%s dbname=%s user=postgres', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) AS elsewhere \gset
GRANT EXECUTE ON FUNCTION dblink_connect_u(text, text) TO PUBLIC;
\connect - app
SELECT dblink_connect_u('elsewhere', :'elsewhere');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(seen(), NULL, 'a snapshot');
SELECT dblink_exec('elsewhere', format('DO $d$ BEGIN PERFORM warden.revoke_all_sessions(%L); END $d$', :'carol'));
SELECT t.refused(format('SELECT warden.act_as(%L, ''late'')', :'bob'), '28000', 'E5: a revoked credential begins nothing', 'authentication failed');
COMMIT;
\set carol_token `sleep 1; lib/tokens mint :'carol' 600`
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT warden.authenticate(:'carol_token');
SELECT seen();
SELECT dblink_exec('elsewhere', format('DO $d$ BEGIN PERFORM warden.set_user_status(%L, ''suspended''); END $d$', :'bob'));
SELECT t.refused(format('SELECT warden.act_as(%L, ''late'')', :'bob'), 'P0002', 'a suspended user is nobody to act as');
COMMIT;
SELECT dblink_exec('elsewhere', format('DO $d$ BEGIN PERFORM warden.set_user_status(%L, ''active''); END $d$', :'bob'));
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(warden.act_as(:'bob', 'again'), :'bob'::uuid, 'an active one is');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT dblink_exec('elsewhere', format('DO $d$ BEGIN PERFORM warden.assign_role(%L, ''admin''), warden.revoke_role(%L, ''admin''); END $d$', :'mallory', :'carol'));
SELECT t.refused(format('SELECT warden.act_as(%L, ''late'')', :'bob'), '42501', 'nor does who is no admin any more', 'users:act_as');
COMMIT;
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.audit_log r WHERE r.detail ->> 'reason' = 'late'), 0, 'what did not happen is not recorded');
SELECT warden.assign_role(:'carol', 'admin');

-- A private user: declared by an administrator; taken back by an owner, where a person acts.
\connect - boss
SELECT t.is(warden.set_user_private(:'alice'), true, 'declared'), t.is(warden.set_user_private(:'alice'), false, 'once');
SELECT t.refused('SELECT warden.set_user_private(gen_random_uuid())', 'P0002', 'an unknown user');
SELECT t.refused(format('SELECT warden.set_user_private(%L, NULL)', :'alice'), '22023', 'NULL is neither');
BEGIN;
SELECT warden.begin_admin('support', :'carol_token');
SELECT t.is(warden.set_user_private(:'bob'), true, 'an admin declares');
SELECT t.refused(format('SELECT warden.set_user_private(%L, false)', :'alice'), '42501', 'G6: and does not take back what keeps him out', 'owner');
ROLLBACK;
\connect - app
SELECT t.refused(format('SELECT warden.set_user_private(%L)', :'alice'), '42501', 'A8: a client declares nothing', 'permission denied');
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.refused(format('SELECT warden.act_as(%L, ''x'')', :'alice'), '42501', 'nobody acts as a private user', 'private');
COMMIT;
\connect - boss
SELECT t.is(warden.set_user_private(:'alice', false), true, 'taken back by the operator');
\connect - app
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(warden.act_as(:'alice', 'x'), :'alice'::uuid, 'she is as others are');
COMMIT;
\connect - postgres
SELECT t.is((SELECT string_agg(concat_ws(' ', r.object, r.detail ->> 'private'), ', ' ORDER BY r.id) FROM warden.audit_log r WHERE r.action = 'set_user_private'),
    format('%1$s true, %1$s false', :'alice'), 'and recorded');

-- Scopes of templates follow the user, where both hold the template.
SELECT warden.define_role('admin', ARRAY['user', 'agents:read', 'tools:execute', 'admin', 'users:act_as', 'files:{{user_id}}']), warden.define_role('user', ARRAY['user', 'files:{{user_id}}']);
\connect - app
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT warden.act_as(:'bob', 'files');
SELECT t.is(warden.has_scope('files:' || :'bob'), true, 'G6: the user''s files'), t.is(warden.has_scope('files:' || :'carol'), false, 'not one''s own');
COMMIT;
SELECT t.done();
