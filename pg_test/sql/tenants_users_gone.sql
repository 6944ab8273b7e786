-- D2: users that are merged, erased or deleted, in tenants: their rows stay where they are or go, what is the tenant's stays, and
-- memberships end with the user that had them.
\ir lib/tenants.sql
SELECT warden.create_user() AS carol \gset
SELECT warden.add_member(:'t1', :'carol');
\connect - owner
CREATE TABLE lines (id int PRIMARY KEY, page_id int, tenant_id uuid);
ALTER TABLE pages ADD PRIMARY KEY (id);
ALTER TABLE lines ADD FOREIGN KEY (page_id) REFERENCES pages;
INSERT INTO lines VALUES (1, 1, :'t1');
SELECT count(*) FROM warden.protect('lines', owner_column => NULL, parent_column => 'page_id', tenant_column => 'tenant_id');
\connect - boss
SELECT t.is(total_rows, 2, 'the rows of bob in both tenants become carol''s') FROM warden.merge_users(:'bob', :'carol');
\connect - app
SELECT t.is(signed_in('bob in 1'), '28000', 'bob is nobody');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'carol', :'t1');
SELECT t.is(reached(), 'Acme 1, Acme 2; bob in Acme', 'carol has them where she is a member');
COMMIT;
SELECT t.refused(format('SELECT warden.set_current_user(%L, %L)', :'carol', :'t2'), '28000', 'and is no member of a tenant by being given rows in it');
\connect - boss
SELECT warden.add_member(:'t2', :'carol');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'carol', :'t2');
SELECT t.is(reached(), 'Bolt 3; bob in Bolt', 'made one, she has them there too');
COMMIT;
\connect - boss
SELECT t.ok(count(*) >= 0, 'erased') FROM warden.erase_user(:'carol', 'cascade');
\connect - postgres
SELECT t.rows('SELECT FROM warden.tenant_members WHERE user_id NOT IN (SELECT id FROM warden.users WHERE status = ''active'')', 0, 'no membership is left of anybody gone');
SELECT t.is((SELECT string_agg(body, ', ' ORDER BY id) FROM pages) || '; ' || (SELECT string_agg(body, ', ' ORDER BY id) FROM notes) || '; ' || (SELECT count(*) FROM lines),
    'Acme 1, Acme 2, Bolt 3; alice in Acme; 1', 'her rows are gone, and those of the tenants there');
SELECT t.done();
