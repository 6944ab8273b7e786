-- U15: promote, demote, assign, revoke: each says what it did, is felt in the next transaction, and leaves somebody who can undo it.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
CREATE FUNCTION roles_of_alice() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of('alice'));
    RETURN warden.current_roles()::text;
END $$;
\connect - app
SELECT t.is(roles_of_alice(), '{user}', 'alice is a user');
SELECT t.refused(format('SELECT warden.promote_user(%L)', :'alice'), '42501', 'U15: and promotes nobody, not even herself');
\connect - boss
SELECT t.is(warden.demote_user(:'alice'), 'not_admin', 'U15: not_admin');
SELECT t.is(warden.promote_user(:'alice'), 'promoted', 'U15: promoted');
SELECT t.is(warden.promote_user(:'alice'), 'already_admin', 'U15: already_admin');
SELECT t.is(warden.promote_user(gen_random_uuid()), 'user_not_found', 'U15: user_not_found');
SELECT t.is(warden.demote_user(gen_random_uuid()), 'user_not_found', 'U15: user_not_found by demote');
\connect - app
SELECT t.is(roles_of_alice(), '{user,admin}', 'U15: felt in the next transaction, with the token of before');
\connect - boss
SELECT t.refused(call, '55000', 'U15: the last admin: ' || call, 'last admin')
FROM (VALUES (format('SELECT warden.demote_user(%L)', :'alice')), (format('SELECT warden.revoke_role(%L, ''admin'')', :'alice')),
    (format('SELECT warden.delete_user(%L)', :'alice')), (format('SELECT warden.set_user_status(%L, ''suspended'')', :'alice'))) AS c (call);
SELECT t.is(warden.assign_role(:'bob', 'owner'), true, 'U15: assigned');
SELECT t.is(warden.assign_role(:'bob', 'owner'), false, 'U15: once');
SELECT t.is(warden.demote_user(:'alice'), 'demoted', 'U15: where there is an owner, the last admin is demoted');
\connect - app
SELECT t.is(roles_of_alice(), '{user}', 'U15: felt as well');
\connect - boss
SELECT t.refused(call, '55000', 'U15: the last owner: ' || call, 'last owner')
FROM (VALUES (format('SELECT warden.revoke_role(%L, ''owner'')', :'bob')), (format('SELECT warden.delete_user(%L)', :'bob')),
    (format('SELECT warden.set_user_status(%L, ''inactive'')', :'bob'))) AS c (call);
SELECT t.is(warden.promote_user(:'bob'), 'promoted', 'an owner is made admin');
SELECT t.is(warden.demote_user(:'bob'), 'demoted', 'and is owner still: ' || roles::text) FROM warden.find_user(:'bob');
SELECT warden.assign_role(:'mallory', 'owner'), warden.set_user_status(:'mallory', 'suspended');
SELECT t.refused(format('SELECT warden.revoke_role(%L, ''owner'')', :'bob'), '55000', 'U15: a suspended owner is no second one', 'last owner');
SELECT warden.set_user_status(:'mallory', 'active');
SELECT t.is(warden.revoke_role(:'bob', 'owner'), true, 'U15: with a second one it goes');
SELECT t.is(warden.revoke_role(:'bob', 'owner'), false, 'U15: once');
SELECT t.refused(format('SELECT warden.%s(%L, ''root'')', f, :'bob'), '22023', 'U15: unknown role: ' || f) FROM (VALUES ('assign_role'), ('revoke_role')) AS r (f);
SELECT t.is(t.error(format('SELECT warden.assign_role(%L, ''root'')', :'bob'))->>'hint', 'Roles are anonymous, viewer, user, admin, owner.', 'U15: with the list');
SELECT t.refused('SELECT warden.assign_role(gen_random_uuid(), ''user'')', 'P0002', 'U15: unknown user');
SELECT t.is(warden.delete_user(:'bob'), true, 'who is no owner any more goes');
SELECT t.refused(format('SELECT warden.assign_role(%L, ''user'')', :'bob'), 'P0002', 'U15: deleted user');
SELECT t.is(warden.promote_user(:'bob'), 'user_not_found', 'U15: deleted: user_not_found');
-- Whatever statement tries, also one for several at once.
\connect - postgres
SELECT t.refused('UPDATE warden.users SET roles = ''{user}''', '55000', 'U15: all owners at once', 'last owner');
SELECT t.done();
