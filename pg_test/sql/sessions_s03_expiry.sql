-- S3: a session ends at exactly expires_at and idle_expires_at; cleanup_sessions() removes what has been over for longer than it
-- is told, and nothing that is still good or refused because of it.
\ir lib/cast.sql
\ir lib/sessions.sql
SELECT warden.add_admin_role('boss');
CREATE TABLE made (name text PRIMARY KEY, id uuid NOT NULL, token text NOT NULL);
CREATE FUNCTION make(name text, change text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made_id uuid := begin_session('a11ce000-0000-4000-8000-000000000001', make.name);
BEGIN
    INSERT INTO public.made VALUES (make.name, made_id, public.session_token(made_id));
    EXECUTE format('UPDATE warden.sessions SET %s WHERE id = %L', make.change, made_id);
    INSERT INTO warden.refresh_tokens (hash, session_id) VALUES (sha256(made_id::text::bytea), made_id);
    RETURN made_id;
END $$;
GRANT SELECT ON made TO app;
SELECT make(name, change) FROM (VALUES
    ('good', 'device = device'),
    ('never idle', 'idle_expires_at = ''infinity'''),
    ('in a minute', 'expires_at = clock_timestamp() + interval ''1 minute'''),
    ('idle in a minute', 'idle_expires_at = clock_timestamp() + interval ''1 minute'''),
    ('expires now', 'expires_at = clock_timestamp()'),
    ('idle now', 'idle_expires_at = clock_timestamp()'),
    ('ended now', 'ended_at = clock_timestamp(), end_reason = ''logout'''),
    ('expired 29 days ago', 'expires_at = now() - interval ''29 days'''),
    ('expired 31 days ago', 'expires_at = now() - interval ''31 days'''),
    ('idle 31 days ago', 'idle_expires_at = now() - interval ''31 days'''),
    ('ended 31 days ago', 'ended_at = now() - interval ''31 days'', end_reason = ''logout'''),
    -- What began long ago is not over.
    ('a year old', 'started_at = now() - interval ''1 year'', last_active_at = now() - interval ''1 year'', idle_expires_at = ''infinity''')
) AS m (name, change);

\ir lib/as_attacker.sql
CREATE TEMP TABLE accepted (name text);
CREATE FUNCTION pg_temp.try(name text, token text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    INSERT INTO accepted VALUES (name);
EXCEPTION WHEN invalid_authorization_specification THEN NULL;
END $$;
SELECT format('SELECT pg_temp.try(%L, %L)', name, token) FROM made \gexec
SELECT t.is(string_agg(name, ', ' ORDER BY name), 'a year old, good, idle in a minute, in a minute, never idle', 'good until its time, not from then on') FROM accepted;
SELECT t.refused('SELECT warden.cleanup_sessions()', '42501', 'clients clean nothing');

\connect - boss
SELECT t.is(warden.cleanup_sessions(), 3, 'by default it counts what has been over for 30 days');
SELECT t.is(warden.cleanup_sessions(max_sessions => 2), 2, 'taOS F13: at most so many');
SELECT t.is(total, 12, 'and removes nothing') FROM warden.list_sessions(page_size => 1);
SELECT t.is(warden.cleanup_sessions(max_sessions => 2, dry_run => false), 2, 'told to, it removes as many');
SELECT t.is(warden.cleanup_sessions(dry_run => false), 1, 'and the rest');
SELECT t.is(warden.cleanup_sessions(dry_run => false), 0, 'once');
SELECT t.is(string_agg(device, ', ' ORDER BY device), 'expired 29 days ago, expires now', 'what is over for less stays')
FROM warden.list_sessions(page_size => 100) WHERE expires_at < now();
SELECT t.is(warden.cleanup_sessions('29 days 1 hour', dry_run => false), 0, 'an hour less than it is');
SELECT t.is(warden.cleanup_sessions('28 days', dry_run => false), 1, 'and more');
SELECT t.is(warden.cleanup_sessions('0', dry_run => false), 3, 'down to what is over by now');
SELECT t.is(string_agg(device, ', ' ORDER BY device), 'a year old, good, idle in a minute, in a minute, never idle', 'what is good is never removed')
FROM warden.list_sessions(page_size => 100);
SELECT t.refused('SELECT warden.cleanup_sessions(''-1 second'')', '22023', 'a negative age');
SELECT t.refused('SELECT warden.cleanup_sessions(NULL)', '22023', 'or none');
SELECT t.refused('SELECT warden.cleanup_sessions(max_sessions => 0)', '22023', 'or number');
SELECT t.refused('SELECT warden.cleanup_sessions(max_sessions => 1000001)', '22023', 'or too large a one');
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.refresh_tokens), 5, 'refresh tokens go with their sessions');
SELECT t.is(string_agg(detail ->> 'sessions', ', ' ORDER BY recorded_at), '2, 1, 1, 3', 'recorded each') FROM warden.audit_log WHERE action = 'cleanup_sessions';

-- Revocations stay as long as their token could be good: its exp and the longest leeway.
INSERT INTO warden.revoked_tokens (jti, expires_at) VALUES
    ('for ever', 'infinity'), ('to come', now() + interval '1 hour'), ('within the leeway', now() - interval '4 minutes'), ('past', now() - interval '6 minutes'),
    ('long past', now() - interval '31 days');
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes, expires_at, revoked_at) VALUES
    (:'alice', 'good', 'a', '', '{}', NULL, NULL), (:'alice', 'to come', 'b', '', '{}', now() + interval '1 hour', NULL),
    (:'alice', 'expired', 'c', '', '{}', now() - interval '31 days', NULL), (:'alice', 'revoked', 'd', '', '{}', NULL, now() - interval '31 days'),
    (:'alice', 'revoked today', 'e', '', '{}', NULL, now());
SELECT warden.cleanup_sessions(dry_run => true);
SELECT t.is((SELECT count(*) FROM warden.revoked_tokens) + (SELECT count(*) FROM warden.api_keys), 10, 'counting removes none of them');
SELECT warden.cleanup_sessions(dry_run => false);
SELECT t.is(string_agg(jti, ', ' ORDER BY jti), 'for ever, past, to come, within the leeway', 'of tokens') FROM warden.revoked_tokens;
SELECT t.is(string_agg(name, ', ' ORDER BY name), 'good, revoked today, to come', 'and API keys: what has been over that long') FROM warden.api_keys;
SELECT warden.cleanup_sessions('0', dry_run => false);
SELECT t.is(string_agg(jti, ', ' ORDER BY jti), 'for ever, to come, within the leeway', 'however short: not before the leeway is over') FROM warden.revoked_tokens;
SELECT t.done();
