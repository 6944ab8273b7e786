-- Rows of others that a user may reach: what is shared of a table protected with shareable => true. Read by src/shares.rs.

CREATE TABLE warden.shares (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    relation regclass NOT NULL,
    row_id text COLLATE "C" NOT NULL,
    grantee text COLLATE "C" NOT NULL
        CHECK (grantee ~ '^(user:|tenant:)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^role:[a-z][a-z0-9_-]{0,62}$|^everyone$'),
    level text NOT NULL CHECK (level IN ('view', 'use', 'edit', 'manage', 'share')),
    status text NOT NULL DEFAULT 'accepted' CHECK (status IN ('pending', 'accepted', 'declined')),
    expires_at timestamptz,
    under uuid,
    granted_by uuid,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Who shares a row himself is known by name: what he gave goes when his own share does.
    CONSTRAINT shares_of_many_give_none CHECK (grantee LIKE 'user:%' OR (level <> 'share' AND status = 'accepted'))
);

-- Of a user, by table and row; of a row; what was given under a share.
CREATE INDEX shares_grantee_idx ON warden.shares (grantee, relation, row_id);
CREATE INDEX shares_row_idx ON warden.shares (relation, row_id);
CREATE INDEX shares_under_idx ON warden.shares (under) WHERE under IS NOT NULL;

COMMENT ON TABLE warden.shares IS
    'Who else may reach a row, and how far. A share counts while it is accepted, not expired and not revoked, and while the one counts under which it was given.';
COMMENT ON COLUMN warden.shares.row_id IS 'The primary key of the row, as its type prints it.';
COMMENT ON COLUMN warden.shares.grantee IS
    'user:<id>, tenant:<id> (its members, in it), role:<name> or everyone (that is signed in).';
COMMENT ON COLUMN warden.shares.level IS 'view, use, edit, manage or share, each with those before it.';
COMMENT ON COLUMN warden.shares.status IS 'Whether the user has accepted what was offered; what is pending or declined counts for nothing.';
COMMENT ON COLUMN warden.shares.under IS
    'The share, at level share, by which its giver could give it; NULL where the owner of the row gave it, or an administrator.';
COMMENT ON COLUMN warden.shares.granted_by IS 'For whom it was given: the user of the transaction; NULL for a database role. Who acted is in the audit log.';

