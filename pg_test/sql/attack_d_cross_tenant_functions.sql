-- D, across tenants: no function tells a member, an admin or an owner of one tenant of another: its members, settings and features,
-- nor whether it is there at all. Also F12: the rights of a tenant's admin are his own, not those of whom he lends a token to.
\ir lib/tenants.sql
SELECT warden.set_tenant_setting(:'t2', 'max_users', '7'), warden.set_feature('sso', tenant_id => :'t2');
SELECT warden.add_member(:'t1', :'alice', '{owner,admin}');
SELECT warden.assign_role(:'alice', 'owner');
\connect - app
SELECT t.ok(NOT rolsuper AND NOT rolbypassrls, 'the attacker is an ordinary login') FROM pg_roles WHERE rolname = current_user;
-- What a call answers: its rows, or its error in full.
CREATE FUNCTION pg_temp.answer(call text, tenant_id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT string_agg(r::text, '' '') FROM ' || call || ' r', tenant_id) INTO answer;
    RETURN coalesce(answer, 'nothing');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TEMP TABLE calls (call text, own text);
INSERT INTO calls VALUES ('warden.find_tenant(%L)', 'Acme'), ('warden.list_members(%L)', 'admin,owner'), ('warden.add_member(%L, ''b0b00000-0000-4000-8000-000000000002'', ''{viewer}'')', 't'),
    ('warden.remove_member(%L, ''b0b00000-0000-4000-8000-000000000002'')', 't'), ('warden.add_member(%L, ''a11ce000-0000-4000-8000-000000000001'', ''{owner,admin,user}'')', 't'),
    ('warden.list_tenants(after_tenant => %L)', 'nothing');
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
-- First the other tenant and none, then her own: what is refused there is done here.
SELECT t.is(pg_temp.answer(call, :'t2'), pg_temp.answer(call, '7e000000-0000-4000-8000-00000000dead'), 'one answer for another tenant and for none: ' || call) FROM calls;
SELECT t.matches(pg_temp.answer(call, :'t2'), '^(P0002 tenant not found|22023 after_tenant|nothing)', 'which says nothing: ' || call) FROM calls;
SELECT t.matches(pg_temp.answer(call, :'t1'), own, 'in her own: ' || call) FROM calls;
SELECT t.is(string_agg(name || ' ' || roles::text, ', '), 'Acme {admin,owner,user}', 'and her own alone she is shown') FROM warden.list_tenants();
SELECT t.is(warden.has_feature('sso'), false, 'no feature of the other');
SELECT t.refused(call, '42501', 'D1: tenants are for administrators: ' || call) FROM (VALUES ('SELECT warden.create_tenant(''Mine'')'),
    (format('SELECT warden.set_tenant_setting(%L, ''max_users'', NULL)', :'t1')), (format('SELECT warden.set_tenant_setting(%L, ''max_users'', NULL)', :'t2')),
    (format('SELECT warden.set_tenant_status(%L, ''deleted'')', :'t2')), (format('SELECT warden.set_feature(''sso'', tenant_id => %L)', :'t1')),
    (format('SELECT warden.update_tenant(%L, ''Theirs'')', :'t2')), (format('SELECT warden.change_member(''{}'')')),
    (format('SELECT warden.change_membership(%L, %L, ''{owner}'')', :'t2', :'alice')), ('SELECT warden.autonomously(''change_member'', ''{}'')'),
    (format('SELECT warden.require_tenant_admin(%L)', :'t1'))) AS c (call);
COMMIT;
-- A member of both sees of each what is its own, while he is there.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(string_agg(name || ' ' || roles::text, ', ' ORDER BY name), 'Bolt {user}', 'bob was removed from the first above') FROM warden.list_tenants();
SELECT t.rows(format('SELECT * FROM warden.find_tenant(%L)', :'t2'), 0, 'in none of them he sees the settings of neither');
SELECT t.refused(format('SELECT warden.list_members(%L)', :'t2'), 'P0002', 'nor members');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(settings ->> 'max_users', '7', 'in it, he sees its settings') FROM warden.find_tenant(:'t2');
SELECT t.refused(call, '42501', 'a member who is no admin manages nobody: ' || call) FROM (VALUES (format('SELECT warden.list_members(%L)', :'t2')),
    (format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t2', :'bob')), (format('SELECT warden.add_member(%L, %L, ''{user}'')', :'t2', :'alice')),
    (format('SELECT warden.remove_member(%L, %L)', :'t2', :'mallory'))) AS c (call);
COMMIT;
-- Nobody.
SELECT t.refused(call, '28000', 'nobody: ' || call) FROM (VALUES (format('SELECT warden.add_member(%L, %L, ''{owner}'')', :'t1', :'mallory')),
    (format('SELECT warden.remove_member(%L, %L)', :'t1', :'alice')), (format('SELECT warden.list_members(%L)', :'t1'))) AS c (call);
SELECT t.rows('SELECT FROM warden.list_tenants()', 0, 'nobody: no tenants');

-- A token that somebody else holds for her, or that was given for less, manages nobody.
\set delegated `lib/tokens mint :'alice' 600 '{"tenant_id": "7e000000-0000-4000-8000-000000000001", "act": {"sub": "3a110000-0000-4000-8000-000000000003"}}'`
\set narrow `lib/tokens mint :'alice' 600 '{"tenant_id": "7e000000-0000-4000-8000-000000000001", "scope": "agents:read"}'`
\set wide `lib/tokens mint :'alice' 600 '{"tenant_id": "7e000000-0000-4000-8000-000000000001", "scope": "agents:read admin"}'`
BEGIN;
SELECT warden.authenticate(:'delegated');
SELECT t.is(reached(), 'Acme 1, Acme 2; alice in Acme', 'D10: who acts for alice has exactly her rows in this tenant');
SELECT t.is(warden.current_actor_id(), :'mallory'::uuid, 'and is mallory, owner of another');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{admin}'')', :'t1', :'mallory'), '42501', 'F12: but manages nobody');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'narrow');
SELECT t.refused(format('SELECT warden.add_member(%L, %L, ''{admin}'')', :'t1', :'mallory'), '42501', 'a token for reading manages nobody');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'wide');
SELECT t.is(warden.add_member(:'t1', :'bob'), true, 'one with the scope admin does');
COMMIT;
SELECT t.done();
