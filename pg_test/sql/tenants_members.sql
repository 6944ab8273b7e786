-- D2, R7: who manages the members of a tenant: administrators, and its own admins, who give what they hold and stay until another is there.
\ir lib/tenants.sql
SELECT warden.update_user(:'bob', display_name => 'Bob', email => 'bob@example.com');
SELECT warden.create_user(display_name => 'Carol') AS carol, warden.create_user() AS dave, warden.create_user() AS gone \gset
SELECT warden.delete_user(:'gone'), warden.define_role('badge', '{}');
CREATE FUNCTION members(tenant_id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(coalesce(m.display_name, left(m.user_id::text, 4)), ' ', m.roles), ', ' ORDER BY m.added_at, m.user_id) FROM warden.list_members(tenant_id, 100) m
$$;

-- Administrators of the database.
\connect - boss
SELECT t.is(members(:'t1'), 'a11c {admin}, Bob {user}', 'an administrator lists');
SELECT t.is(warden.add_member(:'t1', :'carol', '{viewer,user,viewer}'), true, 'adds');
SELECT t.is(warden.add_member(:'t1', :'carol', '{user,viewer}'), false, 'once');
SELECT t.is(members(:'t1'), 'a11c {admin}, Bob {user}, Carol {user,viewer}', 'with these roles');
SELECT t.is(warden.add_member(:'t1', :'carol'), true, 'gives others');
SELECT t.is(members(:'t1'), 'a11c {admin}, Bob {user}, Carol {user}', 'instead');
SELECT t.is(warden.remove_member(:'t1', :'carol'), true, 'removes');
SELECT t.is(warden.remove_member(:'t1', :'carol'), false, 'once');
SELECT t.refused(call, state, 'refused: ' || call) FROM (VALUES
    (format('SELECT warden.add_member(%L, gen_random_uuid())', :'t1'), 'P0002'), (format('SELECT warden.add_member(%L, %L)', :'t1', :'gone'), 'P0002'),
    (format('SELECT warden.add_member(%L, NULL)', :'t1'), 'P0002'), (format('SELECT warden.add_member(gen_random_uuid(), %L)', :'carol'), 'P0002'),
    (format('SELECT warden.add_member(NULL, %L)', :'carol'), 'P0002'), (format('SELECT warden.remove_member(NULL, %L)', :'carol'), 'P0002'),
    (format('SELECT warden.add_member(%L, %L, NULL)', :'t1', :'carol'), '22023'), (format('SELECT warden.add_member(%L, %L, ''{}'')', :'t1', :'carol'), '22023'),
    (format('SELECT warden.add_member(%L, %L, ''{root}'')', :'t1', :'carol'), '22023'), (format('SELECT warden.add_member(%L, %L, ''{user,NULL}'')', :'t1', :'carol'), '22023'),
    ('SELECT warden.list_members(NULL)', 'P0002'), (format('SELECT warden.list_members(%L, 101)', :'t1'), '22023'),
    (format('SELECT warden.list_members(%L, after_user => %L)', :'t1', :'carol'), '22023'),
    (format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice'), '55000'), (format('SELECT warden.add_member(%L, %L, ''{user}'')', :'t1', :'alice'), '55000'),
    (format('SELECT warden.remove_member(%L, %L)', :'t2', :'mallory'), '55000'), (format('SELECT warden.add_member(%L, %L, ''{admin}'')', :'t2', :'mallory'), '55000')) AS c (call, state);
SELECT t.is(user_id, :'alice'::uuid, 'a page') FROM warden.list_members(:'t1', 1);
SELECT t.is(user_id, :'bob'::uuid, 'and the next') FROM warden.list_members(:'t1', 1, :'alice');

-- The admin of a tenant, in it.
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.is(members(:'t1'), 'a11c {admin}, Bob {user}', 'an admin lists the members of his tenant');
SELECT t.is(warden.add_member(:'t1', :'carol', '{admin,viewer}'), true, 'adds one, with roles that he holds, or that do less');
SELECT t.is(warden.add_member(:'t1', :'dave'), true, 'and another');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'alice_token', tenant_id => :'t1');
SELECT t.is(members(:'t1'), 'a11c {admin}, Bob {user}, Carol {admin,viewer}, ' || left(:'dave', 4) || ' {user}', 'which is committed at once, whatever becomes of his transaction');
SELECT t.is(warden.remove_member(:'t1', :'dave'), true, 'removes');
SELECT t.is(warden.add_member(:'t1', :'bob', '{viewer}'), true, 'gives other roles');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, %L)', :'t1', member, roles), '42501', concat_ws(' ', 'R7: no owner is made by an admin:', member, roles), 'not hold')
FROM (VALUES (:'bob', '{owner}'), (:'alice', '{owner}'), (:'dave', '{owner,user}'), (:'bob', '{admin,owner}')) AS r (member, roles);
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{badge}'')', :'t1', :'bob'), '42501', 'R7: nor does he give a role without scopes, which he has not', 'not hold');
SELECT t.refused(format('SELECT warden.add_member(%L, gen_random_uuid())', :'t1'), 'P0002', 'an unknown user');
SELECT t.refused(format('SELECT warden.add_member(%L, %L)', :'t1', :'gone'), 'P0002', 'a deleted one is the same');
SELECT t.is(warden.remove_member(:'t1', :'alice'), true, 'who is not the last admin may go');
SELECT t.refused(format('SELECT warden.add_member(%L, %L)', :'t1', :'dave'), '42501', 'and is none from then on, in the same transaction', 'not an admin');
SELECT t.refused(format('SELECT warden.list_members(%L)', :'t1'), '42501', 'nor lists');
COMMIT;
SELECT t.is(signed_in('alice in 1'), '28000', 'and is out in the next');

