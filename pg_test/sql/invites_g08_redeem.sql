-- G8: what redeeming an invite makes of nobody and of somebody, of an email and a tenant; and that the inviter still holds
-- by then what he invited to.
\ir lib/tenants.sql
SELECT warden.rotate_signing_key('https://db.example.com');
SELECT warden.update_user(:'mallory', name => 'mallory', email => 'mallory@example.com');
\ir lib/invites.sql
CREATE FUNCTION invite(INOUT who text, arguments text DEFAULT '', OUT id uuid, OUT code text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of(who));
    EXECUTE format('SELECT id, code FROM warden.create_invite(%s)', arguments) INTO id, code;
    PERFORM warden.sign_out();
END $$;
CREATE FUNCTION invite_to(who text, tenant uuid, arguments text DEFAULT '', OUT id uuid, OUT code text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of(who), tenant_id => tenant);
    EXECUTE format('SELECT id, code FROM warden.create_invite(tenant_id => %L%s)', tenant, ', ' || nullif(arguments, '')) INTO id, code;
    PERFORM warden.sign_out();
END $$;
CREATE FUNCTION answer(code text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT concat_ws('': '', error, error_description) FROM warden.redeem_invite(%L%s)', code, ', ' || nullif(arguments, '')) INTO answer;
    RETURN answer;
END $$;
\ir lib/as_attacker.sql

-- Nobody becomes somebody.
SELECT code FROM invite('alice') \gset
SELECT user_id AS new_id, concat_ws(' ', tenant_id, is_new, error) AS answer FROM warden.redeem_invite(:'code', ' New@Example.com', 'a long password', 'newcomer', 'New Comer') \gset
SELECT t.is(:'answer', 't', 'G8: an invite is redeemed');
SELECT t.is(user_named('newcomer'), 'active {user} new@example.com f', 'G8: by a new user in the role of the invite, its address unverified');
SELECT t.is(redeemed(:'code', 'second@example.com'), 'invalid_grant', 'G8: once');
SELECT access_token FROM warden.login('newcomer', 'a long password') \gset
SELECT t.is(warden.authenticate(:'access_token'), :'new_id'::uuid, 'G8: who can sign in');
SELECT t.is(redeemed(code), 'new', 'G8: with nothing but the code, for an application that signs in by other means') FROM invite('alice');
SELECT t.is(redeemed(code, name => role), 'new', 'as ' || role) FROM unnest('{viewer,user,admin}'::text[]) AS r (role) CROSS JOIN LATERAL invite('alice', format('role => %L', role));
SELECT t.is(user_named(role), format('active {%s} f', role), 'G8: in this role alone: ' || role) FROM unnest('{viewer,user,admin}'::text[]) AS r (role);
SELECT id, code FROM invite('alice', 'short => true') \gset
SELECT t.is(redeemed(format(' %s-%s ', left(:'code', 4), right(:'code', 4)), invite_id => :'id'), 'new', 'G8: eight digits as people write them');

-- What cannot be used is said, and uses nothing up.
SELECT code FROM invite('alice') \gset
SELECT t.refused(format('SELECT warden.redeem_invite(%L, %s)', :'code', arguments), '22023', 'unusable: ' || arguments)
FROM unnest('{"password => ''short''","email => ''no address''","name => ''a@b''"}'::text[]) AS a (arguments);
SELECT t.is(r, expected, 'unusable: ' || arguments)
FROM (VALUES ('', '', 'invalid_request: a code is needed'), (:'code', 'password => ''a long password''', 'invalid_request: a password needs an email or a name'),
    ('12345678', '', 'invalid_request: eight digits need the id of the invite, or the email that it is bound to'),
    (:'code', 'email => ''NEW@example.com''', 'user_exists: a user with this email exists: sign in first'),
    (:'code', 'name => ''newcomer''', 'user_exists: a user with this name exists')) AS c (code, arguments, expected)
CROSS JOIN LATERAL answer(c.code, c.arguments) AS r;
SELECT t.is(redeemed(:'code', 'another@example.com'), 'new', 'G8: and it is redeemed after that');

-- Bound to an address.
SELECT id, code FROM invite('alice', 'email => '' Invited@Example.com''') \gset
SELECT t.is(redeemed(:'code', 'other@example.com'), 'invalid_grant', 'G8: not by another address');
SELECT t.is(redeemed(:'code', invite_id => gen_random_uuid()), 'invalid_grant', 'nor as another invite');
SELECT t.is(redeemed(:'code', password => 'a long password', name => 'invited', invite_id => :'id'), 'new', 'G8: by its own, which need not be repeated');
SELECT t.is(user_named('invited'), 'active {user} invited@example.com f', 'and is the user''s');
SELECT t.is(redeemed(code, 'INVITED2@example.com '), 'new', 'G8: eight digits are found by the address') FROM invite('alice', 'email => ''invited2@example.com'', short => true');

-- Somebody who is signed in.
SELECT code FROM invite('alice', 'role => ''admin''') \gset
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(redeemed(:'code', password => 'a long password'), 'invalid_request', 'G8: who is signed in keeps his password');
SELECT t.is(redeemed(:'code', name => 'other'), 'invalid_request', 'and name');
SELECT t.is(redeemed(:'code', email => 'other@example.com'), 'invalid_grant', 'and address');
SELECT t.is(redeemed(:'code', email => 'Mallory@example.com'), 'old', 'G8: and has the role beside what he has');
ROLLBACK;
SELECT t.is(user_named('mallory'), 'active {user,admin} mallory@example.com f', 'whatever becomes of the transaction');
\connect - postgres
SELECT warden.demote_user(:'mallory');
\connect - app
SELECT code FROM invite('alice', 'email => ''somebody@example.com''') \gset
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8: not what is bound to another address');
COMMIT;
SELECT t.is(redeemed(:'code'), 'new', 'which is good for that');
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT id AS key_id, key FROM warden.create_api_key('a key', '{user}') \gset
COMMIT;
SELECT code FROM invite('alice') \gset
BEGIN;
SELECT warden.authenticate(:'key');
SELECT warden.revoke_api_key(:'key_id');
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8: nor does who has been signed out since redeem any');
COMMIT;

SELECT t.is(redeemed(:'code'), 'new', 'which is there for another');

-- Tenants. alice is an admin of :t1, mallory owner of :t2, where bob is a user.
SELECT code FROM invite_to('mallory in 2', :'t2', 'tenant_roles => ''{admin}''') \gset
SELECT t.is(r.tenant_id::text, :'t2', 'G8: a tenant''s owner invites into it, who has no scope beyond') FROM warden.redeem_invite(:'code', name => 'tenant admin') AS r;
SELECT t.is(user_named('tenant admin'), 'active {user} f', 'a user as any other');
\connect - postgres
SELECT t.is(m.roles, '{admin}', 'and with this role there') FROM warden.tenant_members m JOIN warden.users u ON u.id = m.user_id WHERE u.name = 'tenant admin' AND m.tenant_id = :'t2';
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_in_2');
SELECT t.refused('SELECT warden.create_invite()', '42501', 'G8: what a tenant has made of a user does not invite to the deployment', 'more than the acting user holds');
SELECT t.refused(format('SELECT warden.create_invite(role => ''admin'', tenant_id => %L)', :'t2'), '42501', 'nor to a role in it', 'more than the acting user holds');
SELECT t.refused(format('SELECT warden.create_invite(tenant_id => %L)', :'t1'), 'P0002', 'G8: nor to another tenant', 'tenant not found');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.refused(format('SELECT warden.create_invite(tenant_id => %L)', :'t2'), '42501', 'G8: nor does its user, though an owner outside of it', 'not an admin of this tenant');
SELECT t.refused(format('SELECT warden.list_invites(%L)', :'t2'), '42501', 'who does not list its invites', 'not an admin of this tenant');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.refused(format('SELECT warden.create_invite(tenant_id => %L, tenant_roles => ''{owner}'')', :'t1'), '42501', 'G8: nor an admin an owner', 'do not hold in this tenant');
COMMIT;
-- Beside what a member is already; and no role outside of the tenant.
SELECT code, id FROM invite_to('mallory in 2', :'t2', 'role => ''user'', tenant_roles => ''{viewer}''') \gset
\connect - postgres
SELECT warden.change_roles(:'alice', '{viewer}', '{user}', 'test');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(redeemed(:'code'), 'old', 'G8: somebody joins a tenant');
COMMIT;
SELECT t.is(user_named('alice'), NULL, 'who has no name');
\connect - postgres
SELECT t.is(concat_ws(' ', u.roles, m.roles), '{viewer,admin} {viewer}', 'G8: he is a member, and what he was outside of it') FROM warden.users u JOIN warden.tenant_members m ON m.user_id = u.id AND m.tenant_id = :'t2' WHERE u.id = :'alice';
SELECT warden.change_roles(:'alice', '{user}', '{viewer}', 'test'), warden.remove_member(:'t2', :'alice');
SELECT id, code FROM warden.create_invite(tenant_id => :'t1', tenant_roles => '{viewer}') \gset
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(redeemed(:'code'), 'old', 'G8: an admin who is invited as a viewer');
COMMIT;
SELECT t.is(signed_in('alice in 1'), 'Acme {user,admin,viewer}', 'is an admin still');
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.is(status, 'redeemed', 'G8: an admin of the tenant lists its invites, whoever has made them') FROM warden.list_invites(:'t1') WHERE id = :'id';
COMMIT;
\connect - postgres
SELECT id FROM warden.create_invite(tenant_id => :'t1') \gset
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_in_2');
SELECT t.ok(NOT warden.revoke_invite(:'id'), 'G8: who administers another tenant does not revoke them');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.ok(NOT warden.revoke_invite(:'id'), 'nor does who acts in none');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.ok(warden.revoke_invite(:'id'), 'and he does');
COMMIT;

-- What the inviter held he has to hold still.
SELECT code AS global FROM invite('alice') \gset
SELECT code AS global_admin FROM invite('alice', 'role => ''admin''') \gset
SELECT code AS tenant FROM invite_to('alice in 1', :'t1') \gset
\connect - postgres
SELECT warden.demote_user(:'alice');
\connect - app
SELECT t.is(redeemed(:'global_admin'), 'invalid_grant', 'G8: of an inviter who is no admin any more'), t.is(redeemed(:'global'), 'invalid_grant', 'who may not invite at all by now');
\connect - postgres
SELECT warden.promote_user(:'alice');
\connect - app
\connect - postgres
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.is(redeemed(:'global'), 'invalid_grant', 'G8: or is suspended'), t.is(redeemed(:'tenant'), 'invalid_grant', 'in a tenant too');
\connect - postgres
SELECT warden.set_user_status(:'alice', 'active');
\connect - app
\connect - postgres
SELECT warden.add_member(:'t1', :'bob', '{owner}'), warden.add_member(:'t1', :'alice', '{user}');
\connect - app
SELECT t.is(redeemed(:'tenant'), 'invalid_grant', 'G8: of who is no admin of the tenant any more');
\connect - postgres
SELECT warden.add_member(:'t1', :'alice', '{admin}');
\connect - app
\connect - postgres
SELECT warden.set_tenant_status(:'t1', 'suspended');
\connect - app
SELECT t.is(redeemed(:'tenant'), 'invalid_grant', 'G8: or of a tenant that is suspended');
\connect - postgres
SELECT warden.set_tenant_status(:'t1', 'active');
\connect - app
SELECT t.is(redeemed(:'tenant'), 'new', 'and is redeemed when all is as it was'), t.is(redeemed(:'global'), 'new', 'as the other'), t.is(redeemed(:'global_admin'), 'new', 'and the third');

-- A person behind an admin role is in no tenant, and gives there what he holds everywhere.
\connect - boss
BEGIN;
SELECT warden.begin_admin('G8', :'alice_token');
SELECT t.refused(format('SELECT warden.create_invite(tenant_id => %L, tenant_roles => ''{owner}'')', :'t2'), '42501', 'G8: an admin makes no owner of a tenant', 'more than the acting user holds');
SELECT code FROM warden.create_invite(tenant_id => :'t2', tenant_roles => '{admin}') \gset
COMMIT;
SELECT warden.demote_user(:'alice');
\connect - app
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8: nor, when he is none any more, an admin');
\connect - boss
SELECT warden.promote_user(:'alice');
\connect - app
SELECT t.is(redeemed(:'code'), 'new', 'and does when he is');

-- Who is no human, and who acts for another.
\connect - boss
SELECT warden.create_anonymous_user('browser') AS visitor \gset
SELECT code FROM warden.create_invite() \gset
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'visitor');
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8: a visitor signs out first');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:'bob');
SELECT t.is(redeemed(:'code'), 'old', 'G8: whom a gateway states redeems as any other');
COMMIT;
\set acting `lib/tokens mint :'bob' 600 '{"act": {"sub": "a11ce000-0000-4000-8000-000000000001"}}'`
\connect - app
SELECT code FROM invite('bob') \gset
BEGIN;
SELECT warden.authenticate(:'acting');
SELECT t.is(warden.current_actor_id(), :'alice', 'who acts for another');
SELECT t.is(redeemed(:'code'), 'access_denied', 'G8: redeems no invite');
SELECT t.refused('SELECT warden.create_invite()', '42501', 'G8: and makes none', 'who acts for another');
COMMIT;

-- What becomes of invites with a user.
SELECT id AS made, code FROM invite('alice') \gset
SELECT id AS bound FROM invite('bob', 'email => ''mallory@example.com''') \gset
\connect - postgres
SELECT warden.delete_user(:'alice');
\connect - app
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8: whom a deleted user has invited does not come in');
\connect - postgres
SELECT warden.restore_user(:'alice');
\connect - app
SELECT t.is(kept(:'made'), 'pending', 'unless that is restored');
\connect - postgres
SELECT warden.merge_users(:'alice', :'bob');
SELECT t.is(kept(:'made'), NULL, 'G8: what a user has made that is merged into another one is gone');
SELECT count(*) FROM warden.erase_user(:'mallory', 'cascade');
SELECT t.is(kept(:'bound'), NULL, 'G8: as is what is bound to one that is erased');
SELECT t.is(count(*), 0, 'and what it has redeemed') FROM warden.invites WHERE redeemed_by = :'mallory';
SELECT t.is(detail - 'user_id' - 'invited_by', '{"is_new": true}', 'G8: redeeming is on the record') FROM warden.audit_log WHERE action = 'redeem_invite' ORDER BY id LIMIT 1;
SELECT t.done();
