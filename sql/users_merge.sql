-- Two users become one: the rows of the source in every protected table are given to the target (src/protect/rekey.rs),
-- and what lets anybody sign in as the source dies with it.

-- Who has gone, and to whom goes what a transaction that was still open as that user writes later.
CREATE TABLE warden.departures (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    external_id text,
    heir uuid,
    departed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    checked_at timestamptz,
    settled boolean NOT NULL DEFAULT false
);

CREATE INDEX departures_unsettled_idx ON warden.departures (departed_at) WHERE NOT settled;
CREATE INDEX departures_user_id_idx ON warden.departures (user_id);
CREATE INDEX departures_heir_idx ON warden.departures (heir) WHERE heir IS NOT NULL;
CREATE INDEX departures_external_id_idx ON warden.departures (external_id) WHERE external_id IS NOT NULL AND NOT settled;

COMMENT ON TABLE warden.departures IS
    'Users that were merged into another one, the heir, or erased (no heir). Settled once no transaction is left that could have begun as that user; an erased user is forgotten then.';

COMMENT ON COLUMN warden.departures.external_id IS
    'By which rows may name the user; forgotten when it is somebody else''s, whose rows they are from then on.';

-- It waits while departures are settled, so that no row of a new user is among what is settled.
CREATE FUNCTION warden.forget_departed_id() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE warden.departures d SET external_id = NULL
    WHERE d.external_id = NEW.external_id AND d.user_id <> NEW.id AND NOT d.settled;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_departed_id() IS
    'Trigger of the users: the external id of a user that was erased is that of the new one.';

CREATE TRIGGER forget_departed_id AFTER INSERT OR UPDATE OF external_id ON warden.users
    FOR EACH ROW WHEN (NEW.external_id IS NOT NULL) EXECUTE FUNCTION warden.forget_departed_id();

