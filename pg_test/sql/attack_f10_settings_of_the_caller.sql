-- F10: a client's settings decide nothing in our functions, neither in his calls nor, on a pooled connection, in those of who
-- comes next: PL/pgSQL reads the expressions of a function once in a backend, by the settings of the first caller.
\ir lib/cast.sql
SELECT format('ALTER DATABASE %I SET session_preload_libraries = ''pg_warden''', current_database()) \gexec
SELECT warden.grant_scope(u.id, 'users:invite') FROM warden.users u WHERE u.id IN (:'alice', :'mallory');

-- A literal with a backslash is another one where standard_conforming_strings is off, unless it is written E'…'.
CREATE FUNCTION says_otherwise(body text) RETURNS boolean LANGUAGE sql
BEGIN ATOMIC
    SELECT regexp_replace(regexp_replace(body, '\mE''([^''\\]|\\.|'''')*''', '', 'g'), '--[^\n]*', '', 'g') ~ '\\';
END;
SELECT t.is(says_otherwise($$ SELECT '\s' $$), true, 'a literal that says something else with other settings');
SELECT t.is(says_otherwise($$ SELECT E'a\\b''c\n' || '[[:space:]]' -- \s $$), false, 'one that does not');
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'no function has one')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'warden'::regnamespace AND l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL AND says_otherwise(p.prosrc);

-- What mallory does to a pooled backend: the settings go with DISCARD ALL, what was read by them stays.
\ir lib/as_attacker.sql
SELECT set_config(s.name, s.value, false)
FROM (VALUES ('standard_conforming_strings', 'off'), ('escape_string_warning', 'off'), ('backslash_quote', 'off'),
             ('transform_null_equals', 'on'), ('array_nulls', 'off'), ('DateStyle', 'SQL, DMY'), ('IntervalStyle', 'sql_standard'),
             ('extra_float_digits', '-15'), ('bytea_output', 'escape'), ('xmlbinary', 'hex'), ('quote_all_identifiers', 'on'),
             ('plan_cache_mode', 'force_generic_plan'), ('check_function_bodies', 'off'), ('enable_seqscan', 'off'),
             ('enable_indexscan', 'off'), ('enable_bitmapscan', 'off'), ('jit_above_cost', '0'), ('search_path', 'pg_temp'),
             ('plpgsql.extra_errors', 'all'), ('plpgsql.print_strict_params', 'on'),
             -- Where tomorrow begins thirty hours late.
             ('TimeZone', 'AAA15BBB-15,J1/0,' || extract(doy FROM (now() AT TIME ZONE 'UTC') + interval '15 hours') || '/0')) AS s (name, value)
ORDER BY s.name <> 'search_path';

BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.refused($$ SELECT warden.register_agent(E' \t') $$, '22023', 'a name of nothing but white space is none');
SELECT t.succeeds($$ SELECT warden.register_agent('xyz') $$, 'whatever the settings, an agent is registered');
SELECT t.refused($$ SELECT warden.create_api_key(E' \n') $$, '22023', 'a key has a name as well');
SELECT t.succeeds($$ SELECT warden.create_api_key('sss') $$, 'of any letters');
SELECT t.ok(abs(extract(epoch FROM expires_at - clock_timestamp()) - 86400) < 3600, 'a day has 24 hours: ' || (expires_at - clock_timestamp()))
FROM warden.create_invite(short => true, expires_in => '1 day', email => 'guest@example.com');
SELECT t.ok(abs(extract(epoch FROM expires_at - clock_timestamp()) - 2 * 86400) < 3600, 'two have 48: ' || (expires_at - clock_timestamp()))
FROM warden.create_invite(expires_in => '2 days', email => 'guest2@example.com');
ROLLBACK;
DISCARD ALL;

-- The next user of the backend.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.succeeds($$ SELECT warden.register_agent('helper') $$, 'the next user registers an agent');
SELECT t.refused($$ SELECT warden.register_agent(E' \t') $$, '22023', 'and none without a name');
SELECT t.succeeds($$ SELECT warden.create_api_key('sss') $$, 'makes a key');
SELECT t.refused($$ SELECT warden.create_api_key(E' \n') $$, '22023', 'and none without a name');
ROLLBACK;
SELECT t.done();
