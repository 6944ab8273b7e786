-- Banned addresses and networks. authenticate() refuses them before it looks at a credential (src/bans.rs).

CREATE TABLE warden.bans (
    network inet PRIMARY KEY CHECK (network = warden.normalise_network(network)),
    reason text NOT NULL CHECK (reason <> '' AND length(reason) <= 255),
    source text NOT NULL CHECK (source <> '' AND length(source) <= 50),
    ban_count int NOT NULL,
    banned_at timestamptz NOT NULL,
    -- The first moment at which the ban is over; NULL: never.
    expires_at timestamptz,
    is_permanent boolean NOT NULL GENERATED ALWAYS AS (expires_at IS NULL) STORED,
    last_offense_at timestamptz NOT NULL,
    last_offense_path text CHECK (length(last_offense_path) <= 512),
    last_user_agent text CHECK (length(last_user_agent) <= 1000),
    source_fingerprint text CHECK (length(source_fingerprint) <= 255),
    session_ids text[] NOT NULL DEFAULT '{}' CHECK (cardinality(session_ids) <= 100),
    user_agents text[] NOT NULL DEFAULT '{}' CHECK (cardinality(user_agents) <= 20)
);

CREATE INDEX bans_banned_at_idx ON warden.bans (banned_at, network);
CREATE INDEX bans_source_fingerprint_idx ON warden.bans (source_fingerprint) WHERE source_fingerprint IS NOT NULL;
CREATE INDEX bans_expires_at_idx ON warden.bans (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE warden.bans IS
    'Banned addresses and networks, those included whose ban is over until cleanup_bans() takes them out. Read anew at every authentication that states an address.';
COMMENT ON COLUMN warden.bans.ban_count IS 'How many times the network was banned since it was last unbanned, this time included.';
COMMENT ON COLUMN warden.bans.banned_at IS 'When the ban in force began; banning again does not change it.';
COMMENT ON COLUMN warden.bans.session_ids IS 'The last hundred sessions that were named, the newest last.';
COMMENT ON COLUMN warden.bans.user_agents IS 'The last twenty user agents that were named, the newest last.';

CREATE TABLE warden.ban_history (
    network inet NOT NULL,
    banned_at timestamptz NOT NULL,
    reason text NOT NULL,
    source text NOT NULL,
    -- As was asked for, whatever stronger ban was in force; NULL: never.
    expires_at timestamptz,
    offense_path text,
    user_agent text,
    source_fingerprint text,
    session_id text,
    unbanned_at timestamptz
);

CREATE INDEX ban_history_network_idx ON warden.ban_history (network, banned_at);

COMMENT ON TABLE warden.ban_history IS
    'Every ban that was ever made, one row a call of ban_ip(); neither unban_ip() nor cleanup_bans() takes one out.';

SELECT pg_extension_config_dump('warden.bans', '');
SELECT pg_extension_config_dump('warden.ban_history', '');

-- The networks around an address are looked up one by one, those of the masks that were ever banned.
CREATE TABLE warden.ban_masks (
    version int NOT NULL,
    length int NOT NULL,
    PRIMARY KEY (version, length)
);

COMMENT ON TABLE warden.ban_masks IS
    'The lengths of the masks in table bans, for IPv4 and IPv6. Added to and never taken from; not part of a dump, which brings the bans.';

CREATE TRIGGER rows_changed AFTER INSERT OR UPDATE ON warden.ban_masks
    FOR EACH ROW EXECUTE FUNCTION warden.rows_changed();
ALTER TABLE warden.ban_masks ENABLE ALWAYS TRIGGER rows_changed;

CREATE FUNCTION warden.note_mask() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Bans that were restored without triggers are found by reading them all, until there is one mask.
    IF NOT EXISTS (SELECT FROM warden.ban_masks) THEN
        INSERT INTO warden.ban_masks (version, length)
        SELECT DISTINCT family(b.network), masklen(b.network) FROM warden.bans b ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO warden.ban_masks (version, length) VALUES (family(NEW.network), masklen(NEW.network)) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.note_mask() IS 'Trigger of the bans: a mask that was not banned before is looked for from now on.';

CREATE TRIGGER note_mask AFTER INSERT OR UPDATE OF network ON warden.bans
    FOR EACH ROW EXECUTE FUNCTION warden.note_mask();
ALTER TABLE warden.bans ENABLE ALWAYS TRIGGER note_mask;

CREATE FUNCTION warden.networks_around(address inet) RETURNS SETOF inet
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT network(set_masklen(n.network, length))::inet
    FROM (SELECT warden.normalise_network(networks_around.address) AS network) AS n,
         generate_series(0, masklen(n.network)) AS length;
END;

COMMENT ON FUNCTION warden.networks_around(inet) IS 'The networks that all of an address or network lies in, itself included.';

CREATE FUNCTION warden.bans_in_force(address inet) RETURNS SETOF warden.bans
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT b.* FROM warden.networks_around(bans_in_force.address) AS n (network)
    JOIN warden.bans b ON b.network = n.network
    WHERE b.expires_at IS NULL OR b.expires_at > clock_timestamp();
END;

COMMENT ON FUNCTION warden.bans_in_force(inet) IS
    'The bans that the whole of an address or network is subject to at this moment.';

CREATE FUNCTION warden.ban_expiry(duration interval) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    expiry timestamptz;
BEGIN
    BEGIN
        expiry := moment + ban_expiry.duration;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'duration of the ban is too long'
            USING ERRCODE = '22023', HINT = 'A ban without an end is ''permanent''.';
    END;
    IF (expiry > moment) IS NOT TRUE THEN
        RAISE EXCEPTION 'duration of the ban is not positive'
            USING ERRCODE = '22023', HINT = 'Pass an interval like ''2 hours'' or ''7 days'', or ''permanent''.';
    END IF;
    -- From 17 on an interval can be infinite.
    RETURN nullif(expiry, 'infinity');
END
$$;

COMMENT ON FUNCTION warden.ban_expiry(interval) IS
    'When a ban that begins now is over; NULL for never. Errors: 22023 for what is not positive, and for NULL.';

CREATE FUNCTION warden.append_to(list text[], item text, longest int) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN append_to.item IS NULL THEN append_to.list
                ELSE (array_append(array_remove(append_to.list, append_to.item), append_to.item))
                     [greatest(1, cardinality(array_remove(append_to.list, append_to.item)) + 2 - append_to.longest):] END;
END;

COMMENT ON FUNCTION warden.append_to(text[], text, int) IS
    'The list with the item as its last, and once; the first make room where it would become too long. NULL adds nothing.';

CREATE FUNCTION warden.write_ban(
    address inet, expiry timestamptz, reason text, source text, fingerprint text, offense_path text, user_agent text,
    session_id text, allow_shorter boolean, end_sessions boolean
) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    target inet := warden.normalise_network(write_ban.address);
    -- What an offender may have sent is cut, not refused: nobody escapes a ban by a long path.
    path text := left(nullif(write_ban.offense_path, ''), 512);
    agent text := left(nullif(write_ban.user_agent, ''), 1000);
    mark text := left(nullif(write_ban.fingerprint, ''), 255);
    session text := left(nullif(write_ban.session_id, ''), 255);
    earlier int;
    written warden.bans;
    ended bigint;
BEGIN
    IF target IS NULL THEN
        RAISE EXCEPTION 'no address given' USING ERRCODE = '22023';
    END IF;
    IF coalesce(write_ban.reason, '') = '' OR length(write_ban.reason) > 255 THEN
        RAISE EXCEPTION 'a ban needs a reason' USING ERRCODE = '22023', HINT = 'Say why in 1 to 255 characters.';
    END IF;
    IF coalesce(write_ban.source, '') = '' OR length(write_ban.source) > 50 THEN
        RAISE EXCEPTION 'source of the ban is not usable'
            USING ERRCODE = '22023', HINT = 'Name who bans, a person or a program, in 1 to 50 characters.';
    END IF;
    SELECT count(*) INTO earlier FROM warden.ban_history h WHERE h.network = target AND h.unbanned_at IS NULL;
    INSERT INTO warden.bans AS b (network, reason, source, ban_count, banned_at, expires_at, last_offense_at,
        last_offense_path, last_user_agent, source_fingerprint, session_ids, user_agents)
    VALUES (target, write_ban.reason, write_ban.source, earlier + 1, moment, write_ban.expiry, moment,
        path, agent, mark, warden.append_to('{}', session, 100), warden.append_to('{}', agent, 20))
    ON CONFLICT ON CONSTRAINT bans_pkey DO UPDATE
    SET reason = excluded.reason,
        source = excluded.source,
        ban_count = b.ban_count + 1,
        banned_at = CASE WHEN b.expires_at <= moment THEN moment ELSE b.banned_at END,
        -- A permanent ban stays, whatever is asked for: it is lifted by unban_ip() alone.
        expires_at = CASE WHEN b.expires_at IS NULL OR excluded.expires_at IS NULL THEN NULL
                          WHEN write_ban.allow_shorter THEN excluded.expires_at
                          ELSE greatest(b.expires_at, excluded.expires_at) END,
        last_offense_at = moment,
        last_offense_path = coalesce(path, b.last_offense_path),
        last_user_agent = coalesce(agent, b.last_user_agent),
        source_fingerprint = coalesce(mark, b.source_fingerprint),
        session_ids = warden.append_to(b.session_ids, session, 100),
        user_agents = warden.append_to(b.user_agents, agent, 20)
    RETURNING b.* INTO written;
    INSERT INTO warden.ban_history
        (network, banned_at, reason, source, expires_at, offense_path, user_agent, source_fingerprint, session_id)
    VALUES (target, moment, write_ban.reason, write_ban.source, write_ban.expiry, path, agent, mark, session);
    IF write_ban.end_sessions THEN
        SELECT coalesce(sum(warden.end_sessions_of(s.user_id, 'banned', s.id)), 0) INTO ended
        FROM warden.sessions s
        WHERE s.ended_at IS NULL AND least(s.expires_at, s.idle_expires_at) > moment
          AND warden.normalise_network(host(s.client_ip)::inet) <<= target;
    END IF;
    PERFORM warden.write_audit('ban_ip', target::text, jsonb_strip_nulls(jsonb_build_object(
        'reason', write_ban.reason, 'source', write_ban.source, 'ban_count', written.ban_count,
        'expires_at', coalesce(to_jsonb(written.expires_at), '"never"'), 'sessions', ended)));
    RETURN written.ban_count;
END
$$;

COMMENT ON FUNCTION warden.write_ban(inet, timestamptz, text, text, text, text, text, text, boolean, boolean) IS
    'What both forms of ban_ip() share: checks, writes the ban and its history, ends sessions where asked to, records. Not callable by clients.';

CREATE FUNCTION warden.ban_ip(
    address inet,
    duration interval,
    reason text,
    source text DEFAULT 'manual',
    fingerprint text DEFAULT NULL,
    offense_path text DEFAULT NULL,
    user_agent text DEFAULT NULL,
    session_id text DEFAULT NULL,
    allow_shorter boolean DEFAULT false,
    end_sessions boolean DEFAULT false
) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_admin();
    RETURN warden.write_ban(ban_ip.address, warden.ban_expiry(ban_ip.duration), ban_ip.reason, ban_ip.source,
        ban_ip.fingerprint, ban_ip.offense_path, ban_ip.user_agent, ban_ip.session_id, ban_ip.allow_shorter,
        ban_ip.end_sessions);
END
$$;

COMMENT ON FUNCTION warden.ban_ip(inet, interval, text, text, text, text, text, text, boolean, boolean) IS
    'As ban_ip() with a text, for callers that have an interval.';

CREATE FUNCTION warden.ban_ip(
    address inet,
    duration text,
    reason text,
    source text DEFAULT 'manual',
    fingerprint text DEFAULT NULL,
    offense_path text DEFAULT NULL,
    user_agent text DEFAULT NULL,
    session_id text DEFAULT NULL,
    allow_shorter boolean DEFAULT false,
    end_sessions boolean DEFAULT false
) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    length_of_ban interval;
    expiry timestamptz;
BEGIN
    PERFORM warden.require_admin();
    IF lower(btrim(ban_ip.duration)) IS DISTINCT FROM 'permanent' THEN
        BEGIN
            length_of_ban := ban_ip.duration::interval;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'duration of the ban is no interval'
                USING ERRCODE = '22023', HINT = 'Pass an interval like ''2 hours'' or ''7 days'', or ''permanent''.';
        END;
        expiry := warden.ban_expiry(length_of_ban);
    END IF;
    RETURN warden.write_ban(ban_ip.address, expiry, ban_ip.reason, ban_ip.source, ban_ip.fingerprint,
        ban_ip.offense_path, ban_ip.user_agent, ban_ip.session_id, ban_ip.allow_shorter, ban_ip.end_sessions);
END
$$;

COMMENT ON FUNCTION warden.ban_ip(inet, text, text, text, text, text, text, text, boolean, boolean) IS
    'Bans an address or network, felt by its next authenticate(), and returns how many times it was banned since it was last unbanned: 1 for the first. address: an inet, 203.0.113.7 or 2001:db8::/48; the bits beyond the mask do not count, and an IPv4-mapped address is that IPv4 address. duration: an interval like ''2 hours'' or ''7 days'' from now, or ''permanent''. Where the network is banned already the reason and source become these, a permanent ban stays permanent, and the later end counts unless allow_shorter is true. source: who bans, a person or a program; fingerprint, offense_path, user_agent, session_id: what the offender was known by, cut to 255, 512, 1000 and 255 characters. end_sessions: end the sessions that were begun from there, too. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for a duration that is not positive or no interval, and for no address, reason or source.';

CREATE FUNCTION warden.unban_ip(address inet) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    target inet := warden.normalise_network(unban_ip.address);
    lifted boolean;
    others text;
BEGIN
    PERFORM warden.require_admin();
    IF target IS NULL THEN
        RAISE EXCEPTION 'no address given' USING ERRCODE = '22023';
    END IF;
    DELETE FROM warden.bans b WHERE b.network = target AND (b.expires_at IS NULL OR b.expires_at > moment);
    lifted := FOUND;
    IF lifted THEN
        UPDATE warden.ban_history h SET unbanned_at = moment WHERE h.network = target AND h.unbanned_at IS NULL;
        PERFORM warden.write_audit('unban_ip', target::text, '{}');
    END IF;
    SELECT string_agg(b.network::text, ', ' ORDER BY b.network) INTO others FROM warden.bans_in_force(target) b;
    IF others IS NOT NULL THEN
        RAISE NOTICE '% is still banned, as part of %', target, others;
    END IF;
    RETURN lifted;
END
$$;

COMMENT ON FUNCTION warden.unban_ip(inet) IS
    'Lifts the ban of exactly this address or network, permanent or not, and starts its count again; the history keeps it. Returns whether there was one in force. An address within a wider network that is banned stays banned, which a notice says. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for NULL.';

CREATE FUNCTION warden.get_ban(address inet) RETURNS SETOF warden.bans
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_admin();
    RETURN QUERY
    SELECT b.* FROM warden.bans_in_force(get_ban.address) AS b
    ORDER BY b.expires_at DESC NULLS FIRST, masklen(b.network) DESC
    LIMIT 1;
END
$$;

COMMENT ON FUNCTION warden.get_ban(inet) IS
    'The ban that an address or network is subject to now, its own or that of a wider network: the one that lasts longest. No row where there is none. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin.';

CREATE FUNCTION warden.list_ban_history(address inet, page_size int DEFAULT 20) RETURNS SETOF warden.ban_history
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target inet := warden.normalise_network(list_ban_history.address);
BEGIN
    PERFORM warden.require_admin();
    PERFORM warden.require_page_size(list_ban_history.page_size);
    RETURN QUERY
    SELECT h.* FROM warden.ban_history h
    WHERE h.network IN (SELECT warden.networks_around(target))
    ORDER BY h.banned_at DESC
    LIMIT list_ban_history.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_ban_history(inet, int) IS
    'Every ban that an address or network, or a wider network around it, was ever given, newest first, those included that are over or were lifted. page_size: 1 to 100. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for a page size out of bounds.';

-- A plain statement, which the planner puts in place of the call: so each filter finds its index.
CREATE FUNCTION warden.matching_bans(source text, fingerprint text, with_expired boolean) RETURNS SETOF warden.bans
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT b.* FROM warden.bans b
    WHERE (matching_bans.source IS NULL OR b.source = matching_bans.source)
      AND (matching_bans.fingerprint IS NULL OR b.source_fingerprint = left(matching_bans.fingerprint, 255))
      AND (matching_bans.with_expired OR b.expires_at IS NULL OR b.expires_at > clock_timestamp());
END;

COMMENT ON FUNCTION warden.matching_bans(text, text, boolean) IS
    'The bans that pass every filter that is not NULL; those that are over only where with_expired is true.';

-- As narrow as a terminal; get_ban() shows the rest.
CREATE TYPE warden.listed_ban AS (
    network inet, reason text, source text, ban_count int, expires_at timestamptz, total bigint
);

COMMENT ON TYPE warden.listed_ban IS 'A line of list_bans(); expires_at: NULL for never; total: how many bans match on all pages.';

CREATE FUNCTION warden.list_bans(
    source text DEFAULT NULL,
    fingerprint text DEFAULT NULL,
    page_size int DEFAULT 20,
    skip int DEFAULT 0,
    with_expired boolean DEFAULT false
) RETURNS SETOF warden.listed_ban
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    matches bigint;
BEGIN
    PERFORM warden.require_admin();
    PERFORM warden.require_page(list_bans.page_size, list_bans.skip);
    SELECT count(*) INTO matches
    FROM warden.matching_bans(list_bans.source, list_bans.fingerprint, list_bans.with_expired);
    RETURN QUERY
    SELECT b.network, b.reason, b.source, b.ban_count, b.expires_at, matches
    FROM warden.matching_bans(list_bans.source, list_bans.fingerprint, list_bans.with_expired) AS b
    ORDER BY b.banned_at DESC, b.network DESC
    LIMIT list_bans.page_size OFFSET list_bans.skip;
END
$$;

COMMENT ON FUNCTION warden.list_bans(text, text, int, int, boolean) IS
    'A page of the bans in force, newest first. source, fingerprint: filters, applied before paging; page_size: 1 to 100; skip: how many to leave out; with_expired: also those that are over and not cleaned up yet; total: how many match on all pages. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for a page size out of bounds or a negative skip.';

CREATE FUNCTION warden.count_bans(source text DEFAULT NULL, fingerprint text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_admin();
    RETURN (SELECT count(*) FROM warden.matching_bans(count_bans.source, count_bans.fingerprint, false));
END
$$;

COMMENT ON FUNCTION warden.count_bans(text, text) IS
    'How many bans are in force, of a source or fingerprint where one is given. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin.';

CREATE FUNCTION warden.cleanup_bans(max_bans int DEFAULT 10000, dry_run boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    removed bigint;
BEGIN
    PERFORM warden.require_admin();
    IF (cleanup_bans.max_bans >= 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'at least one ban must be allowed for' USING ERRCODE = '22023';
    END IF;
    IF cleanup_bans.dry_run IS NOT FALSE THEN
        RETURN (SELECT count(*) FROM (
            SELECT FROM warden.bans b WHERE b.expires_at <= moment LIMIT cleanup_bans.max_bans) AS over);
    END IF;
    -- One that is being renewed at this moment is passed by.
    WITH over AS (
        SELECT b.network FROM warden.bans b WHERE b.expires_at <= moment
        ORDER BY b.expires_at LIMIT cleanup_bans.max_bans FOR UPDATE SKIP LOCKED
    )
    DELETE FROM warden.bans b USING over WHERE b.network = over.network;
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed > 0 THEN
        PERFORM warden.write_audit('cleanup_bans', NULL, jsonb_build_object('bans', removed));
    END IF;
    RETURN removed;
END
$$;

COMMENT ON FUNCTION warden.cleanup_bans(int, boolean) IS
    'Takes out bans that are over, at most max_bans, the longest over first, and returns how many; with dry_run it only counts. Never one in force, and never the history. Nothing depends on it having run. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for max_bans below 1.';

COMMENT ON FUNCTION warden.normalise_network(inet) IS
    'The one form of an address or network: an IPv4-mapped IPv6 address as IPv4, the bits beyond the mask zero. NULL for NULL.';
COMMENT ON FUNCTION warden.is_banned(inet) IS
    'Whether an address, or the whole of a network, is banned at this moment, as authenticate() would find it: in the latest state of the database, whatever the isolation level. For superusers and admin roles, where a person acts with the scope admin, and for trusted roles, so that a gateway can turn away who has no token yet. Errors: 42501; 22023 for NULL.';
