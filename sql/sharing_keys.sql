-- The functions of sharing.sql and access.sql for a key as it is, a uuid or a number. What each does, takes, returns and raises
-- is said of the one for a text; the end of this file says it of all of them.

CREATE FUNCTION warden.share(table_name regclass, id uuid, user_id uuid, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.share(share.table_name, share.id::text, share.user_id, share.level, share.expires_at, share.offer);
END;

CREATE FUNCTION warden.share_with(table_name regclass, id uuid, grantee text, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.share_with(share_with.table_name, share_with.id::text, share_with.grantee, share_with.level, share_with.expires_at, share_with.offer);
END;

CREATE FUNCTION warden.unshare(table_name regclass, id uuid, user_id uuid) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.unshare(unshare.table_name, unshare.id::text, unshare.user_id);
END;

CREATE FUNCTION warden.unshare_with(table_name regclass, id uuid, grantee text) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.unshare_with(unshare_with.table_name, unshare_with.id::text, unshare_with.grantee);
END;

CREATE FUNCTION warden.transfer(table_name regclass, id uuid, user_id uuid, keep_level text DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.transfer(transfer.table_name, transfer.id::text, transfer.user_id, transfer.keep_level);
END;

CREATE FUNCTION warden.assign(table_name regclass, id uuid, user_id uuid, level text, expires_at timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.assign(assign.table_name, assign.id::text, assign.user_id, assign.level, assign.expires_at);
END;

CREATE FUNCTION warden.share(table_name regclass, id bigint, user_id uuid, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.share(share.table_name, share.id::text, share.user_id, share.level, share.expires_at, share.offer);
END;

CREATE FUNCTION warden.share_with(table_name regclass, id bigint, grantee text, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.share_with(share_with.table_name, share_with.id::text, share_with.grantee, share_with.level, share_with.expires_at, share_with.offer);
END;

CREATE FUNCTION warden.unshare(table_name regclass, id bigint, user_id uuid) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.unshare(unshare.table_name, unshare.id::text, unshare.user_id);
END;

CREATE FUNCTION warden.unshare_with(table_name regclass, id bigint, grantee text) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.unshare_with(unshare_with.table_name, unshare_with.id::text, unshare_with.grantee);
END;

CREATE FUNCTION warden.transfer(table_name regclass, id bigint, user_id uuid, keep_level text DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.transfer(transfer.table_name, transfer.id::text, transfer.user_id, transfer.keep_level);
END;

CREATE FUNCTION warden.assign(table_name regclass, id bigint, user_id uuid, level text, expires_at timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.assign(assign.table_name, assign.id::text, assign.user_id, assign.level, assign.expires_at);
END;

CREATE FUNCTION warden.access_level(table_name regclass, id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.access_level(access_level.table_name, access_level.id::text);
END;

CREATE FUNCTION warden.can(table_name regclass, id uuid, level text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.can(can.table_name, can.id::text, can.level);
END;

CREATE FUNCTION warden.require_access(table_name regclass, id uuid, level text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.require_access(require_access.table_name, require_access.id::text, require_access.level);
END;

CREATE FUNCTION warden.list_shares(table_name regclass, id uuid) RETURNS TABLE (share_id uuid, grantee text, level text, status text, counts boolean, expires_at timestamptz, granted_by uuid, granted_at timestamptz, under uuid)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.list_shares(list_shares.table_name, list_shares.id::text) AS r;
END;

CREATE FUNCTION warden.who_can(table_name regclass, id uuid, level text DEFAULT 'view') RETURNS TABLE (grantee text, access text, share_id uuid, granted_by uuid, expires_at timestamptz)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.who_can(who_can.table_name, who_can.id::text, who_can.level) AS r;
END;

CREATE FUNCTION warden.explain_access(table_name regclass, id uuid, user_id uuid DEFAULT NULL) RETURNS TABLE (reason text, level text, counts boolean, detail text, share_id uuid)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.explain_access(explain_access.table_name, explain_access.id::text, explain_access.user_id) AS r;
END;

CREATE FUNCTION warden.access_level(table_name regclass, id bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.access_level(access_level.table_name, access_level.id::text);
END;

CREATE FUNCTION warden.can(table_name regclass, id bigint, level text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.can(can.table_name, can.id::text, can.level);
END;

CREATE FUNCTION warden.require_access(table_name regclass, id bigint, level text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT warden.require_access(require_access.table_name, require_access.id::text, require_access.level);
END;

CREATE FUNCTION warden.list_shares(table_name regclass, id bigint) RETURNS TABLE (share_id uuid, grantee text, level text, status text, counts boolean, expires_at timestamptz, granted_by uuid, granted_at timestamptz, under uuid)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.list_shares(list_shares.table_name, list_shares.id::text) AS r;
END;

CREATE FUNCTION warden.who_can(table_name regclass, id bigint, level text DEFAULT 'view') RETURNS TABLE (grantee text, access text, share_id uuid, granted_by uuid, expires_at timestamptz)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.who_can(who_can.table_name, who_can.id::text, who_can.level) AS r;
END;

CREATE FUNCTION warden.explain_access(table_name regclass, id bigint, user_id uuid DEFAULT NULL) RETURNS TABLE (reason text, level text, counts boolean, detail text, share_id uuid)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT * FROM warden.explain_access(explain_access.table_name, explain_access.id::text, explain_access.user_id) AS r;
END;

DO $$
DECLARE
    own record;
BEGIN
    FOR own IN
        SELECT f.oid::regprocedure AS function, pg_catalog.obj_description(t.oid, 'pg_proc') AS comment
        FROM pg_catalog.pg_proc f
        JOIN pg_catalog.pg_proc t ON t.pronamespace OPERATOR(pg_catalog.=) f.pronamespace AND t.proname OPERATOR(pg_catalog.=) f.proname
         AND t.proargtypes[1] OPERATOR(pg_catalog.=) 'text'::pg_catalog.regtype::pg_catalog.oid
        WHERE f.pronamespace OPERATOR(pg_catalog.=) 'warden'::pg_catalog.regnamespace::pg_catalog.oid
          AND f.proargtypes[0] OPERATOR(pg_catalog.=) 'regclass'::pg_catalog.regtype::pg_catalog.oid AND f.proargnames[2] OPERATOR(pg_catalog.=) 'id'
          AND f.proargtypes[1] OPERATOR(pg_catalog.=) ANY (ARRAY['uuid'::pg_catalog.regtype, 'bigint'::pg_catalog.regtype]::pg_catalog.oid[])
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', own.function, own.comment);
    END LOOP;
END
$$;