-- A transaction that idles may have a share locked. Nobody waits for it: what cannot be deleted is listed here.
CREATE TABLE warden.revoked_shares (
    share_id uuid NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX revoked_shares_share_id_idx ON warden.revoked_shares (share_id);

COMMENT ON TABLE warden.revoked_shares IS
    'Shares that count no more although another transaction kept them from being deleted. cleanup_shares() takes them out.';

-- Nearly always there is none: backends look only when there is one.
CREATE FUNCTION warden.shares_were_revoked() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'rows_changed_wrapper';

COMMENT ON FUNCTION warden.shares_were_revoked() IS
    'Trigger of warden.revoked_shares: when the transaction commits, all backends look again whether there are any.';

CREATE TRIGGER shares_were_revoked AFTER INSERT OR DELETE ON warden.revoked_shares
    FOR EACH ROW EXECUTE FUNCTION warden.shares_were_revoked();
CREATE TRIGGER shares_were_emptied AFTER TRUNCATE ON warden.revoked_shares
    FOR EACH STATEMENT EXECUTE FUNCTION warden.shares_were_revoked();
ALTER TABLE warden.revoked_shares ENABLE ALWAYS TRIGGER shares_were_revoked;
ALTER TABLE warden.revoked_shares ENABLE ALWAYS TRIGGER shares_were_emptied;

SELECT pg_extension_config_dump('warden.shares', '');
SELECT pg_extension_config_dump('warden.revoked_shares', '');

-- What policies call, as whoever queries.

CREATE FUNCTION warden.shared_ids(relation oid, level text, kind anyelement, no_constant boolean) RETURNS anyarray
LANGUAGE c STABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'shared_ids_wrapper';

COMMENT ON FUNCTION warden.shared_ids(oid, text, anyelement, boolean) IS
    'For plans: the keys of the rows of a table that are shared with the current user at the level or above, sorted, as an array of the type of kind (a NULL of uuid, text, smallint, integer or bigint); no_constant: NULL, which plans have as a placeholder, so that the planner does not read the list only to estimate its length. Empty for nobody. Read once for each statement. Errors: 22023 for an unknown level or another type, 28000 where the identity has expired.';

CREATE FUNCTION warden.shared_support(internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'warden_shared_support';

COMMENT ON FUNCTION warden.shared_support(internal) IS
    'Planner support of warden.shared(): an index on the key answers it by warden.shared_ids(), and as many rows are expected as are shared.';

-- Dear, so that no scan asks it of a row that a condition of the query would have ruled out.
CREATE FUNCTION warden.shared(relation oid, id anyelement, level text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100 SUPPORT warden.shared_support
AS 'MODULE_PATHNAME', 'shared_wrapper';

COMMENT ON FUNCTION warden.shared(oid, anyelement, text) IS
    'For policies: whether the row with this key is shared with the current user, its tenant, one of its roles or everyone, at the level or above; false for nobody, and of rows that are the user''s own. Errors: 22023 for an unknown level, 28000 where the identity has expired.';

CREATE FUNCTION warden.shared_level(relation oid, id anyelement) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'shared_level_wrapper';

COMMENT ON FUNCTION warden.shared_level(oid, anyelement) IS
    'The highest level at which the row with this key is shared with the current user; NULL where it is not. Errors: 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.share_counts(uuid) IS
    'The level of a share that counts now; NULL for one that is expired, revoked, pending or declined, or was given under one that is, and for an unknown one.';
COMMENT ON FUNCTION warden.entitling_share(uuid, oid, text) IS
    'The share by which a user shares a row on: one with it by name at level share that counts, of several the one that lasts longest; NULL where there is none, and where 16 stand above it already. Not callable by clients.';

COMMENT ON FUNCTION warden.shares_with(text) IS
    'The ids of the shares with a grantee, as shares have it, also of those that the transaction is too old to see.';

CREATE FUNCTION warden.remove_shares(ids uuid[]) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    falling uuid[];
    removed uuid[];
BEGIN
    WITH RECURSIVE f (id) AS (
        -- Also those that this transaction does not see: what an old snapshot cannot delete is revoked.
        SELECT unnest(remove_shares.ids)
        UNION
        SELECT s.id FROM warden.shares s JOIN f ON s.under = f.id
    )
    SELECT array_agg(f.id) INTO falling FROM f;
    WITH free AS (
        SELECT s.id FROM warden.shares s WHERE s.id = ANY (falling) FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM warden.shares s USING free f WHERE s.id = f.id RETURNING s.id
    )
    SELECT array_agg(d.id) INTO removed FROM deleted d;
    INSERT INTO warden.revoked_shares (share_id)
    SELECT f.id FROM unnest(falling) AS f (id)
    WHERE NOT f.id = ANY (coalesce(removed, '{}')) AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = f.id);
    RETURN coalesce(cardinality(falling), 0);
END
$$;

COMMENT ON FUNCTION warden.remove_shares(uuid[]) IS
    'Takes these shares away, and what was given under them; what another transaction has locked, or this one is too old to see, is revoked without waiting for it. Returns how many there were.';

CREATE FUNCTION warden.rekey_shares(ids uuid[], row_id text) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved uuid[];
BEGIN
    WITH free AS (
        SELECT s.id FROM warden.shares s WHERE s.id = ANY (rekey_shares.ids) FOR UPDATE SKIP LOCKED
    ), changed AS (
        UPDATE warden.shares s SET row_id = rekey_shares.row_id FROM free f WHERE s.id = f.id RETURNING s.id
    )
    SELECT array_agg(c.id) INTO moved FROM changed c;
    PERFORM warden.remove_shares(array(SELECT i.id FROM unnest(rekey_shares.ids) AS i (id) WHERE NOT i.id = ANY (coalesce(moved, '{}'))));
    RETURN coalesce(cardinality(moved), 0);
END
$$;

COMMENT ON FUNCTION warden.rekey_shares(uuid[], text) IS
    'Gives these shares the new key of their row; one that another transaction has locked, or this one is too old to see, ends: nothing stays with the key before. Returns how many have it.';

-- Triggers of shareable tables (src/protect/shares.rs).

CREATE FUNCTION warden.shares_follow_row() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'shares_follow_row_wrapper';

COMMENT ON FUNCTION warden.shares_follow_row() IS
    'Trigger of shareable tables: what was shared of a row goes with it, and follows its key. Argument: the key column.';

CREATE FUNCTION warden.shares_follow_table() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'shares_follow_table_wrapper';

COMMENT ON FUNCTION warden.shares_follow_table() IS
    'Trigger of shareable tables: TRUNCATE ends everything that was shared of them.';
