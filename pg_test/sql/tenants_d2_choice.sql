-- D2: which tenant a transaction acts in: by the token, or by the argument, and always one that the user is a member of, now.
\ir lib/tenants.sql
SELECT warden.create_tenant('Core') AS t3 \gset
SELECT warden.assign_role(:'bob', 'viewer');
\connect - app
SELECT t.is(signed_in('bob', :'t1'), 'Acme {viewer,user}', 'the argument chooses');
SELECT t.is(signed_in('bob in 1'), 'Acme {viewer,user}', 'the token chooses');
SELECT t.is(signed_in('bob in 1', :'t1'), 'Acme {viewer,user}', 'both, and the same');
SELECT t.is(signed_in('bob in 1', :'t2'), '28000', 'both, and not the same: refused');
SELECT t.is(signed_in('bob', :'t2'), 'Bolt {viewer,user}', 'the same user in the other one');
SELECT t.is(signed_in('bob'), '{viewer,user}', 'in none');
SELECT t.is(signed_in('alice', :'t1'), 'Acme {user,admin}', 'roles: her own, and those in this tenant');
SELECT t.is(signed_in('alice'), '{user}', 'without the tenant none of them');
SELECT t.is(signed_in('alice', :'t2'), '28000', 'no member by the argument');
SELECT t.is(signed_in('alice in 2'), '28000', 'no member, whatever her token says');
SELECT t.is(signed_in('alice', :'t3'), '28000', 'a tenant without members');
SELECT t.is(signed_in('alice', gen_random_uuid()), '28000', 'no tenant at all');
SELECT t.is(signed_in('tampered', :'t1'), '28000', 'a bad token is a bad token');
-- One transaction, one tenant.
BEGIN;
SELECT t.is(signed_in('bob', :'t1'), 'Acme {viewer,user}', 'in one');
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'bob_token', :'t2'), '55000', 'D2: not in another one afterwards', 'another tenant');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'D2: nor in none');
SELECT t.is(reached(), 'Acme 1, Acme 2; bob in Acme', 'who was there stays');
SELECT t.is(signed_in('bob in 1'), 'Acme {viewer,user}', 'in the same again');
SAVEPOINT s;
SELECT warden.sign_out();
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'bob_token', :'t2'), '55000', 'D2: nor after signing out');
ROLLBACK TO s;
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'bob_token', :'t2'), '55000', 'D2: nor after a rollback to a savepoint');
COMMIT;
BEGIN;
SELECT t.is(signed_in('bob'), '{viewer,user}', 'in none');
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'bob_token', :'t2'), '55000', 'D2: nor in one after none');
COMMIT;
SELECT t.is(reached(), '; ', 'select is transaction-local: after COMMIT there is no tenant');

-- Every refusal is the same to the client; the reason is in the log.
\set ON_ERROR_STOP off
SELECT warden.authenticate(:'alice_in_2');
\set not_a_member :LAST_ERROR_MESSAGE
SELECT warden.authenticate(:'alice_token', tenant_id => gen_random_uuid());
\set unknown :LAST_ERROR_MESSAGE
SELECT warden.authenticate(:'tampered_token');
\set bad :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on
SELECT t.is(:'not_a_member', :'bad', 'no member: as any bad token');
SELECT t.is(:'unknown', :'bad', 'no tenant: as any bad token');

-- An administrator is told why (N12).
\connect - boss
CREATE FUNCTION pg_temp.explained(token text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e."check", e.passed, split_part(e.detail, ' 7e', 1)), ', ') FROM warden.explain_token(token) e WHERE e."check" = 'tenant' OR NOT e.passed $$;
SELECT t.is(pg_temp.explained(:'bob_in_1'), 'tenant t the user is a member of tenant', 'explained: a member');
SELECT t.is(pg_temp.explained(:'alice_in_2'), 'tenant f not a member of the tenant', 'explained: none');
SELECT t.is(pg_temp.explained(:'full_token'), 'tenant f unknown tenant', 'explained: no such tenant');
SELECT t.is(pg_temp.explained(:'bob_token'), NULL, 'explained: no tenant is named');

