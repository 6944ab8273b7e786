-- Attempts at a password, counted before it is looked at, by a transaction of its own: who rolls back takes nothing back.

CREATE TABLE warden.attempts (
    -- user:, account: or address:, and which; names are hashed, so that the table does not list who signs in.
    key text COLLATE "C" PRIMARY KEY,
    failed int NOT NULL DEFAULT 0,
    last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX attempts_last_at_idx ON warden.attempts (last_at);

COMMENT ON TABLE warden.attempts IS
    'Attempts to sign in that have not succeeded, of a quarter of an hour; for names that nobody has, too. Not part of a dump.';

CREATE FUNCTION warden.attempt_limits(key text, OUT free int, OUT longest interval)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- Of an account: five typing errors cost nobody time. Then 1, 2, 4 … seconds, at most a minute: 1,440 guesses a day
    -- find no password worth the name, and whoever owns the account waits a minute at worst while somebody else guesses.
    -- Of an address: many people share one, so more are free; but nobody owns it, so it can wait for longer.
    SELECT CASE WHEN is_address THEN 20 ELSE 5 END,
           CASE WHEN is_address THEN interval '15 minutes' ELSE interval '1 minute' END
    FROM (SELECT attempt_limits.key LIKE 'address:%' AS is_address) AS k;
END;

COMMENT ON FUNCTION warden.attempt_limits(text) IS
    'How many attempts are free, and the longest delay after that.';

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

CREATE FUNCTION warden.count_attempt(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text[] := array(SELECT jsonb_array_elements_text(arguments -> 'keys'));
    wanted text;
    counted warden.attempts;
    limits record;
    allowed_at timestamptz := '-infinity';
BEGIN
    FOREACH wanted IN ARRAY keys LOOP
        -- Locks the row, which may be new: of attempts at once each sees what the one before has counted. The keys come in
        -- one order (an account before an address), so nobody waits in a circle.
        INSERT INTO warden.attempts AS a (key) VALUES (wanted)
        ON CONFLICT ON CONSTRAINT attempts_pkey DO UPDATE
        SET failed = CASE WHEN a.last_at < clock_timestamp() - interval '15 minutes' THEN 0 ELSE a.failed END
        RETURNING a.* INTO counted;
        limits := warden.attempt_limits(wanted);
        IF counted.failed >= limits.free THEN
            allowed_at := greatest(allowed_at, counted.last_at
                + least(limits.longest, interval '1 second' * 2 ^ least(counted.failed - limits.free, 20)));
        END IF;
    END LOOP;
    -- Who comes too early is told so and not counted: a delay, that nobody can make longer for somebody else.
    IF allowed_at <= clock_timestamp() THEN
        UPDATE warden.attempts a SET failed = a.failed + 1, last_at = clock_timestamp() WHERE a.key = ANY (keys);
    END IF;
    -- Old ones go, more than come. Last, and never waiting: whoever waits here would hold what is counted above.
    DELETE FROM warden.attempts a
    USING (SELECT o.key FROM warden.attempts o WHERE o.last_at < clock_timestamp() - interval '15 minutes'
           ORDER BY o.last_at LIMIT 100 FOR UPDATE SKIP LOCKED) AS old
    WHERE a.key = old.key;
    RETURN jsonb_build_object('retry_after', CASE WHEN allowed_at > clock_timestamp()
        THEN ceil(extract(epoch FROM allowed_at - clock_timestamp())) END);
END
$$;

COMMENT ON FUNCTION warden.count_attempt(jsonb) IS
    'Task: counts an attempt under each of these keys, unless one of them has to wait. Answers retry_after: the seconds to wait, or null.';

CREATE FUNCTION warden.forgive_attempts(keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
    forgiven bigint := 0;
BEGIN
    FOREACH wanted IN ARRAY keys LOOP
        IF wanted LIKE 'address:%' THEN
            -- Its own attempt alone: whoever signs in as himself in between is not given new guesses at others.
            UPDATE warden.attempts a SET failed = greatest(a.failed - 1, 0) WHERE a.key = wanted;
        ELSE
            DELETE FROM warden.attempts a WHERE a.key = wanted;
        END IF;
        forgiven := forgiven + 1;
    END LOOP;
    RETURN forgiven;
END
$$;

COMMENT ON FUNCTION warden.forgive_attempts(text[]) IS
    'What a success does to the counters: those of an account are gone, that of an address is as before. Not callable by clients.';
