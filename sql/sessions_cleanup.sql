-- Removing what is over, so that the tables do not grow for ever. Nothing depends on it: what is over is refused.

CREATE FUNCTION warden.cleanup_sessions(
    older_than interval DEFAULT '30 days', max_sessions int DEFAULT 10000, dry_run boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    over_before timestamptz := clock_timestamp() - cleanup_sessions.older_than;
    removed bigint;
    removed_keys bigint;
    removed_tokens bigint;
    removed_invites bigint;
BEGIN
    PERFORM warden.require_administrator();
    IF (cleanup_sessions.older_than >= '0') IS NOT TRUE THEN
        RAISE EXCEPTION 'older_than is not a length of time' USING ERRCODE = '22023', HINT = 'Pass 0 or more.';
    END IF;
    IF (cleanup_sessions.max_sessions BETWEEN 1 AND 1000000) IS NOT TRUE THEN
        RAISE EXCEPTION 'max_sessions is not between 1 and 1000000' USING ERRCODE = '22023';
    END IF;
    IF coalesce(cleanup_sessions.dry_run, true) THEN
        RETURN (SELECT count(*) FROM (
            SELECT FROM warden.sessions s WHERE least(s.ended_at, s.expires_at, s.idle_expires_at) < over_before
            LIMIT cleanup_sessions.max_sessions) AS old);
    END IF;
    -- Nobody is waited for, and of two that clean at once each takes what the other has not.
    DELETE FROM warden.sessions s WHERE s.id = ANY (array(
        SELECT o.id FROM warden.sessions o
        WHERE least(o.ended_at, o.expires_at, o.idle_expires_at) < over_before
        ORDER BY least(o.ended_at, o.expires_at, o.idle_expires_at)
        LIMIT cleanup_sessions.max_sessions FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM warden.api_keys k WHERE k.id = ANY (array(
        SELECT o.id FROM warden.api_keys o WHERE least(o.revoked_at, o.expires_at) < over_before
        LIMIT cleanup_sessions.max_sessions FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed_keys = ROW_COUNT;
    -- Not before the longest leeway of an issuer has passed: until then the token would be good again.
    DELETE FROM warden.revoked_tokens t WHERE t.ctid = ANY (array(
        SELECT o.ctid FROM warden.revoked_tokens o
        WHERE o.expires_at < least(over_before, clock_timestamp() - interval '5 minutes')
        ORDER BY o.expires_at
        LIMIT cleanup_sessions.max_sessions FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed_tokens = ROW_COUNT;
    DELETE FROM warden.invites i WHERE i.id = ANY (array(
        SELECT o.id FROM warden.invites o
        WHERE least(o.redeemed_at, o.revoked_at, o.expires_at) < over_before
        ORDER BY least(o.redeemed_at, o.revoked_at, o.expires_at)
        LIMIT cleanup_sessions.max_sessions FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed_invites = ROW_COUNT;
    IF removed + removed_keys + removed_tokens + removed_invites > 0 THEN
        PERFORM warden.write_audit('cleanup_sessions', NULL, jsonb_build_object('older_than', cleanup_sessions.older_than,
            'sessions', removed, 'api_keys', removed_keys, 'revoked_tokens', removed_tokens, 'invites', removed_invites));
    END IF;
    RETURN removed;
END
$$;

COMMENT ON FUNCTION warden.cleanup_sessions(interval, int, boolean) IS
    'Removes sessions that have been over for longer than older_than, with their refresh tokens, the oldest first and at most max_sessions (1 to 1000000) a call; so too API keys that long revoked or expired, invites that long redeemed, revoked or expired, and revocations of tokens that have expired. Returns how many sessions; by default only counts them, dry_run => false does it. What is locked is left for the next time. For superusers and admin roles. Errors: 42501; 22023 for an argument out of bounds.';
