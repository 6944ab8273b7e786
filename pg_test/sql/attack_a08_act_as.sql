-- A8, F3, G6: act_as without the scope, on an owner, nested, after its time, across tenants, a third user, and by code of others.
\ir lib/tenants.sql
-- carol and gina are admins everywhere, carol a member of :t1, dave is an owner, erin a private user, frank one who holds more.
\set carol ca401000-0000-4000-8000-000000000004
\set dave da4e0000-0000-4000-8000-000000000005
\set erin e4140000-0000-4000-8000-000000000006
\set frank f4a40000-0000-4000-8000-000000000007
\set gina 914a0000-0000-4000-8000-000000000008
SELECT warden.create_user(id => :'carol'), warden.create_user(id => :'dave'), warden.create_user(id => :'erin'), warden.create_user(id => :'frank'),
    warden.create_user(id => :'gina');
SELECT warden.assign_role(:'carol', 'admin'), warden.assign_role(:'gina', 'admin'), warden.assign_role(:'dave', 'owner'), warden.grant_scope(:'frank', 'billing');
SELECT warden.set_user_private(:'erin');
SELECT warden.add_member(:'t1', :'carol');
\set carol_token `lib/tokens mint :'carol' 600`
\set carol_in_1 `lib/tokens mint :'carol' 600 :'in_1'`
\set agents_only `lib/tokens mint :'carol' 600 '{"scope": "agents:read users:act_as"}'`
\set without `lib/tokens mint :'carol' 600 '{"scope": "admin"}'`
\setenv CLAIMS '{"act": {"sub": "914a0000-0000-4000-8000-000000000008"}}'
\set carol_by_gina `lib/tokens mint ca401000-0000-4000-8000-000000000004 600 "$CLAIMS"`
INSERT INTO tokens VALUES ('carol', :'carol_token'), ('carol in 1', :'carol_in_1'), ('carol, agents only', :'agents_only'),
    ('carol, without', :'without'), ('carol by gina', :'carol_by_gina');
-- What becomes of it: the SQLSTATE, and who the transaction has afterwards.
CREATE FUNCTION tried(name text, subject uuid, reason text DEFAULT 'ticket 7') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text := 'done';
BEGIN
    IF name IS NOT NULL THEN
        PERFORM warden.authenticate(public.token_of(name));
    END IF;
    BEGIN
        PERFORM warden.act_as(subject, reason);
    EXCEPTION WHEN OTHERS THEN
        state := SQLSTATE;
    END;
    RETURN concat_ws(' ', state, warden.current_user_id());
END $$;
\ir lib/as_attacker.sql

SELECT t.is(tried('carol', :'bob'), concat('done ', :'bob'), 'G6: an admin acts as bob');
SELECT t.is(tried(NULL, :'bob'), '28000', 'F3: nobody acts as nobody');
SELECT t.is(tried('bob', :'alice'), '42501', 'F3: a user has not the scope, and afterwards nobody');
SELECT t.is(tried('alice in 1', :'bob'), '42501', 'F3: an admin of the tenant alone has it there alone');
SELECT t.is(tried('carol, without', :'bob'), '42501', 'F3: a token that does not name it has it not');
SELECT t.is(tried('carol', :'dave'), '42501', 'F3: nobody acts as an owner');
SELECT t.is(tried('carol', :'frank'), '42501', 'G6: nor as one who holds more');
SELECT t.is(tried('carol', :'erin'), '42501', 'G6: nor as a private user');
SELECT t.is(tried('carol by gina', :'alice'), '42501', 'F3: who acts for another does not act as a third');
SELECT t.is(tried('carol', :'carol'), '22023', 'one is oneself already');
SELECT t.is(tried('carol', NULL), 'P0002', 'NULL is nobody');
SELECT t.is(tried('carol', gen_random_uuid()), 'P0002', 'nor is an unknown user anybody');
SELECT format('SELECT t.is(tried(''carol'', %L, %L), ''22023'', ''G6: a reason is needed'')', :'bob', reason) FROM (VALUES (NULL), (' '), (repeat('x', 1001))) AS r (reason) \gexec
-- In a tenant: a member of it, and there.
SELECT t.is(tried('carol in 1', :'bob'), concat('done ', :'bob'), 'D2: a member of the tenant');
SELECT t.is(tried('carol in 1', :'mallory'), 'P0002', 'F3: nobody of another tenant');
BEGIN;
SELECT tried('carol in 1', :'bob');
SELECT t.is(reached(), 'Acme 1, Acme 2; bob in Acme', 'D2: whose rows in the tenant it is');
SELECT t.is(warden.current_tenant_id(), :'t1'::uuid, 'and none of his elsewhere');
COMMIT;
SELECT t.is(tried('carol', :'mallory'), concat('done ', :'mallory'), 'outside of tenants a member of any');

