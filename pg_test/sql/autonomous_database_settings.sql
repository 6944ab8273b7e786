-- What must outlive a rollback is written by a process of its own, which the settings of the database reach too: none of
-- them keeps it from writing, none has it write elsewhere.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
GRANT USAGE, CREATE ON SCHEMA public TO app;
CREATE SCHEMA attacker;
CREATE TABLE attacker.audit_records (LIKE warden.audit_records);
CREATE TABLE settings (number int GENERATED ALWAYS AS IDENTITY, setting text, value text);
INSERT INTO settings (setting, value) VALUES ('session_authorization', 'app'), ('role', 'app'), ('default_transaction_read_only', 'on'),
    ('default_transaction_isolation', 'serializable'), ('search_path', 'attacker'), ('row_security', 'off'),
    ('default_transaction_deferrable', 'on'), ('check_function_bodies', 'off'), ('statement_timeout', '1h');
GRANT SELECT ON settings TO gateway;

-- For the database, then for the role that the process runs as.
SELECT format('ALTER DATABASE autonomous_database_settings SET %s = %L', setting, value) FROM settings
UNION ALL
SELECT format('ALTER ROLE postgres IN DATABASE autonomous_database_settings SET %s = %L', setting, value) FROM settings \gexec

\connect - postgres
SELECT t.is(current_user, 'app', 'the settings are in force, for a superuser as well');
SELECT t.is(current_setting('default_transaction_read_only'), 'on', 'all of them');
\connect - gateway
BEGIN;
SELECT t.ok(warden.record_event('outlives', outlive_rollback => true), 'a record that outlives is written');
ROLLBACK;
\connect - postgres
SET ROLE NONE;
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
ALTER ROLE postgres IN DATABASE autonomous_database_settings RESET ALL;
ALTER DATABASE autonomous_database_settings RESET ALL;
\connect - postgres
SELECT t.is(string_agg(database_role, ','), 'gateway', 'once, by whom it was') FROM warden.audit_log WHERE action = 'outlives';
SELECT t.rows('SELECT FROM attacker.audit_records', 0, 'and nowhere else');
SELECT t.done();
