-- Attempts at a password, counted before it is looked at, by a transaction of its own: who rolls back takes nothing back.

CREATE TABLE warden.attempts (
    -- What is counted by, and which of those: account: (by what somebody signs in), login: (whoever that is), each also
    -- with an address behind a blank; everywhere: (one of both, from all addresses); address:; user: (who is signed in).
    -- Names are hashed, so that the table does not list who signs in.
    key text COLLATE "C" PRIMARY KEY,
    -- Not whole where some of it is forgotten already.
    failed double precision NOT NULL DEFAULT 0,
    last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX attempts_last_at_idx ON warden.attempts (last_at);

COMMENT ON TABLE warden.attempts IS
    'Attempts to sign in that have not succeeded, of a quarter of an hour; for names that nobody has, too. Not part of a dump.';

CREATE FUNCTION warden.attempt_limits(key text, OUT free int, OUT longest interval, OUT forgotten_in interval)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- Of an account: five typing errors cost nobody time. Then 1, 2, 4 … seconds, at most a minute: 1,440 guesses a day
    -- find no password worth the name, and whoever owns the account waits a minute at worst while somebody else guesses.
    -- Of an address: many people share one, so more are free; but nobody owns it, so it can wait for longer.
    -- Of an account from everywhere: whoever guesses from one address or two, which makes one or two attempts a minute there
    -- once the delay has grown, keeps nobody out who comes from another; those of many addresses together have two a minute.
    SELECT CASE WHEN is_address THEN 20 WHEN is_everywhere THEN 30 ELSE 5 END,
           CASE WHEN is_address THEN interval '15 minutes' ELSE interval '1 minute' END,
           CASE WHEN is_everywhere THEN interval '30 seconds' END
    FROM (SELECT attempt_limits.key LIKE 'address:%' AS is_address, attempt_limits.key LIKE 'everywhere:%' AS is_everywhere) AS k;
END;

COMMENT ON FUNCTION warden.attempt_limits(text) IS
    'How many attempts are free, the longest delay after that, and in what time one of them is forgotten, NULL for not before all are.';

CREATE FUNCTION warden.attempts_remembered(key text, failed double precision, last_at timestamptz) RETURNS double precision
LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
    -- None is added where the clock went back.
    SELECT CASE WHEN quiet > interval '15 minutes' THEN 0
                ELSE greatest(attempts_remembered.failed - coalesce(extract(epoch FROM quiet) / extract(epoch FROM l.forgotten_in), 0), 0) END
    FROM warden.attempt_limits(attempts_remembered.key) AS l
    CROSS JOIN (SELECT greatest(clock_timestamp() - attempts_remembered.last_at, interval '0') AS quiet) AS q;
END;

COMMENT ON FUNCTION warden.attempts_remembered(text, double precision, timestamptz) IS
    'How many failed attempts count still.';

CREATE FUNCTION warden.attempts_of_address(address inet) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'address:' || CASE
        WHEN family(attempts_of_address.address) = 4 THEN host(attempts_of_address.address)
        -- ::ffff:1.2.3.4 is 1.2.3.4.
        WHEN host(attempts_of_address.address)::inet << '::ffff:0.0.0.0/96'::inet THEN substr(host(attempts_of_address.address), 8)
        -- Whoever has an IPv6 address has all of its /64.
        ELSE network(set_masklen(attempts_of_address.address, 64))::text END;
END;

COMMENT ON FUNCTION warden.attempts_of_address(inet) IS
    'What attempts from an address are counted by: an IPv4 address, or the network of an IPv6 one.';

CREATE FUNCTION warden.attempts_of_account(identifier text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'account:' || encode(sha256(convert_to(
        CASE WHEN strpos(attempts_of_account.identifier, '@') > 0
             THEN coalesce(warden.normalise_email(attempts_of_account.identifier), '')
             ELSE attempts_of_account.identifier END, 'UTF8')), 'hex');
END;

COMMENT ON FUNCTION warden.attempts_of_account(text) IS
    'What attempts to sign in by an email or a name are counted by, whether there is such a user or not.';

CREATE FUNCTION warden.attempts_allowed_at(keys text[]) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
    counted warden.attempts;
    remembered double precision;
    limits record;
    allowed_at timestamptz := '-infinity';
BEGIN
    FOREACH wanted IN ARRAY keys LOOP
        -- Locks the row, which may be new: of attempts at once each sees what the one before has counted.
        INSERT INTO warden.attempts AS a (key) VALUES (wanted)
        ON CONFLICT ON CONSTRAINT attempts_pkey DO UPDATE SET failed = a.failed
        RETURNING a.* INTO counted;
        remembered := ceil(warden.attempts_remembered(counted.key, counted.failed, counted.last_at));
        limits := warden.attempt_limits(wanted);
        IF remembered >= limits.free THEN
            allowed_at := greatest(allowed_at, counted.last_at
                + least(limits.longest, interval '1 second' * 2 ^ least(remembered - limits.free, 20)));
        END IF;
    END LOOP;
    RETURN allowed_at;
END
$$;

COMMENT ON FUNCTION warden.attempts_allowed_at(text[]) IS
    'From when on there may be an attempt that is counted by all of these keys, whose rows it locks in this order. Not callable by clients.';

CREATE FUNCTION warden.add_attempt(keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added bigint;
BEGIN
    UPDATE warden.attempts a SET failed = warden.attempts_remembered(a.key, a.failed, a.last_at) + 1, last_at = clock_timestamp()
    WHERE a.key = ANY (add_attempt.keys);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;

COMMENT ON FUNCTION warden.add_attempt(text[]) IS 'Counts an attempt by each of these keys. Not callable by clients.';

CREATE FUNCTION warden.count_attempt(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text[] := array(SELECT jsonb_array_elements_text(arguments -> 'keys'));
    unsaid text[] := array(SELECT jsonb_array_elements_text(coalesce(arguments -> 'unsaid', '[]')));
    -- The keys come in one order (an account before an address, that before who it is), so nobody waits in a circle.
    allowed_at timestamptz := warden.attempts_allowed_at(keys);
    is_early boolean := allowed_at > clock_timestamp();
    is_refused boolean := false;
BEGIN
    -- Who comes too early is told so and not counted: a delay, that nobody can make longer for somebody else.
    IF NOT is_early THEN
        is_refused := warden.attempts_allowed_at(unsaid) > clock_timestamp();
        PERFORM warden.add_attempt(keys);
        IF NOT is_refused THEN
            PERFORM warden.add_attempt(unsaid);
        END IF;
    END IF;
    -- Old ones go, more than come. Last, and never waiting: whoever waits here would hold what is counted above.
    DELETE FROM warden.attempts a
    USING (SELECT o.key FROM warden.attempts o WHERE o.last_at < clock_timestamp() - interval '15 minutes'
           ORDER BY o.last_at LIMIT 100 FOR UPDATE SKIP LOCKED) AS old
    WHERE a.key = old.key;
    RETURN jsonb_build_object('refused', is_refused, 'retry_after', CASE WHEN is_early
        THEN ceil(extract(epoch FROM allowed_at - clock_timestamp())) END);
END
$$;

COMMENT ON FUNCTION warden.count_attempt(jsonb) IS
    'Task: counts an attempt under each of these keys, unless one of them has to wait; so too under those of unsaid, of which the client may not learn that they have to wait. Answers retry_after: the seconds to wait, or null, and refused: whether the attempt fails for what is unsaid, whatever it is.';

CREATE FUNCTION warden.forgive_attempts(keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY keys LOOP
        IF wanted ~ '^(address|everywhere):' THEN
            -- Its own attempt alone: whoever signs in as himself in between is not given new guesses at others, and nobody
            -- new ones at him.
            UPDATE warden.attempts a SET failed = greatest(a.failed - 1, 0) WHERE a.key = wanted;
        ELSE
            DELETE FROM warden.attempts a WHERE a.key = wanted;
        END IF;
    END LOOP;
    RETURN cardinality(forgive_attempts.keys);
END
$$;

COMMENT ON FUNCTION warden.forgive_attempts(text[]) IS
    'What a success does to the counters: those of an account are gone, those of an address and from everywhere are as before. Not callable by clients.';

CREATE FUNCTION warden.forget_attempts(keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
BEGIN
    -- In the order in which count_attempt() locks them; what follows a blank is an address.
    FOREACH wanted IN ARRAY keys LOOP
        DELETE FROM warden.attempts a WHERE a.key = wanted OR (a.key >= wanted || ' ' AND a.key < wanted || '!');
        DELETE FROM warden.attempts a WHERE a.key = 'everywhere:' || wanted;
    END LOOP;
    RETURN cardinality(forget_attempts.keys);
END
$$;

COMMENT ON FUNCTION warden.forget_attempts(text[]) IS
    'Deletes the counters of these keys, from whatever address. Not callable by clients.';
