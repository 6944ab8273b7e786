-- D4, D8: sharing tells nothing of other tenants: neither of their rows, nor of who is no member.
\ir lib/tenants.sql
SELECT warden.create_user('carol@example.com') AS carol \gset
UPDATE warden.users SET status = 'suspended' WHERE id = :'carol';
SET ROLE owner;
CREATE TABLE files (id int PRIMARY KEY, tenant_id uuid NOT NULL, user_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE labels (id text PRIMARY KEY, user_id uuid NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON files, labels TO app;
INSERT INTO files VALUES (1, :'t1', :'alice', 'Acme 1'), (2, :'t1', :'alice', 'Acme 2'), (3, :'t2', :'mallory', 'Bolt 3');
INSERT INTO labels VALUES ('red', :'alice');
SELECT count(*) FROM warden.protect('files', tenant_column => 'tenant_id', shareable => true);
SELECT count(*) FROM warden.protect('labels', shareable => true);
RESET ROLE;
CREATE FUNCTION listed() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(table_name || ' ' || id || ' ' || split_part(grantee, ':', 1) || CASE WHEN counts THEN '' ELSE ' elsewhere' END, ', ' ORDER BY table_name::text, id, grantee), '') FROM warden.shared_with_me() $$;
\ir lib/as_attacker.sql

-- Alice shares what is Acme's with many, and with bob by name.
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT warden.share_with('files', 1, 'everyone', 'view'), warden.share_with('files', 2, 'role:user', 'edit'), warden.share('files', 1, :'bob', 'use'),
    warden.share_with('files', 2, 'tenant:' || :'t1', 'view'), warden.share_with('labels', 'red', 'everyone', 'view');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_in_2');
SELECT t.is((SELECT string_agg(name, ', ') FROM files), 'Bolt 3', 'D8: in another tenant none of them is seen');
SELECT t.is(listed(), 'labels red everyone', 'D8: nor listed; what has no tenant is');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(listed(), 'labels red everyone', 'D8: nor where mallory is in no tenant');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(listed(), 'files 1 user elsewhere, labels red everyone', 'D8: who is named knows it, wherever he is, and that it counts for nothing here');
SELECT t.rows('SELECT * FROM files', 0, 'D8: as no query shows it');
SELECT t.is(warden.access_level('files', 1), NULL, 'D8: nor any other answer');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.is((SELECT string_agg(name, ', ' ORDER BY name) FROM files), 'Acme 1, Acme 2', 'D8: in the tenant they are seen');
SELECT t.is(listed(), 'files 1 everyone, files 1 user, files 2 role, files 2 tenant, labels red everyone', 'D8: and listed');
COMMIT;

-- Who is no member is unknown, whatever becomes of him; to oneself, and of a member, one is told.
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.refused(format('SELECT * FROM warden.explain_access(''files'', 1, %L)', id), 'P0002', 'D4: of a user that is ' || who, 'user not found')
FROM (VALUES (:'mallory'::uuid, 'in another tenant'), (:'carol', 'suspended, and in none'), (gen_random_uuid(), 'unknown')) AS v (id, who);
SELECT t.is((SELECT string_agg(level, ', ') FROM warden.explain_access('files', 1, :'bob')), 'use, view', 'D4: of a member the owner is told');
SELECT t.is((SELECT string_agg(reason, ', ') FROM warden.explain_access('files', 1)), 'owner, share', 'D4: and of herself');
SELECT t.is((SELECT string_agg(reason, ', ') FROM warden.explain_access('labels', 'red', :'mallory')), 'share', 'D4: a table without tenants has none outside of them');
COMMIT;
\connect - boss
SELECT t.is((SELECT string_agg(reason, ', ' ORDER BY reason) FROM warden.explain_access('files', 1, :'mallory')), 'share', 'D4: an administrator is told of everybody');
SELECT t.done();
