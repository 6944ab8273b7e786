-- Deleting users for good: one by erase_user(), many visitors by cleanup_anonymous_users().

-- Every table of the extension forgets a user by a trigger of its own.
CREATE FUNCTION warden.forget_users(user_ids uuid[], heir uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    -- First by their status: that is what keeps the last owner.
    UPDATE warden.users u SET status = 'deleted' WHERE u.id = ANY (forget_users.user_ids) AND u.status <> 'deleted';
    -- What was taken out of tables when others were merged into them.
    IF forget_users.heir IS NULL THEN
        DELETE FROM warden.merged_rows m USING warden.departures d
        WHERE d.heir = ANY (forget_users.user_ids) AND m.merge_id = d.id;
    END IF;
    -- What they, and those merged into them, still write.
    UPDATE warden.departures d SET heir = forget_users.heir WHERE d.heir = ANY (forget_users.user_ids);
    WITH gone AS (
        DELETE FROM warden.users u WHERE u.id = ANY (forget_users.user_ids) RETURNING u.id, u.external_id
    )
    INSERT INTO warden.departures (user_id, external_id, heir) SELECT g.id, g.external_id, forget_users.heir FROM gone g;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;

COMMENT ON FUNCTION warden.forget_users(uuid[], uuid) IS
    'Deletes users for good, with their sessions, keys and federated identities; returns how many. heir: who has got their rows; NULL where there were none, or none are left. Errors: 55000 for the last owner.';

CREATE FUNCTION warden.erase_user(user_id uuid, data text DEFAULT 'refuse', transfer_to uuid DEFAULT NULL)
RETURNS TABLE (sessions bigint, tables int, total_rows bigint, rows_by_table jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased warden.users;
    heir warden.users;
    owned text;
    -- With its agents, where these go with it.
    ids uuid[];
    external_ids text[];
BEGIN
    PERFORM warden.require_administrator_itself();
    IF erase_user.data IS NULL OR erase_user.data NOT IN ('refuse', 'cascade', 'transfer') THEN
        RAISE EXCEPTION 'unknown rule for the rows of the user'
            USING ERRCODE = '22023', HINT = 'data is refuse, cascade or transfer.';
    ELSIF (erase_user.data = 'transfer') <> (erase_user.transfer_to IS NOT NULL) THEN
        RAISE EXCEPTION 'data and transfer_to do not agree'
            USING ERRCODE = '22023', HINT = 'Name the user to transfer rows to with data => ''transfer'', and only then.';
    ELSIF erase_user.transfer_to = erase_user.user_id THEN
        RAISE EXCEPTION 'rows are not transferred to the user that is erased'
            USING ERRCODE = '22023', HINT = 'Name another user.';
    END IF;
    PERFORM warden.require_read_committed();
    PERFORM warden.refuse_self(erase_user.user_id);
    PERFORM warden.require_may_manage(erase_user.user_id), warden.require_may_manage(erase_user.transfer_to);
    PERFORM FROM warden.lock_users(ARRAY[erase_user.user_id, erase_user.transfer_to]);
    SELECT u.* INTO erased FROM warden.users u WHERE u.id = erase_user.user_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    IF erase_user.data = 'transfer' THEN
        SELECT u.* INTO heir FROM warden.users u WHERE u.id = erase_user.transfer_to AND u.status <> 'deleted';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the user to transfer rows to is not found' USING ERRCODE = 'P0002';
        ELSIF heir.kind = 'agent' AND erased.kind <> 'agent' THEN
            RAISE EXCEPTION 'the user to transfer rows to is an agent'
                USING ERRCODE = '22023', HINT = 'An agent has an owner: name a person or a service.';
        END IF;
        PERFORM warden.move_agents(erased.id, heir.id);
    END IF;
    SELECT array_agg(u.id ORDER BY u.id), array_agg(u.external_id ORDER BY u.id) INTO ids, external_ids
    FROM warden.users u
    WHERE u.id = erased.id OR u.id IN (SELECT a.user_id FROM warden.agents a WHERE a.owner_id = erased.id);
    PERFORM FROM warden.lock_users(ids);
    BEGIN
        CASE erase_user.data
        WHEN 'refuse' THEN
            SELECT string_agg(format('%s: %s rows', r.table_name, r.rows), E'\n' ORDER BY r.table_name) INTO owned
            FROM (SELECT o.table_name, sum(o.rows) AS rows
                  FROM unnest(ids, external_ids) AS i (id, external_id)
                  CROSS JOIN LATERAL warden.owned_rows(i.id, i.external_id) o GROUP BY o.table_name) r
            WHERE r.rows > 0;
            owned := concat_ws(E'\n', owned, (
                SELECT format('agents: %s', count(*)) FROM warden.agents a
                WHERE a.owner_id = erased.id AND a.status <> 'revoked' HAVING count(*) > 0));
            IF owned <> '' THEN
                RAISE EXCEPTION 'the user owns rows' USING ERRCODE = '55000', DETAIL = owned,
                    HINT = 'data => ''cascade'' deletes them, ''transfer'' gives them to another user.';
            END IF;
            erase_user.tables := 0;
            erase_user.total_rows := 0;
            erase_user.rows_by_table := '{}';
        WHEN 'cascade' THEN
            SELECT count(*), coalesce(sum(r.rows), 0), coalesce(jsonb_object_agg(r.table_name, r.rows), '{}')
            INTO erase_user.tables, erase_user.total_rows, erase_user.rows_by_table
            FROM warden.delete_owned_rows(ids, external_ids) r;
        WHEN 'transfer' THEN
            SELECT count(*), coalesce(sum(r.rows), 0), coalesce(jsonb_object_agg(r.table_name, r.rows), '{}')
            INTO erase_user.tables, erase_user.total_rows, erase_user.rows_by_table
            FROM warden.rekey_rows(erased.id, erased.external_id, heir.id, heir.external_id, 'refuse', gen_random_uuid()) r;
            PERFORM warden.fold_own_shares(heir.id);
        END CASE;
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'rows of the user are locked by another transaction'
            USING ERRCODE = '55P03', HINT = 'Somebody has changed them and not committed: try again, or end that transaction.';
    END;
    erase_user.sessions := warden.end_sessions_of(erased.id, 'erased');
    PERFORM warden.forget_users(ids, heir.id);
    PERFORM warden.write_audit('erase_user', erased.id::text, jsonb_strip_nulls(jsonb_build_object(
        'data', erase_user.data, 'transfer_to', heir.id, 'agents', nullif(array_remove(ids, erased.id), '{}'), 'sessions', erase_user.sessions,
        'total_rows', erase_user.total_rows, 'rows_by_table', erase_user.rows_by_table)));
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.erase_user(uuid, text, uuid) IS
    'Deletes a user for good, also one that was deleted softly: nothing brings it back, and its external id is free. Sessions, password, keys, federated identities and what was shared with it go with it; the audit log keeps its id. data: what becomes of its rows in protected tables: refuse (where there are any), cascade (they are deleted, those that belong to others first), or transfer, to the user transfer_to. Its agents go the same way: refuse, where any is not revoked; cascade, erased with their rows; transfer, without their capabilities. Rows are written as the owner of each table, and deferred constraints of the transaction are checked at once. Returns sessions ended, and tables and rows that were deleted or transferred, also by table. For superusers and admin roles. Errors: 42501, also within a trigger, and where a person acts who does not hold all that the user does; 22023 for an unusable argument; P0002 for an unknown user, so the second time too, and for a target that is unknown or deleted; 55000 where it owns rows or agents, for the last owner, the acting user, a snapshot older than READ COMMITTED, a protected table that a superuser owns, and what stands in the way of a row; 23505 where the other user has a row already by a unique key; 55P03 where rows are locked for more than lock_timeout, or 5 s where that is not set.';

-- Those who are no more than anonymous, and whom nothing shows to be still there; after the given one, oldest first.
CREATE FUNCTION warden.anonymous_leavers(older_than interval, after_time timestamptz, after_user uuid, max_users int)
RETURNS TABLE (user_id uuid, external_id text, created_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id, u.external_id, u.created_at FROM warden.users u
    WHERE u.kind = 'anonymous' AND u.roles = '{anonymous}' AND u.status <> 'deleted'
      AND u.created_at < now() - anonymous_leavers.older_than
      AND (u.created_at, u.id) > (anonymous_leavers.after_time, anonymous_leavers.after_user)
      AND NOT EXISTS (
            SELECT FROM warden.sessions s
            WHERE s.user_id = u.id AND least(s.ended_at, s.expires_at, s.idle_expires_at) > clock_timestamp())
    ORDER BY u.created_at, u.id
    LIMIT anonymous_leavers.max_users;
END;

COMMENT ON FUNCTION warden.anonymous_leavers(interval, timestamptz, uuid, int) IS
    'Anonymous users of at least this age without a live session, for cleanup_anonymous_users().';

CREATE FUNCTION warden.cleanup_anonymous_users(
    older_than interval DEFAULT '30 days',
    max_users int DEFAULT 10000,
    dry_run boolean DEFAULT true,
    data text DEFAULT 'refuse'
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    only_count boolean := coalesce(cleanup_anonymous_users.dry_run, true);
    last_time timestamptz := '-infinity';
    last_user uuid := '00000000-0000-0000-0000-000000000000';
    ids uuid[];
    external_ids text[];
    cleaned bigint := 0;
    deleted_rows bigint := 0;
BEGIN
    PERFORM warden.require_administrator_itself();
    IF cleanup_anonymous_users.older_than IS NULL OR cleanup_anonymous_users.older_than < interval '0' THEN
        RAISE EXCEPTION 'older_than is not an age' USING ERRCODE = '22023', HINT = 'Pass 0 or more.';
    ELSIF (cleanup_anonymous_users.max_users BETWEEN 1 AND 1000000) IS NOT TRUE THEN
        RAISE EXCEPTION 'max_users is not between 1 and 1000000' USING ERRCODE = '22023';
    ELSIF cleanup_anonymous_users.data IS NULL OR cleanup_anonymous_users.data NOT IN ('refuse', 'cascade') THEN
        RAISE EXCEPTION 'unknown rule for the rows of users'
            USING ERRCODE = '22023', HINT = 'data is refuse, which leaves users alone that own rows, or cascade.';
    END IF;
    PERFORM warden.require_read_committed();
    WHILE cleaned < cleanup_anonymous_users.max_users LOOP
        SELECT array_agg(l.user_id ORDER BY l.created_at, l.user_id) INTO ids
        FROM warden.anonymous_leavers(cleanup_anonymous_users.older_than, last_time, last_user,
            least(1000, cleanup_anonymous_users.max_users - cleaned)::int) l;
        EXIT WHEN ids IS NULL;
        SELECT u.created_at, u.id INTO last_time, last_user FROM warden.users u WHERE u.id = ids[cardinality(ids)];
        IF NOT only_count THEN
            -- Somebody who is about to sign in, or is being changed, is left alone.
            SELECT array_agg(l.id) INTO ids FROM (
                SELECT u.id FROM warden.users u
                WHERE u.id = ANY (ids) AND u.kind = 'anonymous' AND u.roles = '{anonymous}' AND u.status <> 'deleted'
                FOR UPDATE SKIP LOCKED) l;
            -- As of now, when nobody begins a session any more.
            SELECT array_agg(l.id) INTO ids FROM unnest(ids) AS l (id)
            WHERE NOT EXISTS (
                SELECT FROM warden.sessions s
                WHERE s.user_id = l.id AND least(s.ended_at, s.expires_at, s.idle_expires_at) > clock_timestamp());
        END IF;
        SELECT array_agg(u.external_id ORDER BY u.id), coalesce(array_agg(u.id ORDER BY u.id), '{}') INTO external_ids, ids
        FROM warden.users u WHERE u.id = ANY (ids);
        CONTINUE WHEN ids = '{}';
        IF cleanup_anonymous_users.data = 'refuse' THEN
            SELECT coalesce(array_agg(l.id), '{}') INTO ids FROM unnest(ids) AS l (id)
            WHERE l.id NOT IN (SELECT warden.owners_among(ids, external_ids));
        ELSIF NOT only_count THEN
            SELECT deleted_rows + coalesce(sum(r.rows), 0) INTO deleted_rows FROM warden.delete_owned_rows(ids, external_ids) r;
        END IF;
        IF NOT only_count THEN
            PERFORM warden.forget_users(ids, NULL);
        END IF;
        cleaned := cleaned + cardinality(ids);
    END LOOP;
    IF NOT only_count AND cleaned > 0 THEN
        PERFORM warden.write_audit('cleanup_anonymous_users', NULL, jsonb_build_object(
            'older_than', cleanup_anonymous_users.older_than, 'data', cleanup_anonymous_users.data, 'users', cleaned,
            'rows', deleted_rows));
    END IF;
    RETURN cleaned;
END
$$;

COMMENT ON FUNCTION warden.cleanup_anonymous_users(interval, int, boolean, text) IS
    'Deletes for good the anonymous users that were created longer ago than older_than (exactly that long is not longer) and have no live session, and returns how many; by default only counts them, dry_run => false does it. Who has become more than anonymous stays. max_users: at most so many (1 to 1000000), oldest first; data: refuse leaves those alone who own rows in a protected table, cascade deletes the rows too. Users that somebody else is changing at the moment are passed by. For superusers and admin roles. Errors: 42501, also within a trigger; 22023 for an unusable argument; 55000 where a superuser owns a protected table; with cascade also 55000 and 55P03, as erase_user().';
