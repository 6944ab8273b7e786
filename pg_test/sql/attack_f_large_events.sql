-- F: a client that fills the audit log, or its readers, in one call: large and deeply nested details are refused with
-- 22023 and leave nothing behind; what is allowed is kept to the last digit and level.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
CREATE FUNCTION nested(levels int, inner_text text DEFAULT '') RETURNS jsonb LANGUAGE sql AS $$
    SELECT (repeat('[', levels) || inner_text || repeat(']', levels))::jsonb
$$;
CREATE FUNCTION text_of(bytes int) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(repeat('x', bytes - 2)) $$;
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.record_event(''deep'', NULL, %s)', detail), '22023', 'refused: ' || detail, 'levels')
FROM (VALUES ('nested(101)'), ('nested(128)'), ('nested(5000)'), ('jsonb_build_object(''a'', nested(100))'),
    ($$('{"a":' || nested(100)::text || '}')::jsonb$$)) AS d (detail);
SELECT t.refused(format('SELECT warden.record_event(''large'', NULL, %s)', detail), '22023', 'refused: ' || detail, 'bytes')
FROM (VALUES ('text_of(1048577)'), ('text_of(50000000)'), ('to_jsonb(repeat(''é'', 524288))')) AS d (detail);
SELECT t.refused('SELECT warden.record_event(''large'', repeat(''x'', 2001))', '22023', 'a long object', 'bytes');
SELECT t.rows('SELECT FROM warden.audit_log', 0, 'none of it is in the log');
SELECT t.ok(warden.record_event('deep', 'a', nested(100)), 'a hundred levels');
SELECT t.ok(warden.record_event('large', repeat('x', 2000), text_of(1048576)), 'a mebibyte');
-- Brackets in a text are none, whatever is quoted in it.
SELECT t.ok(warden.record_event('brackets', NULL, jsonb_build_object('a', repeat('\"[{', 200))), 'brackets within a text');
SELECT t.ok(warden.record_event('exact', NULL, '{"a": 1e400, "b": 0.1234567890123456789012345, "c": 1.50, "d": "\ud83d\ude00", "e": -0}'), 'numbers');
SELECT t.is(detail, nested(100), 'as deep as it was') FROM warden.audit_log WHERE action = 'deep';
SELECT t.is(length(detail::text), 1048576, 'as long as it was') FROM warden.audit_log WHERE action = 'large';
SELECT t.is(detail->>'a', repeat('\"[{', 200), 'the text') FROM warden.audit_log WHERE action = 'brackets';
SELECT t.is(detail::text, '{"a": 1e400, "b": 0.1234567890123456789012345, "c": 1.50, "d": "😀", "e": -0}'::jsonb::text, 'to the last digit')
FROM warden.audit_log WHERE action = 'exact';
COMMIT;

-- The other way that a record takes.
\connect - gateway
SELECT t.refused('SELECT warden.record_event(''x'', NULL, nested(101), true)', '22023', 'outliving: too deep', 'levels');
SELECT t.refused('SELECT warden.record_event(''x'', NULL, text_of(1048577), true)', '22023', 'outliving: too large', 'bytes');
SELECT t.ok(warden.record_event('outlives', NULL, nested(100, '1e400'), true), 'outliving: a hundred levels');
\connect - postgres
SELECT t.is(detail::text, nested(100, '1e400')::text, 'as it was') FROM warden.audit_log WHERE action = 'outlives';
SELECT t.rows('SELECT FROM warden.audit_log WHERE action = ''x''', 0, 'and nothing of what was refused');
SELECT t.done();
