-- What becomes of shares when users do: they end with a user that is deleted for good, and are the heir's when two become
-- one. Nobody waits for a share that an idle transaction has locked: that one is not given to anybody, and ends.

-- Shares that are dispensable, and what stands in for each; what was given under them is given under that from now on,
-- and lasts no longer than it would have.
CREATE FUNCTION warden.fold_shares(dispensable uuid[], in_place uuid[]) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH kept AS (
        SELECT s.id, f.in_place, above.expires_at
        FROM unnest(fold_shares.dispensable, fold_shares.in_place) AS f (dispensable, in_place)
        JOIN warden.shares above ON above.id = f.dispensable
        JOIN warden.shares s ON s.under = f.dispensable
        -- What counts for nothing has given nothing.
        WHERE warden.share_counts(f.dispensable) = 'share' AND NOT s.id = ANY (fold_shares.dispensable)
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
        FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE warden.shares s SET under = k.in_place, expires_at = least(s.expires_at, k.expires_at)
    FROM kept k WHERE s.id = k.id;
    RETURN warden.remove_shares(fold_shares.dispensable);
END
$$;

COMMENT ON FUNCTION warden.fold_shares(uuid[], uuid[]) IS
    'Takes shares away of which others say as much (in_place, in the same order; NULL for the ownership of the row), and leaves what was given under them. Returns how many shares went.';

CREATE FUNCTION warden.fold_own_shares(user_id uuid) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own uuid[];
BEGIN
    SELECT array_agg(s.id) INTO own
    FROM warden.shares s JOIN warden.protections p ON p.relation = s.relation AND p.key_column IS NOT NULL
    CROSS JOIN LATERAL warden.row_owner(s.relation, s.row_id) AS r
    WHERE s.grantee = 'user:' || fold_own_shares.user_id AND r.owner = warden.owner_value(s.relation, fold_own_shares.user_id);
    IF own IS NULL THEN
        RETURN 0;
    END IF;
    RETURN warden.fold_shares(own, array_fill(NULL::uuid, ARRAY[cardinality(own)]));
END
$$;

COMMENT ON FUNCTION warden.fold_own_shares(uuid) IS
    'Takes away what is shared with a user of rows that have become its own; what it has shared on is now an owner''s. Returns how many shares went.';

CREATE FUNCTION warden.move_shares(source uuid, target uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old text := 'user:' || move_shares.source;
    new text := 'user:' || move_shares.target;
    moved bigint;
    dispensable uuid[];
    in_place uuid[];
BEGIN
    WITH free AS (
        SELECT s.id FROM warden.shares s
        WHERE (s.grantee = old OR s.granted_by = move_shares.source)
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE warden.shares s
    SET grantee = CASE s.grantee WHEN old THEN new ELSE s.grantee END,
        granted_by = CASE s.granted_by WHEN move_shares.source THEN move_shares.target ELSE s.granted_by END
    FROM free f WHERE s.id = f.id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM warden.fold_own_shares(move_shares.target);
    -- What one of them gave the other, itself or through others: the share above it says as much.
    WITH RECURSIVE below (id, top) AS (
        SELECT s.id, t.id FROM warden.shares t JOIN warden.shares s ON s.under = t.id
        WHERE t.grantee = new AND NOT EXISTS (
            SELECT FROM warden.revoked_shares r WHERE r.share_id = t.id)
        UNION ALL
        SELECT s.id, b.top FROM below b JOIN warden.shares s ON s.under = b.id
    ), circles AS (
        SELECT s.id, b.top
        FROM below b JOIN warden.shares s ON s.id = b.id AND s.grantee = new
        -- Of several above it the highest.
        WHERE NOT EXISTS (SELECT FROM below c WHERE c.id = b.top)
    )
    SELECT array_agg(c.id ORDER BY c.id), array_agg(c.top ORDER BY c.id) INTO dispensable, in_place FROM circles c;
    PERFORM warden.fold_shares(dispensable, in_place);
    -- What both were given, or gave, by the same right: the higher level stays, unless the other one lasts longer.
    WITH theirs AS (
        SELECT s.*, warden.level_number(s.level) AS height, coalesce(s.expires_at, 'infinity') AS ends,
               array_position('{declined,pending,accepted}'::text[], s.status) AS standing
        FROM warden.shares s
        WHERE (s.grantee = new OR s.granted_by = move_shares.target)
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
    ), twice AS (
        SELECT DISTINCT ON (a.id) a.id, b.id AS better
        FROM theirs a
        JOIN theirs b ON b.relation = a.relation AND b.row_id = a.row_id AND b.grantee = a.grantee
         AND b.under IS NOT DISTINCT FROM a.under AND b.id <> a.id
         AND b.height >= a.height AND b.ends >= a.ends AND b.standing >= a.standing
         AND (b.height, b.ends, b.standing, b.id) > (a.height, a.ends, a.standing, a.id)
        ORDER BY a.id, b.height DESC, b.ends DESC, b.standing DESC, b.id DESC
    )
    SELECT array_agg(t.id ORDER BY t.id), array_agg(t.better ORDER BY t.id) INTO dispensable, in_place FROM twice t;
    PERFORM warden.fold_shares(dispensable, in_place);
    RETURN moved;
END
$$;

COMMENT ON FUNCTION warden.move_shares(uuid, uuid) IS
    'Makes what was shared with a user, and what it has shared, another one''s, once the rows are: without what is shared with itself, and what it has twice. Shares that another transaction has locked are left to the source. Returns how many were moved.';

CREATE FUNCTION warden.forget_shares() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[] := warden.shares_with('user:' || OLD.id);
BEGIN
    IF ids <> '{}' THEN
        PERFORM warden.remove_shares(ids);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_shares() IS
    'Trigger of the users: what was shared with a user that is deleted for good goes with it, and what it has shared on.';

CREATE TRIGGER forget_shares AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_shares();
