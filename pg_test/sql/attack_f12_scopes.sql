-- A8, F12: roles, scopes and clients are changed by administrators alone: not by a client through a definer function of one, not
-- after SET ROLE to nobody, not with EXECUTE that default privileges or a mistake gave; and a trigger of an owner's is no way in.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
GRANT CREATE ON SCHEMA public TO app, boss;
CREATE TABLE calls (call text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    (format('warden.grant_scope(%L, ''admin'')', :'bob')), (format('warden.revoke_scope(%L, ''user'')', :'alice')), ('warden.define_role(''user'', ''{*}'')'),
    ('warden.define_scope(''user'', ''{*}'')'), ('warden.register_client(''web'', ''{*}'')'), ('warden.unregister_client(''web'')'),
    (format('warden.assign_role(%L, ''owner'')', :'bob'));
\connect - boss
SELECT format('CREATE FUNCTION boss_%s() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$SELECT %s$$', row_number() OVER (ORDER BY call), call) FROM calls \gexec
BEGIN;
SELECT t.succeeds('SELECT ' || call, 'an administrator: ' || call) FROM calls;
ROLLBACK;

\ir lib/as_attacker.sql
SELECT t.refused(format('SELECT boss_%s()', n), '42501', 'F12: a client through a definer function of an administrator', 'was not added as') FROM generate_series(1, 7) AS n;
SELECT t.refused('SELECT ' || call, '42501', 'A8: a client: ' || call, 'permission denied') FROM calls;
\connect - postgres
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA warden TO app;
\connect - app
SELECT t.refused('SELECT ' || call, '42501', 'F12: with EXECUTE granted by mistake: ' || call, 'was not added as') FROM calls;
SELECT t.refused(format('SELECT warden.link_identity(%L, ''https://evil.example'', ''me'')', :'alice'), '42501', 'F12: with EXECUTE granted by mistake: no identity is linked', 'was not added as');
SELECT t.refused(format('SELECT warden.%s(''app'')', f), '42501', 'F12: with EXECUTE granted by mistake: ' || f, 'superuser')
FROM unnest('{add_client_role,add_trusted_role,add_key_role,add_admin_role,add_migration_role,remove_database_role}'::text[]) AS f;
\connect - postgres
BEGIN;
SELECT t.is(warden.link_identity(:'alice', 'https://good.example', 'me'), true, 'a superuser links');
SELECT t.is(warden.add_trusted_role('gateway'), true, 'a superuser adds a role'), t.is(warden.remove_database_role('gateway'), true, 'and removes it');
ROLLBACK;
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused('SELECT ' || call, '42501', 'F12: also as a user: ' || call, 'was not added as') FROM calls;
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user', 'user:' || :'bob'], 'and holds what he held');
SELECT t.refused('SET app.current_scopes = ''admin''', '42501', 'A1: nor is it set');
COMMIT;

-- Objects of the same names in the way.
BEGIN;
CREATE TEMP TABLE roles (role text, scopes text[], reads_only boolean, shipped boolean);
INSERT INTO roles VALUES ('user', '{*}', false, false);
CREATE TEMP TABLE clients (client_id text, scopes text[]);
SELECT warden.authenticate(:'bob_token');
SELECT t.is(warden.has_scope('admin'), false, 'A9: temporary tables named as ours are not ours');
ROLLBACK;
SELECT t.done();
