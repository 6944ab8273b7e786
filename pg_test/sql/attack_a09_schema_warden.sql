-- A9: the client reads nothing of schema warden, writes nothing in it, and changes and creates no object in it.
\ir lib/cast.sql
\ir lib/as_attacker.sql

SELECT t.refused(statement, '42501', statement)
FROM (VALUES ('CREATE TABLE warden.bans (ip inet)'), ('CREATE VIEW warden.v AS SELECT 1'),
    ('CREATE FUNCTION warden.current_user_id(int) RETURNS uuid LANGUAGE sql AS ''SELECT NULL::uuid'''),
    ('CREATE TYPE warden.e AS ENUM (''a'')'), ('CREATE SEQUENCE warden.s'),
    ('ALTER SCHEMA warden RENAME TO old'), ('DROP SCHEMA warden CASCADE'), ('DROP EXTENSION pg_warden'),
    ('ALTER EXTENSION pg_warden UPDATE'), ('COMMENT ON FUNCTION warden.current_user_id() IS ''x'''),
    ('ALTER FUNCTION warden.current_user_id() OWNER TO app'), ('ALTER FUNCTION warden.current_user_id() RENAME TO x'),
    ('ALTER FUNCTION warden.authenticate(text, inet, uuid) RESET ALL'),
    ('ALTER FUNCTION warden.authenticate(text, inet, uuid) SET search_path = public'),
    ('CREATE OR REPLACE FUNCTION warden.current_user_id() RETURNS uuid LANGUAGE sql AS ''SELECT NULL::uuid'''),
    ('ALTER TABLE warden.users DISABLE TRIGGER ALL'), ('CREATE INDEX ON warden.users (status)'),
    ('CREATE RULE r AS ON INSERT TO warden.audit_records DO INSTEAD NOTHING'),
    ('CREATE TRIGGER x BEFORE INSERT ON warden.users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
    ('CREATE POLICY p ON warden.users USING (true)'), ('CREATE STATISTICS warden.s ON id, status FROM warden.users'),
    ('LOCK TABLE warden.users'), ('GRANT SELECT ON warden.users TO app')) AS s (statement);

-- Every table and view, by every command.
CREATE TEMP TABLE list AS
SELECT c.oid::regclass AS name FROM pg_class c
WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind IN ('r', 'v') AND c.oid <> 'warden.audit_log'::regclass;
SELECT t.ok(count(*) >= 10, 'there is something to be closed') FROM list;
SELECT t.refused(format(form, name), '42501', format(form, name))
FROM list, (VALUES ('SELECT FROM %s'), ('INSERT INTO %s DEFAULT VALUES'), ('DELETE FROM %s'), ('TRUNCATE %s'),
    ('COPY %s TO PROGRAM ''cat''')) AS f (form)
WHERE form LIKE 'SELECT%' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = name AND c.relkind = 'r');
\set ON_ERROR_STOP off
COPY warden.issuer_keys TO STDOUT;
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '42501', 'COPY of the keys');
SELECT t.refused('SELECT nextval(''warden.audit_records_id_seq'')', '42501', 'the sequence of the audit log');
SELECT t.rows('SELECT * FROM warden.audit_log', 0, 'the one view that is open shows nobody nothing');

-- Functions that are not for clients, and trigger functions that are nothing without a trigger.
SELECT t.refused(format('SELECT %s', call), '42501', call)
FROM (VALUES ('warden.write_audit(''x'', ''y'', ''{}'')'), ('warden.create_user()'), ('warden.add_client_role(''app'')'),
    ('warden.add_database_role(''app'', ''trusted'')'), ('warden.revoke_everything()'), ('warden.functions_for(''client'')'),
    ('warden.isolation_obstacles(''app'')'), ('warden.refuse_audit_change()'), ('warden.remove_database_role(''app'')'),
    (format('warden.link_identity(%L, %L, ''x'')', :'alice', :'issuer')), (format('warden.set_user_status(%L, ''active'')', :'mallory')),
    (format('warden.trust_issuer(%L, %L, ''{api}'')', :'other_issuer', :'other_jwks')),
    (format('warden.explain_token(%L)', :'alice_token'))) AS c (call);
SELECT t.refused(format('SELECT warden.%s()', name), '0A000', name || ' is a trigger function')
FROM (VALUES ('keep_owner'), ('refuse_truncate')) AS f (name);
SELECT t.done();
