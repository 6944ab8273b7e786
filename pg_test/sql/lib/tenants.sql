-- Two tenants, for \ir at the beginning of a test, as superuser. Afterwards the session is still one.
--
-- As lib/cast.sql, and: in :t1 alice is admin and bob a user, in :t2 bob is a user and mallory owner. Tokens that name a
-- tenant are :alice_in_1, :alice_in_2 (of which she is no member), :bob_in_1, :bob_in_2 and :mallory_in_2. boss is an admin
-- role, gateway a trusted one. pages belong to their tenant alone, notes to a user in a tenant; each has two rows in :t1
-- and one in :t2.
\ir cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
\set t1 7e000000-0000-4000-8000-000000000001
\set t2 7e000000-0000-4000-8000-000000000002
SELECT warden.create_tenant('Acme', id => :'t1'), warden.create_tenant('Bolt', id => :'t2');
SELECT warden.add_member(:'t1', :'alice', '{admin}'), warden.add_member(:'t1', :'bob'), warden.add_member(:'t2', :'bob'),
    warden.add_member(:'t2', :'mallory', '{owner}');
\set in_1 '{"tenant_id": "7e000000-0000-4000-8000-000000000001"}'
\set in_2 '{"tenant_id": "7e000000-0000-4000-8000-000000000002"}'
\set alice_in_1 `lib/tokens mint :'alice' 600 :'in_1'`
\set alice_in_2 `lib/tokens mint :'alice' 600 :'in_2'`
\set bob_in_1 `lib/tokens mint :'bob' 600 :'in_1'`
\set bob_in_2 `lib/tokens mint :'bob' 600 :'in_2'`
\set mallory_in_2 `lib/tokens mint :'mallory' 600 :'in_2'`
INSERT INTO tokens VALUES ('alice in 1', :'alice_in_1'), ('alice in 2', :'alice_in_2'), ('bob in 1', :'bob_in_1'), ('bob in 2', :'bob_in_2'),
    ('mallory in 2', :'mallory_in_2');

SET ROLE owner;
CREATE TABLE pages (id int, tenant_id uuid, body text);
CREATE TABLE notes (id int, tenant_id uuid, user_id uuid, body text);
INSERT INTO pages VALUES (1, :'t1', 'Acme 1'), (2, :'t1', 'Acme 2'), (3, :'t2', 'Bolt 3');
INSERT INTO notes VALUES (1, :'t1', :'alice', 'alice in Acme'), (2, :'t1', :'bob', 'bob in Acme'), (3, :'t2', :'bob', 'bob in Bolt');
GRANT SELECT, INSERT, UPDATE, DELETE ON pages, notes TO app, gateway;
SELECT count(*) FROM warden.protect('pages', owner_column => NULL, tenant_column => 'tenant_id');
SELECT count(*) FROM warden.protect('notes', tenant_column => 'tenant_id');
RESET ROLE;

-- What the session sees: 'Acme 1, Acme 2; bob in Acme', or ';' for nothing.
CREATE FUNCTION reached() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN concat((SELECT string_agg(p.body, ', ' ORDER BY p.id) FROM public.pages p), '; ',
        (SELECT string_agg(n.body, ', ' ORDER BY n.id) FROM public.notes n));
END $$;
-- As what it acts: user, tenant and roles, or the SQLSTATE of the refusal; the last word of a transaction.
CREATE FUNCTION signed_in(name text, tenant_id uuid DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of(name), tenant_id => signed_in.tenant_id);
    RETURN concat_ws(' ', (SELECT n.name FROM warden.find_tenant(warden.current_tenant_id()) n), warden.current_roles());
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
