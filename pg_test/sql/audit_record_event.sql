-- record_event: with the identity of the transaction, never of an argument; undone with it, or committed at once for those
-- who may ask for that; bounded; and the log only grows.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.is(warden.record_event('invoice.sent', 'invoice 7', '{"amount": 12.50}'), true, 'an event');
SELECT t.is(to_jsonb(a) - 'id' - 'recorded_at', jsonb_build_object('source', 'application', 'action', 'invoice.sent', 'object', 'invoice 7',
    'detail', '{"amount": 12.50}'::jsonb, 'database_role', 'app', 'user_id', :'alice', 'actor_id', :'bob',
    'tenant_id', '7e000000-0000-4000-8000-00000000000a', 'session_id', 'sess-1'), 'is recorded with who did it')
FROM warden.audit_log a;
SAVEPOINT s;
SELECT warden.record_event('undone');
ROLLBACK TO s;
SELECT t.rows('SELECT FROM warden.audit_log', 1, 'an event follows its savepoint');
SELECT t.refused('SELECT warden.record_event(''x'', outlive_rollback => true)', '42501', 'a client cannot have it outlive rollback');
SELECT t.refused(format('SELECT warden.record_event(%s)', argument), '22023', 'no action: ' || left(argument, 20))
FROM (VALUES ('NULL'), (''''''), ('repeat(''x'', 256)'), ('repeat(''é'', 128)')) AS a (argument);
SELECT t.is(warden.record_event(repeat('x', 255)), true, '255 bytes of action');
SELECT t.is(warden.record_event('nulls', NULL, NULL, NULL), true, 'NULLs are the defaults');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.rows('SELECT FROM warden.audit_log', 0, 'an event goes with its transaction');
COMMIT;
-- No one's event has no one's name on it.
SELECT warden.record_event('by nobody');
\connect - postgres
SELECT t.ok(user_id IS NULL AND actor_id IS NULL AND database_role = 'app', 'an event of nobody') FROM warden.audit_log WHERE action = 'by nobody';

-- Outliving: rolled back, in a savepoint undone, in a transaction that fails.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT warden.record_event('outlives rollback', 'o', '{"a": [1, "é", null]}', true);
SAVEPOINT s;
SELECT warden.record_event('outlives a savepoint', outlive_rollback => true);
ROLLBACK TO s;
SELECT warden.record_event('does not');
\set ON_ERROR_STOP off
SELECT 1/0;
ROLLBACK;
\set ON_ERROR_STOP on
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.is(string_agg(action, ', ' ORDER BY id), 'outlives rollback, outlives a savepoint', 'what outlives is there, the rest is not') FROM warden.audit_log
WHERE source = 'application';
SELECT t.is(to_jsonb(a) - 'id' - 'recorded_at', jsonb_build_object('source', 'application', 'action', 'outlives rollback', 'object', 'o',
    'detail', '{"a": [1, "é", null]}'::jsonb, 'database_role', 'gateway', 'user_id', :'alice', 'actor_id', :'alice', 'tenant_id', NULL, 'session_id', NULL),
    'with who did it, unchanged by the way') FROM warden.audit_log a WHERE action = 'outlives rollback';
COMMIT;
BEGIN READ ONLY;
SELECT t.refused('SELECT warden.record_event(''x'')', '25006', 'a read-only transaction writes nothing');
ROLLBACK;
BEGIN;
SELECT warden.record_event('a large one', NULL, jsonb_build_object('text', repeat('x', 1000000)), true);
ROLLBACK;
\connect - boss
SELECT t.is(length(detail->>'text'), 1000000, 'a large record') FROM warden.audit_log WHERE action = 'a large one';
SELECT t.is(warden.record_event('by boss', outlive_rollback => true), true, 'an admin role may as well');

-- Whoever says that a dump is restored, by the settings that every dump begins with, is recorded all the same.
\connect - gateway
SET row_security = off;
SET check_function_bodies = off;
SELECT t.is(warden.record_event('as a dump', outlive_rollback => o), true, 'the settings of a dump are no way around it') FROM (VALUES (false), (true)) v (o);
\connect - boss
SELECT t.is(count(*), 2, 'each is a record of its own') FROM warden.audit_log WHERE action = 'as a dump';
SELECT t.is(count(DISTINCT id), count(*), 'and has a number of its own') FROM warden.audit_log;

-- Append-only, also for those who own it.
SELECT t.refused('DELETE FROM warden.audit_records', '42501', 'an admin role deletes nothing');
\connect - postgres
SELECT t.refused(statement, '42501', 'a superuser is kept from it: ' || statement, 'append-only')
FROM (VALUES ('UPDATE warden.audit_records SET action = ''x'''), ('DELETE FROM warden.audit_records'), ('TRUNCATE warden.audit_records'),
    ('DELETE FROM warden.audit_records WHERE false')) AS s (statement);
\connect - mallory_login
SELECT t.refused('SELECT warden.record_event(''x'')', '42501', 'who is nothing records nothing');
SELECT t.rows('SELECT FROM warden.audit_log', 0, 'and reads nothing');
SELECT t.done();