-- A gateway states the user, not who is a member.
\connect - gateway
CREATE FUNCTION pg_temp.stated(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN concat_ws(' ', warden.current_tenant_id(), warden.current_roles());
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT t.is(pg_temp.stated(format('warden.set_current_user(%L, %L)', :'alice', :'t1')), :'t1' || ' {user,admin}', 'stated by a trusted role');
SELECT t.is(pg_temp.stated(format('warden.set_current_user(%L, %L)', :'alice', :'t2')), '28000', 'D2: not where she is no member');
SELECT t.is(pg_temp.stated(format('warden.set_current_user(%L, gen_random_uuid())', :'alice')), '28000', 'D2: nor where there is no tenant');
\connect - postgres
SELECT warden.create_user('4711') AS numbered \gset
SELECT warden.add_member(:'t2', :'numbered', '{viewer}');
SELECT warden.enroll_device_certificate(repeat('0a', 32), 'laptop', user_id => :'numbered');
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_device(%L, %L)', repeat('0a', 32), :'t1'), '28000', 'by a device: not where its user is no member');
\connect - gateway
SELECT t.succeeds(format('SELECT warden.set_current_device(%L, %L)', repeat('0a', 32), :'t2'), 'but where it is');
SELECT t.refused(format('SELECT warden.set_current_external_user(''4711'', %L)', :'t1'), '28000', 'by external id: not where it is no member');
\connect - gateway
SELECT t.succeeds(format('SELECT warden.set_current_external_user(''4711'', %L)', :'t2'), 'but where it is');

-- Suspended, deleted, back; removed, back: each in the next transaction, also under an older snapshot.
\connect - app
\connect - boss
SELECT t.is(warden.set_tenant_status(:'t1', 'suspended'), true, 'suspended');
SELECT t.is(warden.set_tenant_status(:'t1', 'suspended'), false, 'once');
\connect - app
SELECT t.is(signed_in('bob in 1'), '28000', 'D2: suspended: by the token');
SELECT t.is(signed_in('bob', :'t1'), '28000', 'D2: suspended: by the argument');
SELECT t.is(signed_in('bob', :'t2'), 'Bolt {viewer,user}', 'the other tenant goes on');
SELECT t.is(signed_in('bob'), '{viewer,user}', 'and who needs none');
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_user(%L, %L)', :'alice', :'t1'), '28000', 'D2: suspended: by a trusted role');
\connect - boss
SELECT warden.set_tenant_status(:'t1', 'active');
\connect - app
SELECT t.is(signed_in('bob in 1'), 'Acme {viewer,user}', 'active again');
\connect - boss
SELECT warden.set_tenant_status(:'t1', 'deleted');
SELECT t.refused(call, 'P0002', 'deleted: ' || call) FROM (VALUES (format('SELECT warden.update_tenant(%L, ''a'')', :'t1')),
    (format('SELECT warden.set_tenant_setting(%L, ''max_users'', ''1'')', :'t1')), (format('SELECT warden.add_member(%L, %L)', :'t1', :'mallory')),
    (format('SELECT warden.remove_member(%L, %L)', :'t1', :'bob')), (format('SELECT warden.list_members(%L)', :'t1')),
    (format('SELECT warden.set_feature(''a'', tenant_id => %L)', :'t1'))) AS c (call);
SELECT t.is(string_agg(name, ' '), 'Core Bolt', 'deleted: not listed') FROM warden.list_tenants();
SELECT t.is(string_agg(name, ' '), 'Acme', 'but when asked for') FROM warden.list_tenants('deleted');
SELECT t.rows(format('SELECT * FROM warden.find_tenant(%L)', :'t1'), 0, 'nor found');
\connect - app
SELECT t.is(signed_in('bob in 1'), '28000', 'D2: deleted: by the token');
SELECT t.is(signed_in('bob', :'t1'), '28000', 'D2: deleted: by the argument');
\connect - boss
SELECT warden.create_tenant('Acme') AS other \gset
SELECT t.refused(format('SELECT warden.set_tenant_status(%L, ''active'')', :'t1'), '23505', 'its name was free, and is another''s by now');
SELECT warden.update_tenant(:'other', 'Acme 2');
SELECT t.is(warden.set_tenant_status(:'t1', 'active'), true, 'back');
SELECT t.refused(call, state, 'refused: ' || call) FROM (VALUES (format('SELECT warden.set_tenant_status(%L, ''gone'')', :'t1'), '22023'),
    (format('SELECT warden.set_tenant_status(%L, NULL)', :'t1'), '22023'), ('SELECT warden.set_tenant_status(gen_random_uuid(), ''active'')', 'P0002')) AS c (call, state);
\connect - app
SELECT t.is(signed_in('bob in 1'), 'Acme {viewer,user}', 'with its members');
SELECT t.done();