CREATE TABLE warden.merged_rows (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    merge_id uuid NOT NULL,
    table_name text NOT NULL,
    row_data jsonb NOT NULL,
    taken_out_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX merged_rows_merge_id_idx ON warden.merged_rows (merge_id);

COMMENT ON TABLE warden.merged_rows IS
    'Rows of merged users that the other one had already by a unique key: taken out of their tables, and kept here until the heir is erased. Readable by superusers only.';
COMMENT ON COLUMN warden.merged_rows.merge_id IS 'warden.departures.id, as merge_users() returned it.';

SELECT pg_extension_config_dump('warden.departures', '');
SELECT pg_extension_config_dump('warden.merged_rows', '');

CREATE FUNCTION warden.require_read_committed() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'not in a transaction of isolation level %', current_setting('transaction_isolation')
        USING ERRCODE = '55000', HINT = 'Its snapshot is older than rows that have to be found: use READ COMMITTED.';
END
$$;

COMMENT ON FUNCTION warden.require_read_committed() IS
    'Raises 55000 in a transaction whose snapshot would hide rows that were committed since it began.';

-- In the order of their ids: of two merges at once, each of the other's users, one waits for the other.
CREATE FUNCTION warden.lock_users(user_ids uuid[]) RETURNS SETOF warden.users
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.* FROM warden.users u WHERE u.id = ANY (lock_users.user_ids) ORDER BY u.id FOR UPDATE
$$;

COMMENT ON FUNCTION warden.lock_users(uuid[]) IS 'The users, locked in the order of their ids.';

CREATE FUNCTION warden.refuse_self(user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF refuse_self.user_id = ANY (warden.acting_people()) THEN
        RAISE EXCEPTION 'this is the acting user'
            USING ERRCODE = '55000', HINT = 'Nobody takes himself away: have another administrator do it.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.refuse_self(uuid) IS 'Raises 55000 where this user acts: as the user of the transaction, for that user, or as the person of begin_admin().';

-- The row is deleted, so that every table of the extension forgets what it knows of the user by its own trigger, and
-- made again as a deleted one: nobody else gets its id or external id, which stand in what others have written down.
CREATE FUNCTION warden.bury_user(user_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone warden.users;
BEGIN
    -- First by its status: that is what keeps the last owner.
    UPDATE warden.users u SET status = 'deleted' WHERE u.id = bury_user.user_id AND u.status <> 'deleted';
    DELETE FROM warden.users u WHERE u.id = bury_user.user_id RETURNING u.* INTO gone;
    INSERT INTO warden.users (id, external_id, kind, status, status_when_deleted, roles, tokens_valid_after, synced, synced_by, linked,
        created_at, updated_at)
    VALUES (gone.id, gone.external_id, gone.kind, 'deleted', 'inactive', '{}', clock_timestamp(), gone.synced, gone.synced_by, gone.linked,
        gone.created_at, clock_timestamp());
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.bury_user(uuid) IS
    'Leaves of a user its id and external id, as a deleted user: without name, address, roles, sessions, keys and federated identities, and no token issued so far will do. Errors: 55000 for the last owner.';

CREATE FUNCTION warden.merge_two(
    action text, source uuid, target uuid, on_conflict text, source_kind text
) RETURNS TABLE (sessions bigint, tables int, total_rows bigint, taken_out bigint, rows_by_table jsonb, merge_id uuid)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source_user warden.users;
    target_user warden.users;
    agents bigint;
    shares bigint;
BEGIN
    IF merge_two.source = merge_two.target THEN
        RAISE EXCEPTION 'source and target are the same user' USING ERRCODE = '22023', HINT = 'Name two users.';
    ELSIF merge_two.on_conflict IS NULL OR merge_two.on_conflict NOT IN ('refuse', 'keep_target') THEN
        RAISE EXCEPTION 'unknown rule for conflicts'
            USING ERRCODE = '22023', HINT = 'on_conflict is refuse or keep_target.';
    END IF;
    PERFORM warden.require_read_committed();
    PERFORM warden.refuse_self(merge_two.source);
    PERFORM warden.require_may_manage(merge_two.source), warden.require_may_manage(merge_two.target);
    PERFORM FROM warden.lock_users(ARRAY[merge_two.source, merge_two.target]);
    SELECT u.* INTO source_user FROM warden.users u WHERE u.id = merge_two.source;
    SELECT u.* INTO target_user FROM warden.users u WHERE u.id = merge_two.target;
    IF (source_user.status <> 'deleted') IS NOT TRUE OR (target_user.status <> 'deleted') IS NOT TRUE THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002', HINT = 'Neither source nor target may be deleted.';
    ELSIF source_user.kind <> coalesce(merge_two.source_kind, source_user.kind) THEN
        RAISE EXCEPTION 'the source is not %', merge_two.source_kind
            USING ERRCODE = '22023', HINT = 'warden.merge_users() merges users of every kind.';
    ELSIF target_user.kind = 'agent' AND source_user.kind <> 'agent' THEN
        RAISE EXCEPTION 'the target is an agent'
            USING ERRCODE = '22023', HINT = 'An agent has an owner: only another agent is merged into it.';
    END IF;
    INSERT INTO warden.departures AS d (user_id, external_id, heir)
    VALUES (source_user.id, source_user.external_id, target_user.id)
    RETURNING d.id INTO merge_two.merge_id;
    -- Its own heir by then.
    UPDATE warden.departures d SET heir = target_user.id WHERE d.heir = source_user.id;
    merge_two.sessions := warden.end_sessions_of(source_user.id, 'merged');
    BEGIN
        SELECT count(*) FILTER (WHERE r.rows > 0), coalesce(sum(r.rows), 0), coalesce(sum(r.taken_out), 0),
               coalesce(jsonb_object_agg(r.table_name, r.rows), '{}')
        INTO merge_two.tables, merge_two.total_rows, merge_two.taken_out, merge_two.rows_by_table
        FROM warden.rekey_rows(source_user.id, source_user.external_id, target_user.id, target_user.external_id,
            merge_two.on_conflict, merge_two.merge_id) r;
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'rows of the users are locked by another transaction'
            USING ERRCODE = '55P03', HINT = 'Somebody has changed them and not committed: try again, or end that transaction.';
    END;
    agents := warden.move_agents(source_user.id, target_user.id);
    shares := warden.move_shares(source_user.id, target_user.id);
    PERFORM warden.bury_user(source_user.id);
    PERFORM warden.write_audit(merge_two.action, source_user.id::text, jsonb_build_object(
        'source', source_user.id, 'target', target_user.id, 'sessions', merge_two.sessions, 'total_rows', merge_two.total_rows,
        'taken_out', merge_two.taken_out, 'rows_by_table', merge_two.rows_by_table, 'merge_id', merge_two.merge_id)
        || CASE WHEN agents > 0 THEN jsonb_build_object('agents', agents) ELSE '{}' END
        || CASE WHEN shares > 0 THEN jsonb_build_object('shares', shares) ELSE '{}' END);
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.merge_two(text, uuid, uuid, text, text) IS
    'What merge_users() and promote_anonymous() share; source_kind: what the source must be.';

CREATE FUNCTION warden.merge_users(source uuid, target uuid, on_conflict text DEFAULT 'refuse')
RETURNS TABLE (sessions bigint, tables int, total_rows bigint, taken_out bigint, rows_by_table jsonb, merge_id uuid)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator_itself();
    RETURN QUERY SELECT m.* FROM warden.merge_two('merge_users', merge_users.source, merge_users.target, merge_users.on_conflict, NULL) m;
END
$$;

COMMENT ON FUNCTION warden.merge_users(uuid, uuid, text) IS
    'Merges the source into the target: its rows in every protected table become the target''s, all or none; children follow their parents, tenants stay. Its sessions end, its password, keys and federated identities are gone, its name and address are free; id and external id remain as those of a deleted user, and the audit log as it is. Its agents are the target''s, without their capabilities, and so is what was shared with it, and what it has shared; a share that another transaction has locked ends. The target keeps its profile, roles and status. on_conflict: what happens to rows that the target has already by a unique key: refuse (the call), or keep_target, which takes those of the source out and keeps them in warden.merged_rows. Rows are written as the owner of each table, and deferred constraints of the transaction are checked at once. Returns sessions ended, tables changed, rows moved in all and by table, rows taken_out, and the merge_id. For superusers and admin roles. Errors: 42501, also within a trigger, and where a person acts who does not hold all that the user does; 22023 for the same user twice, an unknown rule, and for a target that is an agent where the source is none; P0002 for an unknown or deleted user; 23505 with tables and numbers under refuse; 55000 for the last owner, the acting user, a snapshot older than READ COMMITTED, and what stands in the way of a row, or a protected table that a superuser owns; 55P03 where rows are locked for more than lock_timeout, or 5 s where that is not set.';

CREATE FUNCTION warden.promote_anonymous(source uuid, target uuid, on_conflict text DEFAULT 'keep_target')
RETURNS TABLE (sessions bigint, tables int, total_rows bigint, taken_out bigint, rows_by_table jsonb, merge_id uuid)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator_itself();
    RETURN QUERY SELECT m.* FROM warden.merge_two('promote_anonymous', promote_anonymous.source, promote_anonymous.target,
        promote_anonymous.on_conflict, 'anonymous') m;
END
$$;

COMMENT ON FUNCTION warden.promote_anonymous(uuid, uuid, text) IS
    'Gives what an anonymous visitor has done to the user it has turned out to be, as merge_users() does, but keeps the target''s row where both have one (on_conflict). For superusers and admin roles. Errors: as merge_users(), and 22023 for a source that is not anonymous.';

CREATE FUNCTION warden.settle_departures() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    departure warden.departures;
    heir warden.users;
    gone uuid[];
    gone_external text[];
    oldest timestamptz;
    moved bigint;
    late bigint := 0;
BEGIN
    PERFORM warden.require_administrator_itself();
    PERFORM warden.require_read_committed();
    -- One at a time; nobody else waits for this.
    LOCK TABLE warden.departures IN SHARE UPDATE EXCLUSIVE MODE;
    -- Before anything is looked for: what a transaction writes that ends in between is found.
    SELECT least(
        (SELECT min(a.xact_start) FROM pg_stat_activity a
         WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()),
        -- When a prepared transaction began is not known any more.
        (SELECT '-infinity'::timestamptz FROM pg_prepared_xacts p WHERE p.database = current_database() LIMIT 1),
        clock_timestamp())
    INTO oldest;
    -- Who takes an external id of theirs from now on waits until this is through.
    PERFORM FROM warden.departures d WHERE NOT d.settled ORDER BY d.id FOR UPDATE;
    UPDATE warden.departures d SET external_id = NULL
    WHERE NOT d.settled AND EXISTS (
        SELECT FROM warden.users u WHERE u.external_id = d.external_id AND u.id <> d.user_id);
    -- Whoever was restored keeps what is written from then on.
    UPDATE warden.departures d SET settled = true
    WHERE NOT d.settled AND EXISTS (SELECT FROM warden.known_users u WHERE u.id = d.user_id);
    -- Those without an heir all together.
    SELECT array_agg(d.user_id ORDER BY d.id), array_agg(d.external_id ORDER BY d.id) INTO gone, gone_external
    FROM warden.departures d WHERE NOT d.settled AND d.heir IS NULL;
    IF gone IS NOT NULL THEN
        SELECT coalesce(sum(r.rows), 0) INTO late FROM warden.delete_owned_rows(gone, gone_external) r;
    END IF;
    FOR departure IN
        SELECT d.* FROM warden.departures d WHERE NOT d.settled AND d.heir IS NOT NULL ORDER BY d.departed_at
    LOOP
        SELECT u.* INTO heir FROM warden.users u WHERE u.id = departure.heir;
        SELECT coalesce(sum(r.rows + r.taken_out), 0) INTO moved
        FROM warden.rekey_rows(departure.user_id, departure.external_id, heir.id, heir.external_id, 'keep_target', departure.id) r;
        late := late + moved;
    END LOOP;
    -- Seen as committed by an earlier call, and nobody is left who began before that.
    DELETE FROM warden.departures d WHERE NOT d.settled AND d.heir IS NULL AND d.checked_at < oldest;
    UPDATE warden.departures d SET settled = true WHERE NOT d.settled AND d.checked_at < oldest;
    UPDATE warden.departures d SET checked_at = clock_timestamp() WHERE NOT d.settled AND d.checked_at IS NULL;
    IF late > 0 THEN
        PERFORM warden.write_audit('settle_departures', NULL, jsonb_build_object('rows', late));
    END IF;
    RETURN late;
END
$$;

COMMENT ON FUNCTION warden.settle_departures() IS
    'A transaction that was open as a user while that was merged or erased can write rows later: gives them to whom the others went, or deletes them, and returns how many. To be called now and then; two calls after the last such transaction has ended there is nothing left to do. For superusers and admin roles. Errors: 42501, also within a trigger; 55000 and 55P03 as merge_users().';