-- One as whom one acts, and never a third, whatever is rolled back.
BEGIN;
SELECT warden.authenticate(:'carol_token');
SAVEPOINT before;
SELECT warden.act_as(:'bob', 'one');
SELECT t.is(seen(), 'bob 1, bob 2', 'carol is bob');
ROLLBACK TO before;
SELECT t.is(warden.current_user_id(), :'carol'::uuid, 'G6: ROLLBACK TO gives carol back');
SELECT t.is(seen(), NULL, 'who sees nothing of bob');
SELECT warden.act_as(:'bob', 'and again');
SELECT t.is(seen(), 'bob 1, bob 2', 'and may act as bob again');
ROLLBACK TO before;
SELECT t.is(tried(NULL, :'mallory'), '55000', 'F3: but as nobody else');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'carol_token'), '55000', 'and after that she is nobody', 'failed earlier');
COMMIT;
BEGIN;
SELECT tried('carol', :'bob');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'A6: bob himself is no user of this transaction', 'another user');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '55000', 'A6: nor alice', 'another user');
SELECT t.is(seen(), 'bob 1, bob 2', 'whoever was there stays');
SELECT t.is(warden.authenticate(:'carol_token'), :'carol'::uuid, 'carol is');
SELECT t.is(seen(), NULL, 'and is herself again');
COMMIT;
BEGIN;
SELECT tried('carol', :'bob');
SELECT t.is(tried(NULL, :'mallory'), '42501', 'F3: nested');
COMMIT;
BEGIN;
SELECT tried('carol', :'bob');
RESET ALL;
SELECT t.is(seen(), NULL, 'RESET ALL leaves nobody');
SELECT t.is(tried(NULL, :'mallory'), '28000', 'who acts as nobody');
COMMIT;
SELECT t.is(seen(), NULL, 'A6: COMMIT ends it');

-- A failed attempt that was swallowed leaves nobody, not the admin that one was.
BEGIN;
SELECT t.is(tried('carol', :'dave'), '42501', 'swallowed');
SELECT t.is(warden.identity(), NULL, 'A5: there is nobody');
SELECT t.refused('INSERT INTO documents VALUES (10, NULL, ''x'')', '42501', 'who writes nothing');
SELECT t.refused(format('SELECT warden.act_as(%L, ''x'')', :'bob'), '55000', 'nor tries again', 'failed earlier');
COMMIT;

-- The rights: of both.
BEGIN;
SELECT tried('carol', :'bob');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user', concat('user:', :'bob')], 'G6: what bob holds, and carol too');
SELECT t.is(warden.current_roles(), '{user}', 'by his roles');
SELECT t.is(warden.current_actor_id(), :'carol'::uuid, 'carol is the actor');
SELECT t.is(warden.current_session_id(), NULL, 'whose session is not bob''s');
SELECT t.refused('SELECT warden.create_api_key(''stay'')', '42501', 'G6: who acts for a while makes no key');
SELECT t.refused(format('SELECT warden.set_password(%L, ''correct horse'', ''correct horse'')', :'bob'), '42501', 'nor a password');
COMMIT;
BEGIN;
SELECT tried('carol, agents only', :'bob');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', concat('user:', :'bob')], 'G6: nothing beyond the actor''s token');
COMMIT;

