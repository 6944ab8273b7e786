-- sync_users(): the users of the application's own table as users of the directory. The table is read
-- in src/sync_users.rs, as its owner; everything else is here.

CREATE FUNCTION warden.source_users(source oid, key_column text, email_column text, active_column text)
RETURNS TABLE (key text, email text, active boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'source_users_wrapper';

COMMENT ON FUNCTION warden.source_users(oid, text, text, text) IS
    'The rows of a table of users, read as the table''s owner, whom no row-level security binds here. For sync_users().';

CREATE FUNCTION warden.require_source(source oid, key_column text, email_column text, active_column text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'require_source_wrapper';

COMMENT ON FUNCTION warden.require_source(oid, text, text, text) IS
    'Raises 42501 where the client is no administrator, may not read these columns, or calls from within a trigger; 22023 where the columns cannot be those of a table of users. For sync_users().';

-- What require_source() asks of the catalogue: the first thing that is wrong, or nothing.
CREATE FUNCTION warden.source_obstacle(source oid, key_column text, email_column text, active_column text)
RETURNS TABLE (reason text, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH facts AS (
        SELECT c.oid, c.relkind, c.relpersistence, n.nspname,
               warden.column_facts(c.oid, source_obstacle.key_column) AS key,
               warden.column_facts(c.oid, source_obstacle.email_column) AS email,
               warden.column_facts(c.oid, source_obstacle.active_column) AS active
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source_obstacle.source
    )
    SELECT o.reason, o.remedy
    FROM facts f
    CROSS JOIN LATERAL (VALUES
        (1, f.relkind NOT IN ('r', 'p') OR f.relpersistence = 't' OR f.nspname IN ('pg_catalog', 'information_schema', 'warden'),
            'the source is not a table of the application', 'Name the table that its users are kept in.'),
        (2, f.key IS NULL, 'there is no such key column', 'Name the column that owner columns refer to.'),
        -- Types whose text is one and the same for equal values, and none that somebody else could have made.
        (3, (f.key->>'type')::oid <> ALL ('{int2,int4,int8,text,varchar,uuid}'::regtype[]::oid[])
            OR NOT (f.key->>'deterministic')::boolean,
            'the key column has a type whose values have no one text',
            'Keys are smallint, integer, bigint, uuid, text or varchar, with a deterministic collation.'),
        -- The row of one user, and no other, decides whether this user may come in.
        (4, NOT EXISTS (
                SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = f.oid AND a.attname = source_obstacle.key_column
                WHERE i.indrelid = f.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                  AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
            'the key column is not unique', 'Name the primary key, or a column with a unique constraint.'),
        (5, source_obstacle.email_column IS NOT NULL
            AND ((f.email->>'type')::oid = ANY ('{text,varchar}'::regtype[]::oid[])) IS NOT TRUE,
            'the email column is not text or varchar', 'Leave it out, or name a column of such a type.'),
        (6, source_obstacle.active_column IS NOT NULL AND (f.active->>'type')::oid IS DISTINCT FROM 'boolean'::regtype::oid,
            'the active column is not a boolean', 'Leave it out, or name a column that is true for users who may sign in.')
    ) AS o (position, holds, reason, remedy)
    WHERE o.holds
    ORDER BY o.position LIMIT 1;
END
$$;

COMMENT ON FUNCTION warden.source_obstacle(oid, text, text, text) IS
    'Why a table cannot be the source of sync_users() by these columns, with the remedy; no row where it can.';

-- Statuses other than active and inactive are an administrator's, and no table of the application changes them.
CREATE FUNCTION warden.put_users(keys text[], emails text[], active boolean[], source text, adopt boolean)
RETURNS TABLE (inserted bigint, updated bigint, activated bigint, deactivated bigint, withheld bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint;
    -- Only a call is somebody's: what its triggers do, the table says.
    is_persons boolean := put_users.adopt AND warden.acting_person() IS NOT NULL;
BEGIN
    -- An external id that is a UUID is the user's id: see the constraint on warden.users.
    SELECT count(*) INTO taken
    FROM unnest(put_users.keys) AS s (key)
    JOIN warden.users u ON u.id = CASE WHEN s.key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN s.key::uuid
                                       ELSE (SELECT x.id FROM warden.users x WHERE x.external_id = s.key) END
    WHERE u.external_id <> s.key
       OR CASE WHEN put_users.adopt THEN u.synced_by <> put_users.source AND u.synced_by IN (SELECT f.source FROM warden.followed_sources() f)
               ELSE u.synced_by IS DISTINCT FROM put_users.source END;
    IF taken > 0 THEN
        RAISE EXCEPTION 'users of this key exist already and are not of this table'
            USING ERRCODE = '23505', DETAIL = format('Users: %s.', taken),
                  HINT = 'warden.sync_users() takes over users with the same external id whom no other followed table keeps: end that by follow => false. One with another external id has to be changed first.';
    END IF;
    RETURN QUERY
    WITH source AS MATERIALIZED (
        SELECT s.key, warden.normalise_email(s.email) AS email,
               coalesce(s.active, false) AS active,
               CASE WHEN s.key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN s.key::uuid END AS id
        FROM unnest(put_users.keys, put_users.emails, put_users.active) AS s (key, email, active)
    ), found AS MATERIALIZED (
        SELECT s.*, u.id AS user_id, u.status AS status_before
        FROM source s
        LEFT JOIN warden.users u
            ON u.id = coalesce(s.id, (SELECT x.id FROM warden.users x WHERE x.external_id = s.key))
    ), added AS (
        INSERT INTO warden.users AS u (id, external_id, email, status, synced, synced_by)
        SELECT coalesce(f.id, gen_random_uuid()), f.key, f.email, CASE WHEN f.active THEN 'active' ELSE 'inactive' END, true,
               put_users.source
        FROM found f WHERE f.user_id IS NULL
        -- Somebody else, another sync or the first sight of a token, was faster.
        ON CONFLICT DO NOTHING
        RETURNING u.id
    ), changed AS (
        UPDATE warden.users u
        SET external_id = f.key,
            email = CASE WHEN put_users.emails IS NULL THEN u.email ELSE f.email END,
            -- Another address has not been verified: who may edit the table shall not come in as somebody else by it.
            email_verified = u.email_verified AND (put_users.emails IS NULL OR u.email IS NOT DISTINCT FROM f.email),
            -- Of the row as it is by now: a suspension that has just been committed stays.
            status = CASE WHEN u.status NOT IN ('active', 'inactive') THEN u.status
                          WHEN f.active THEN 'active' ELSE 'inactive' END,
            synced = true,
            synced_by = put_users.source,
            updated_at = now()
        FROM found f
        WHERE u.id = f.user_id
          AND (u.external_id IS NULL
               OR u.synced_by IS DISTINCT FROM put_users.source
               OR (put_users.emails IS NOT NULL AND u.email IS DISTINCT FROM f.email)
               OR (u.status = 'active' AND NOT f.active)
               OR (u.status = 'inactive' AND f.active))
        RETURNING f.status_before, u.status, CASE WHEN is_persons THEN warden.require_may_manage(u.id) END
    )
    SELECT (SELECT count(*) FROM added),
           count(*),
           count(*) FILTER (WHERE c.status = 'active' AND c.status_before <> 'active'),
           count(*) FILTER (WHERE c.status = 'inactive' AND c.status_before <> 'inactive'),
           (SELECT count(*) FROM found f WHERE f.active AND f.status_before NOT IN ('active', 'inactive'))
    FROM changed c;
END
$$;

COMMENT ON FUNCTION warden.put_users(text[], text[], boolean[], text, boolean) IS
    'Writes users by external id: new ones, changed emails, which are unverified then (NULL for emails leaves them), and statuses. source: the table, as of source_name(). adopt: also users that no table has kept so far, or one that is not followed. withheld: active in the source, but suspended, deleted or pending here, and left so. Errors: 42501 where a person calls, to adopt, who does not hold all that a user does who would be changed; 23505 where a user of this key is somebody else''s.';

CREATE FUNCTION warden.retire_users(keys text[], source text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retired bigint;
BEGIN
    UPDATE warden.users u SET status = 'inactive', updated_at = now()
    FROM unnest(retire_users.keys) AS s (key)
    WHERE u.external_id = s.key AND u.synced AND u.status = 'active'
      AND (retire_users.source IS NULL OR u.synced_by = retire_users.source);
    GET DIAGNOSTICS retired = ROW_COUNT;
    RETURN retired;
END
$$;

COMMENT ON FUNCTION warden.retire_users(text[], text) IS
    'Makes users inactive whose rows are gone from the table that kept them (source, NULL for any); returns how many were active.';

-- The columns are read off the trigger's own definition, UPDATE OF key, email, active: it follows when
-- they are renamed, and survives dump and restore. The arguments say which of them is which.
CREATE FUNCTION warden.followed_columns(relation oid, trigger_name name, positions text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY p.ordinality)
    FROM unnest(followed_columns.positions) WITH ORDINALITY AS p (position, ordinality)
    LEFT JOIN pg_trigger t ON t.tgrelid = followed_columns.relation AND t.tgname = followed_columns.trigger_name
    LEFT JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = t.tgattr[nullif(p.position, '')::int - 1]
$$;

COMMENT ON FUNCTION warden.followed_columns(oid, name, text[]) IS
    'Key, email and active column of a trigger made by sync_users(); NULL for what it was not given.';

CREATE FUNCTION warden.follow_user() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text[] := warden.followed_columns(TG_RELID, TG_NAME, TG_ARGV[0:2]);
    -- Of the row's own columns and of no other: their types were made by nobody but Postgres.
    read text := format('SELECT ($1).%I::text, %s, %s', columns[1],
        CASE WHEN columns[2] IS NULL THEN 'NULL::text' ELSE format('($1).%I::text', columns[2]) END,
        CASE WHEN columns[3] IS NULL THEN 'true' ELSE format('coalesce(($1).%I, false)', columns[3]) END);
    old_key text; old_email text; old_active boolean;
    new_key text; new_email text; new_active boolean;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE read INTO old_key, old_email, old_active USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE read INTO new_key, new_email, new_active USING NEW;
        PERFORM warden.require_external_ids(ARRAY[new_key]);
    END IF;
    -- An ORM writes back every column.
    IF TG_OP = 'UPDATE' AND (old_key, old_email, old_active) IS NOT DISTINCT FROM (new_key, new_email, new_active) THEN
        RETURN NULL;
    END IF;
    IF old_key IS DISTINCT FROM new_key AND TG_OP <> 'INSERT' THEN
        PERFORM warden.retire_users(ARRAY[old_key], TG_ARGV[3]);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM warden.put_users(ARRAY[new_key], CASE WHEN columns[2] IS NOT NULL THEN ARRAY[new_email] END,
            ARRAY[new_active], TG_ARGV[3], adopt => false);
    END IF;
    PERFORM warden.write_audit('follow_user', TG_RELID::regclass::text, jsonb_build_object(
        'operation', lower(TG_OP), 'external_id', coalesce(new_key, old_key), 'active', coalesce(new_active, false)));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.follow_user() IS
    'Trigger that sync_users() puts on the table of users: a row that is added, changed or deleted changes its user, and no other, in the same transaction. Errors: 22023 for a key that cannot be an external id, 23505 where the user exists and was not made by this table.';

CREATE FUNCTION warden.follow_truncate() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retired bigint;
BEGIN
    -- The key is the first column that follow_source() names.
    SELECT warden.retire_users(array_agg(s.key), warden.source_name(TG_RELID)) INTO retired
    FROM warden.source_users(TG_RELID, (warden.followed_columns(TG_RELID, 'warden_follow_user', '{1}'))[1], NULL, NULL) AS s;
    PERFORM warden.write_audit('follow_user', TG_RELID::regclass::text,
        jsonb_build_object('operation', 'truncate', 'deactivated', retired));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.follow_truncate() IS
    'Trigger that sync_users() puts on the table of users, before TRUNCATE: its users become inactive.';

-- The last argument of the trigger: of a partition, too, and after a dump.
CREATE FUNCTION warden.followed_sources() RETURNS TABLE (relation oid, source text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    -- Before it are three numbers, or nothing, each with a zero byte behind it.
    SELECT t.tgrelid, convert_from(decode(substring(encode(t.tgargs, 'escape') FROM E'^(?:\\d*\\\\000){3}(.*)\\\\000$'), 'escape'),
        getdatabaseencoding())
    FROM pg_trigger t WHERE t.tgfoid = 'warden.follow_user()'::regprocedure AND t.tgparentid = 0
$$;

COMMENT ON FUNCTION warden.followed_sources() IS
    'The tables of users that triggers of sync_users() follow, each with the name that its users keep in synced_by.';

CREATE FUNCTION warden.source_name(source oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT f.source FROM warden.followed_sources() f WHERE f.relation = source_name.source LIMIT 1),
        format('%I.%I', n.nspname, c.relname)
            || CASE WHEN EXISTS (SELECT FROM warden.followed_sources() f WHERE f.source = format('%I.%I', n.nspname, c.relname))
                    THEN ' ' || c.oid ELSE '' END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source_name.source
$$;

COMMENT ON FUNCTION warden.source_name(oid) IS
    'What users that a table keeps have in synced_by: its name when it was first followed, so that it may be renamed; with its number where another followed table was called so then.';

CREATE FUNCTION warden.follow_source(source regclass, key_column text, email_column text, active_column text, name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text[];
BEGIN
    PERFORM warden.unfollow_source(follow_source.source);
    -- Each column once: a project may know its users by email.
    SELECT array_agg(c.name ORDER BY c.position) INTO columns
    FROM (SELECT u.name, min(u.position) AS position
          FROM unnest(ARRAY[follow_source.key_column, follow_source.email_column, follow_source.active_column])
              WITH ORDINALITY AS u (name, position)
          WHERE u.name IS NOT NULL GROUP BY u.name) c;
    EXECUTE format('CREATE TRIGGER warden_follow_user AFTER INSERT OR DELETE OR UPDATE OF %s ON %s '
            || 'FOR EACH ROW EXECUTE FUNCTION warden.follow_user(%L, %L, %L, %L)',
        (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.position) FROM unnest(columns) WITH ORDINALITY AS c (name, position)),
        follow_source.source,
        array_position(columns, follow_source.key_column),
        coalesce(array_position(columns, follow_source.email_column)::text, ''),
        coalesce(array_position(columns, follow_source.active_column)::text, ''),
        follow_source.name);
    EXECUTE format('CREATE TRIGGER warden_follow_truncate BEFORE TRUNCATE ON %s '
            || 'FOR EACH STATEMENT EXECUTE FUNCTION warden.follow_truncate()', follow_source.source);
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.follow_source(regclass, text, text, text, text) IS
    'Puts the triggers of sync_users() on a table, in place of those that it has. name: as of source_name().';

CREATE FUNCTION warden.following(source oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
    WHERE t.tgrelid = following.source AND t.tgfoid = 'warden.follow_user()'::regprocedure AND t.tgparentid = 0
$$;

COMMENT ON FUNCTION warden.following(oid) IS
    'By which columns a table of users is followed, to be compared; NULL where it is not.';

CREATE FUNCTION warden.unfollow_source(source regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found name;
BEGIN
    FOR found IN
        SELECT t.tgname FROM pg_trigger t
        WHERE t.tgrelid = unfollow_source.source
          AND t.tgfoid IN ('warden.follow_user()'::regprocedure, 'warden.follow_truncate()'::regprocedure)
          AND t.tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found, unfollow_source.source);
    END LOOP;
    RETURN found IS NOT NULL;
END
$$;

COMMENT ON FUNCTION warden.unfollow_source(regclass) IS
    'Takes the triggers of sync_users() off a table; false where it had none.';

CREATE FUNCTION warden.require_external_ids(keys text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unusable bigint;
BEGIN
    SELECT count(*) INTO unusable FROM unnest(require_external_ids.keys) AS s (key)
    WHERE s.key IS NULL OR s.key = '' OR length(s.key) > 255 OR s.key ~ '[[:cntrl:]]';
    IF unusable > 0 THEN
        RAISE EXCEPTION 'the key of a user cannot be an external id'
            USING ERRCODE = '22023', DETAIL = format('Users: %s.', unusable),
                  HINT = 'Keys have 1 to 255 characters without control characters, and none is NULL.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_external_ids(text[]) IS 'Raises 22023 where one of the keys cannot be an external id.';

CREATE FUNCTION warden.sync_users(
    source regclass,
    key_column text,
    email_column text DEFAULT NULL,
    active_column text DEFAULT NULL,
    follow boolean DEFAULT true,
    deactivate_missing boolean DEFAULT false
) RETURNS TABLE (
    users bigint, inserted bigint, updated bigint, activated bigint, deactivated bigint,
    withheld bigint, missing bigint, shared_emails bigint
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text[];
    emails text[];
    actives boolean[];
    missing_keys text[];
    retired bigint;
    other regclass;
    own_name text := warden.source_name(sync_users.source);
    followed text := warden.following(sync_users.source);
BEGIN
    PERFORM warden.require_source(sync_users.source, sync_users.key_column, sync_users.email_column, sync_users.active_column);
    -- Who was somebody in this transaction, and is nobody now, is not the operator.
    PERFORM warden.require_may_grant('{}', '{}');
    IF coalesce(sync_users.deactivate_missing, false) THEN
        SELECT f.relation INTO other FROM warden.followed_sources() f WHERE f.relation <> sync_users.source LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'users are also kept by table %', other
                USING ERRCODE = '55000', HINT = 'Who is missing here may be there: leave deactivate_missing out; deleted rows are followed.';
        END IF;
    END IF;
    -- The triggers first: their lock lets nobody add a user that neither they nor the reading sees.
    IF coalesce(sync_users.follow, true) THEN
        PERFORM warden.follow_source(sync_users.source, sync_users.key_column, sync_users.email_column, sync_users.active_column, own_name);
    ELSE
        PERFORM warden.unfollow_source(sync_users.source);
    END IF;
    -- Whoever says which columns decide from now on, or that none does, decides over everybody whom the table keeps.
    IF warden.acting_person() IS NOT NULL AND warden.following(sync_users.source) IS DISTINCT FROM followed THEN
        PERFORM warden.require_may_manage(u.id) FROM warden.users u WHERE u.synced_by = own_name;
    END IF;
    SELECT coalesce(array_agg(s.key), '{}'), coalesce(array_agg(s.email), '{}'), coalesce(array_agg(s.active), '{}')
    INTO keys, emails, actives
    FROM warden.source_users(sync_users.source, sync_users.key_column, sync_users.email_column, sync_users.active_column) s;
    PERFORM warden.require_external_ids(keys);
    SELECT p.inserted, p.updated, p.activated, p.deactivated, p.withheld
    INTO sync_users.inserted, sync_users.updated, sync_users.activated, sync_users.deactivated, sync_users.withheld
    FROM warden.put_users(keys, CASE WHEN sync_users.email_column IS NOT NULL THEN emails END, actives, own_name, adopt => true) p;
    users := cardinality(keys);
    missing_keys := array(
        SELECT u.external_id FROM warden.users u
        WHERE u.synced AND u.status <> 'deleted' AND NOT EXISTS (SELECT FROM unnest(keys) AS s (key) WHERE s.key = u.external_id));
    missing := cardinality(missing_keys);
    IF coalesce(sync_users.deactivate_missing, false) THEN
        IF warden.acting_person() IS NOT NULL THEN
            PERFORM warden.require_may_manage(u.id) FROM warden.users u
            WHERE u.external_id = ANY (missing_keys) AND u.status = 'active';
        END IF;
        retired := warden.retire_users(missing_keys);
        updated := updated + retired;
        deactivated := deactivated + retired;
    END IF;
    SELECT count(*) INTO shared_emails FROM (
        SELECT FROM unnest(emails) AS s (email) WHERE warden.normalise_email(s.email) IS NOT NULL
        GROUP BY warden.normalise_email(s.email) HAVING count(*) > 1) AS shared;
    PERFORM warden.write_audit('sync_users', sync_users.source::text, jsonb_build_object(
        'users', users, 'inserted', inserted, 'updated', updated, 'activated', activated, 'deactivated', deactivated,
        'withheld', withheld, 'missing', missing, 'shared_emails', shared_emails, 'follow', coalesce(sync_users.follow, true)));
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.sync_users(regclass, text, text, text, boolean, boolean) IS
    'Makes the users of an application''s own table (Django''s auth_user, say) users of the directory, by external id; the table''s columns and rows stay as they are. key_column: the unique key that owner columns refer to: smallint, integer, bigint, uuid, text or varchar; email_column: text, kept trimmed and lower-cased; a user whose address is another than before is unverified (update_user); active_column: a boolean, false for users who may not sign in: they become inactive. A user that was made inactive becomes active again when the table says so; one that is suspended, deleted or pending here stays so. follow: triggers on the table keep the users up to date in the transaction that changes it (false takes them away); deactivate_missing: users that came from the table and are no longer in it become inactive. Returns one row of counts: users read; inserted; updated, of which activated and deactivated; withheld: active there, but not here; missing: known here, no longer there; shared_emails: addresses that several users have, each of whom keeps it. Safe to repeat. For superusers, and admin roles with SELECT on these columns and TRIGGER on the table. Errors: 42501 for anybody else, and where a person acts who does not hold all that a user does who would be taken over, changed or made inactive, or that the table keeps where it is to be followed in another way, or no more; 22023 for columns or keys that cannot be used; 23505 where a key is a UUID and the user of that id has another external id, and where another table that is followed keeps a user of that key; 55000 for the last owner, and for deactivate_missing where another table keeps users too.';
