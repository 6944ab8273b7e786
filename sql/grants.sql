-- Who may do what, by list. Last in the script: first everything is taken from everybody, whatever
-- default privileges the installing role has, then each grant is made by name.

CREATE FUNCTION warden.revoke_everything() RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    revoked int := 0;
BEGIN
    FOR statement IN
        WITH objects AS (
            SELECT format('SCHEMA %I', n.nspname) AS object, n.nspowner AS owner, n.nspacl AS acl
            FROM pg_namespace n WHERE n.nspname = 'warden'
            UNION ALL
            SELECT format('FUNCTION %s', p.oid::regprocedure), p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace
              AND (p.proacl IS NOT NULL OR p.oid <> ALL (warden.owner_functions()))
            UNION ALL
            SELECT format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass), c.relowner, c.relacl
            FROM pg_class c WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'm', 'p')
            UNION ALL
            SELECT format('TYPE %s', t.oid::regtype), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
            FROM pg_type t WHERE t.typnamespace = 'warden'::regnamespace AND t.typtype IN ('e', 'd', 'b')
              AND t.typelem = 0
        )
        SELECT DISTINCT format('REVOKE ALL ON %s FROM %s CASCADE', o.object,
                   CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
        FROM objects o CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee <> o.owner
    LOOP
        EXECUTE statement;
        revoked := revoked + 1;
    END LOOP;
    RETURN revoked;
END
$$;

COMMENT ON FUNCTION warden.revoke_everything() IS
    'Takes every privilege on the schema''s objects from everybody but their owner; returns how many grants it took. For install and upgrade scripts.';

SELECT warden.revoke_everything();

-- To see a name is not to be let in: everything behind it has grants of its own.
GRANT USAGE ON SCHEMA warden TO PUBLIC;

DO $$
DECLARE
    function pg_catalog.regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid FROM pg_catalog.pg_proc p
        WHERE p.oid OPERATOR(pg_catalog.=) ANY (warden.owner_functions()) AND p.proacl IS NOT NULL
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', function);
    END LOOP;
END
$$;

-- Policies and defaults call these as whoever queries.
GRANT EXECUTE ON FUNCTION
    warden.current_session_id(),
    warden.current_actor_id(),
    warden.current_roles(),
    warden.current_scopes(),
    warden.has_scope(text),
    warden.require_scope(text),
    warden.scope_admits(text),
    warden.entity_allowed(text, text),
    warden.identity(),
    warden.require_user(uuid),
    warden.require_user(text),
    warden.caller_administers(),
    warden.http_status(text),
    warden.version(),
    -- Called by policies, or made triggers by owners of tables.
    warden.parents_visible(oid, record),
    warden.fill_owner(),
    warden.keep_owner(),
    warden.refuse_truncate(),
    warden.keep_private(),
    warden.shares_follow_row(),
    warden.shares_follow_table(),
    warden.shared(oid, anyelement, text),
    warden.shared_ids(oid, text, anyelement, boolean),
    warden.shared_level(oid, anyelement),
    warden.admin_open(),
    warden.admin_is_open(),
    -- For owners of protected tables, admins and migrations: the code asks who calls.
    warden.begin_admin(text, text),
    -- For superusers and admin roles: the code asks who calls.
    warden.doctor(),
    warden.prove(regclass),
    -- What the view of protected tables calls, for those who may read it.
    warden.is_intact(regclass),
    -- For the owners of tables and schemas: the code asks who calls.
    warden.protect(regclass, text, text, text, text, boolean, boolean, boolean, boolean, text, text, boolean, text, text, text, text),
    warden.unprotect(regclass, boolean),
    warden.protect_schema(regnamespace, text, text[], boolean, boolean, boolean, boolean),
    warden.allow(regclass, text, text, text),
    warden.disallow(regclass, text, text),
    warden.exempt(regclass, text),
    warden.unexempt(regclass),
    warden.watch_schema(regnamespace, text, text[], text, boolean, boolean),
    warden.unwatch_schema(regnamespace)
TO PUBLIC;

-- Shows each reader what is its own.
GRANT SELECT ON warden.audit_log TO PUBLIC;