-- Its time: of the setting, and of whoever acts.
\connect - postgres
ALTER ROLE app SET warden.max_act_as_age = 1;
\connect - app
SELECT t.is(warden.current_user_id(), NULL, 'nobody');
SELECT t.refused('SET warden.max_act_as_age = 3600', '42501', 'A13: a client does not give himself time');
BEGIN;
SELECT warden.authenticate(:'carol_token');
SAVEPOINT before;
SELECT warden.act_as(:'bob', 'briefly');
SELECT t.is(seen(), 'bob 1, bob 2', 'in time');
SELECT wait_until_expired();
SELECT t.refused('SELECT seen()', '28000', 'F3: after its time');
SELECT t.refused(format('SELECT warden.act_as(%L, ''longer'')', :'bob'), '28000', 'nor is it made longer');
ROLLBACK TO before;
SELECT t.refused('SELECT seen()', '28000', 'nor does it come back');
COMMIT;
\connect - postgres
ALTER ROLE app RESET warden.max_act_as_age;
SELECT prefix, secret_hash, key AS short_key FROM warden.generate_api_key() \gset
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes, expires_at)
SELECT :'carol', 'short', :'prefix', :'secret_hash', '{users:act_as}', clock_timestamp() + interval '1 minute';
\connect - app
BEGIN;
SELECT warden.authenticate(:'short_key');
SELECT (warden.identity() ->> 'expires_at')::timestamptz AS mine \gset
SELECT warden.act_as(:'bob', 'with a key');
SELECT t.is((warden.identity() ->> 'expires_at')::timestamptz, :'mine'::timestamptz, 'G6: no longer than the actor''s own');
COMMIT;
BEGIN;
SELECT tried('carol', :'bob');
SELECT t.ok((warden.identity() ->> 'expires_at')::timestamptz BETWEEN now() + interval '4 minutes' AND now() + interval '6 minutes', 'and five minutes at most');
COMMIT;

-- Code of others that runs in the transaction of an admin: a trigger, and a definer function of anybody.
\connect - postgres
CREATE TABLE traps (id int);
GRANT INSERT ON traps TO app;
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM warden.act_as('b0b00000-0000-4000-8000-000000000002', 'trapped'); RETURN NEW; END $$;
CREATE TRIGGER trap BEFORE INSERT ON traps FOR EACH ROW EXECUTE FUNCTION trap();
\connect - app
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.refused('INSERT INTO traps VALUES (1)', '42501', 'F9: a trigger acts as nobody', 'within a trigger');
COMMIT;
-- A statement that writes does not become that of a user who only reads.
\connect - postgres
SELECT warden.assign_role(:'mallory', 'viewer'), warden.revoke_role(:'mallory', 'user');
SET ROLE owner;
DROP POLICY own ON documents;
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
DELETE FROM documents WHERE user_id IS NULL;
INSERT INTO documents VALUES (7, :'mallory', 'mallory 1');
SELECT count(*) FROM warden.protect('documents');
RESET ROLE;
\connect - app
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.refused(format('WITH a AS MATERIALIZED (SELECT warden.act_as(%L, ''x'') AS id) UPDATE documents SET title = ''taken'' WHERE (SELECT id FROM a) IS NOT NULL', :'mallory'),
    '55000', 'R1: a write of an admin does not become one of a viewer', 'only reads');
COMMIT;
BEGIN;
SELECT tried('carol', :'mallory');
SELECT t.is(seen(), 'mallory 1', 'as a viewer one reads');
SELECT t.refused('UPDATE documents SET title = ''x''', '42501', 'R1: and does not write', 'only read');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(tried(NULL, :'bob'), concat('done ', :'bob'), 'of who writes');
SELECT t.rows('UPDATE documents SET title = title', 2, 'one writes the rows, and no others');
COMMIT;
-- A8: who may call it at all.
\connect - boss
SELECT t.refused(format('SELECT warden.act_as(%L, ''x'')', :'bob'), '42501', 'A8: an admin role is nobody who could act as another', 'permission denied');
\connect - mallory_login
SELECT t.refused(format('SELECT warden.act_as(%L, ''x'')', :'bob'), '42501', 'A8: nor is just anybody', 'permission denied');
SELECT t.done();