-- An owner is above an admin.
\connect - boss
SELECT warden.add_member(:'t1', :'alice', '{admin}'), warden.add_member(:'t1', :'dave', '{owner}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'dave'), '42501', 'R7: an admin does not remove an owner');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{user}'')', :'t1', :'dave'), '42501', 'nor demote one');
SELECT t.is(warden.remove_member(:'t1', :'carol'), true, 'another admin he does');
SELECT t.is(warden.remove_member(:'t1', :'alice'), true, 'and himself, since there is an owner');
COMMIT;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'dave', :'t1');
SELECT t.is(warden.add_member(:'t1', :'alice', '{owner}'), true, 'an owner makes one, also where a gateway has stated who he is');
SELECT t.is(warden.add_member(:'t1', :'dave', '{admin}'), true, 'and steps down');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice'), '42501', 'from where he does not reach the owner');
COMMIT;
\connect - boss
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice'), '55000', 'nor does an administrator, the last one');
SELECT warden.set_user_status(:'dave', 'suspended'), warden.add_member(:'t1', :'alice', '{owner,admin}'), warden.add_member(:'t1', :'dave', '{owner}');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice'), '55000', 'a suspended owner is no second one');
SELECT t.is(warden.remove_member(:'t1', :'dave'), true, 'and goes');

-- A user that is deleted is listed no more; restored, it is a member again; deleted for good, of nothing.
SELECT warden.delete_user(:'bob');
SELECT t.is(members(:'t1'), 'a11c {admin,owner}', 'deleted: not listed');
SELECT warden.restore_user(:'bob');
SELECT t.is(members(:'t1'), 'Bob {viewer}, a11c {admin,owner}', 'restored');
\connect - postgres
DELETE FROM warden.users WHERE id = :'bob';
SELECT t.rows(format('SELECT FROM warden.tenant_members WHERE user_id = %L', :'bob'), 0, 'deleted for good: no member');
SELECT t.is(string_agg(format('%s %s %s', action, coalesce(detail ->> 'to', '-'), left(user_id::text, 4)), ', ' ORDER BY id),
    'add_member ["admin", "viewer"] a11c, add_member ["user"] a11c, remove_member - a11c, add_member ["viewer"] a11c, remove_member - a11c, remove_member - a11c, remove_member - a11c',
    'recorded: what alice did') FROM warden.audit_log WHERE database_role = 'app' AND object = :'t1';
SELECT t.ok(bool_and(tenant_id = :'t1'), 'with the tenant') FROM warden.audit_log WHERE database_role = 'app' AND object = :'t1';

-- A credential that is revoked changes nobody in the transaction that was open.
\connect - boss
SELECT warden.add_member(:'t1', :'alice', '{owner}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT warden.add_member(:'t1', :'dave', '{viewer}');
SELECT t.is(warden.add_member(:'t1', :'dave', '{admin}'), true, 'before');
SELECT warden.revoke_all_sessions();
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t1', :'dave'), '28000', 'revoked, an admin adds nobody', '^authentication failed$');
SELECT t.refused(format('SELECT warden.remove_member(%L, %L)', :'t1', :'dave'), '28000', 'and removes nobody');
ROLLBACK;
SELECT t.done();
