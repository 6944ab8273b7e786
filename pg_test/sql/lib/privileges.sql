-- For \ir as superuser: who may execute what, as this suite has decided, and who may, as the catalogue says.

-- Whoever adds a function decides whose it is: add it here too. No entry: for nobody but the owner.
CREATE FUNCTION expected_for(kind text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT function FROM (VALUES
        ('PUBLIC', 'current_user_id()'), ('PUBLIC', 'current_external_id()'), ('PUBLIC', 'current_external_number()'),
        ('PUBLIC', 'current_tenant_id()'), ('PUBLIC', 'current_session_id()'), ('PUBLIC', 'current_actor_id()'),
        ('PUBLIC', 'current_roles()'), ('PUBLIC', 'current_scopes()'), ('PUBLIC', 'has_scope(text)'), ('PUBLIC', 'require_scope(text)'), ('PUBLIC', 'scope_admits(text)'), ('PUBLIC', 'identity()'),
        ('PUBLIC', 'require_user(uuid)'), ('PUBLIC', 'require_user(text)'), ('PUBLIC', 'caller_administers()'),
        ('PUBLIC', 'http_status(text)'), ('PUBLIC', 'version()'),
        -- Called by policies, triggers and a view as whoever queries; protect() and its kin ask who owns the table.
        ('PUBLIC', 'doctor()'), ('PUBLIC', 'prove(regclass)'),
        ('PUBLIC', 'admin_open()'), ('PUBLIC', 'admin_is_open()'), ('PUBLIC', 'begin_admin(text,text)'),
        ('PUBLIC', 'is_intact(regclass)'),
        ('PUBLIC', 'parents_visible(oid,record)'), ('PUBLIC', 'fill_owner()'), ('PUBLIC', 'keep_owner()'), ('PUBLIC', 'refuse_truncate()'), ('PUBLIC', 'keep_private()'),
        ('PUBLIC', 'shares_follow_row()'), ('PUBLIC', 'shares_follow_table()'), ('PUBLIC', 'shared(oid,anyelement,text)'), ('PUBLIC', 'shared_ids(oid,text,anyelement)'), ('PUBLIC', 'shared_level(oid,anyelement)'),
        ('PUBLIC', 'is_intact(regclass)'),
        ('PUBLIC', 'protect(regclass,text,text,text,text,boolean,boolean,boolean,boolean,text,text,boolean,text,text,text,text)'), ('PUBLIC', 'unprotect(regclass,boolean)'),
        ('PUBLIC', 'protect_schema(regnamespace,text,text[],boolean,boolean,boolean,boolean)'),
        ('PUBLIC', 'allow(regclass,text,text,text)'), ('PUBLIC', 'disallow(regclass,text,text)'),
        ('PUBLIC', 'exempt(regclass,text)'), ('PUBLIC', 'unexempt(regclass)'),
        ('PUBLIC', 'watch_schema(regnamespace,text,text[],text,boolean,boolean)'), ('PUBLIC', 'unwatch_schema(regnamespace)'),

        ('client', 'authenticate(text,inet,uuid)'), ('client', 'pre_request()'), ('client', 'verify_token(text)'), ('client', 'sign_out()'),
        ('client', 'record_event(text,text,jsonb,boolean)'),

        ('trusted', 'authenticate(text,inet,uuid)'), ('trusted', 'pre_request()'), ('trusted', 'verify_token(text)'), ('trusted', 'sign_out()'),
        ('trusted', 'record_event(text,text,jsonb,boolean)'),
        ('trusted', 'set_current_user(uuid,uuid)'), ('trusted', 'set_current_external_user(text,uuid)'),

        ('client', 'login(text,text,inet,text,text,text[])'), ('trusted', 'login(text,text,inet,text,text,text[])'),
        ('client', 'refresh(text,text[])'), ('trusted', 'refresh(text,text[])'),
        ('client', 'logout(text)'), ('trusted', 'logout(text)'),
        ('client', 'exchange_token(text,text[],interval)'), ('trusted', 'exchange_token(text,text[],interval)'),
        ('client', 'set_password(uuid,text,text)'), ('trusted', 'set_password(uuid,text,text)'), ('admin', 'set_password(uuid,text,text)'),
        ('trusted', 'setup_owner(text,text,text)'), ('admin', 'setup_owner(text,text,text)'),

        ('key', 'set_issuer_keys(text,text)'),

        ('admin', 'record_event(text,text,jsonb,boolean)'), ('admin', 'set_issuer_keys(text,text)'),
        ('admin', 'trust_issuer(text,text,text[],text[],text,text,jsonb,interval,boolean,boolean)'), ('admin', 'distrust_issuer(text)'),
        ('admin', 'explain_token(text)'),
        ('client', 'jwks()'), ('trusted', 'jwks()'), ('admin', 'jwks()'),
        ('admin', 'rotate_signing_key(text,interval)'),
        ('client', 'list_sessions(uuid,boolean,integer,uuid,boolean)'), ('client', 'find_session(uuid)'), ('client', 'revoke_session(uuid)'), ('client', 'revoke_all_sessions(uuid,boolean,boolean)'),
        ('client', 'create_api_key(text,text[],timestamp with time zone,uuid)'), ('client', 'list_api_keys(uuid)'), ('client', 'revoke_api_key(uuid)'),
        ('trusted', 'list_sessions(uuid,boolean,integer,uuid,boolean)'), ('trusted', 'find_session(uuid)'), ('trusted', 'revoke_session(uuid)'), ('trusted', 'revoke_all_sessions(uuid,boolean,boolean)'),
        ('trusted', 'create_api_key(text,text[],timestamp with time zone,uuid)'), ('trusted', 'list_api_keys(uuid)'), ('trusted', 'revoke_api_key(uuid)'),
        ('admin', 'list_sessions(uuid,boolean,integer,uuid,boolean)'), ('admin', 'find_session(uuid)'), ('admin', 'revoke_session(uuid)'), ('admin', 'revoke_all_sessions(uuid,boolean,boolean)'),
        ('admin', 'create_api_key(text,text[],timestamp with time zone,uuid)'), ('admin', 'list_api_keys(uuid)'), ('admin', 'revoke_api_key(uuid)'),
        ('admin', 'revoke_token(text,text,timestamp with time zone)'), ('admin', 'cleanup_sessions(interval,integer,boolean)'),
        ('admin', 'create_user(text,text,text,uuid,text,text,text)'),
        ('admin', 'create_user_if_absent(text,text,text,text,text)'),
        ('admin', 'create_service_account(text,text)'),
        ('admin', 'find_user(text)'),
        ('admin', 'list_users(text,text,text,interval,integer,uuid,boolean)'),
        ('admin', 'search_users(text,integer,integer)'),
        ('admin', 'update_user(uuid,text,text,text,text,text,boolean,boolean,boolean)'),
        ('admin', 'set_user_status(uuid,text)'),
        ('admin', 'delete_user(uuid)'),
        ('admin', 'restore_user(uuid)'),
        ('admin', 'promote_user(uuid)'),
        ('admin', 'demote_user(uuid)'),
        ('admin', 'assign_role(uuid,text)'),
        ('admin', 'revoke_role(uuid,text)'),
        ('admin', 'grant_scope(uuid,text)'), ('admin', 'revoke_scope(uuid,text)'),
        ('admin', 'define_role(text,text[],boolean)'), ('admin', 'define_scope(text,text[],boolean)'),
        ('admin', 'register_client(text,text[])'), ('admin', 'unregister_client(text)'),
        ('admin', 'count_users(text,text,text,interval)'),
        ('admin', 'user_stats()'),
        ('admin', 'bulk_update_users(text,text,text,text,interval,integer,boolean)'),
        ('admin', 'bulk_delete_users(text,text,text,interval,integer,boolean)'),
        ('admin', 'export_users(text,text,text,interval)'),
        ('admin', 'link_identity(uuid,text,text)'),
        ('trusted', 'create_anonymous_user(text)'), ('admin', 'create_anonymous_user(text)'),
        ('admin', 'merge_users(uuid,uuid,text)'), ('admin', 'promote_anonymous(uuid,uuid,text)'), ('admin', 'settle_departures()'),
        ('admin', 'erase_user(uuid,text,uuid)'), ('admin', 'cleanup_anonymous_users(interval,integer,boolean,text)'),
        ('admin', 'user_activity(uuid)'),
        ('admin', 'ban_ip(inet,text,text,text,text,text,text,text,boolean,boolean)'),
        ('admin', 'ban_ip(inet,interval,text,text,text,text,text,text,boolean,boolean)'),
        ('admin', 'unban_ip(inet)'),
        ('admin', 'get_ban(inet)'),
        ('admin', 'list_ban_history(inet,integer)'),
        ('admin', 'list_bans(text,text,integer,integer,boolean)'),
        ('admin', 'count_bans(text,text)'),
        ('admin', 'cleanup_bans(integer,boolean)'),
        ('trusted', 'is_banned(inet)'), ('admin', 'is_banned(inet)'),
        ('client', 'deployment()'), ('client', 'has_feature(text)'), ('client', 'list_tenants(text,integer,uuid)'),
        ('client', 'find_tenant(uuid)'), ('client', 'list_members(uuid,integer,uuid)'),
        ('client', 'add_member(uuid,uuid,text[])'), ('client', 'remove_member(uuid,uuid)'),
        ('trusted', 'deployment()'), ('trusted', 'has_feature(text)'), ('trusted', 'list_tenants(text,integer,uuid)'),
        ('trusted', 'find_tenant(uuid)'), ('trusted', 'list_members(uuid,integer,uuid)'),
        ('trusted', 'add_member(uuid,uuid,text[])'), ('trusted', 'remove_member(uuid,uuid)'),
        ('admin', 'deployment()'), ('admin', 'has_feature(text)'), ('admin', 'list_tenants(text,integer,uuid)'),
        ('admin', 'find_tenant(uuid)'), ('admin', 'list_members(uuid,integer,uuid)'),
        ('admin', 'add_member(uuid,uuid,text[])'), ('admin', 'remove_member(uuid,uuid)'),
        ('admin', 'create_tenant(text,text,jsonb,text[],uuid)'),
        ('admin', 'update_tenant(uuid,text,text)'),
        ('admin', 'set_tenant_setting(uuid,text,jsonb)'),
        ('admin', 'set_tenant_status(uuid,text)'),
        ('admin', 'set_feature(text,boolean,uuid)'),
        ('admin', 'set_deployment(text,text,jsonb)'),
        ('admin', 'define_setting(text,text)'),
        ('admin', 'sync_users(regclass,text,text,text,boolean,boolean)')
    ) AS f (kind, function)
    WHERE f.kind = expected_for.kind
$$;

-- Every privilege on schema warden and what is in it that somebody else than the owner has, as text.
CREATE FUNCTION grants() RETURNS SETOF text LANGUAGE sql SET search_path = warden, pg_catalog AS $$
    WITH objects AS (
        SELECT 'SCHEMA ' || n.nspname AS object, n.nspowner AS owner, coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
        FROM pg_namespace n WHERE n.nspname = 'warden'
        UNION ALL
        SELECT 'FUNCTION ' || p.oid::regprocedure, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace
        UNION ALL
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.relname, c.relowner,
               coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
        FROM pg_class c WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind NOT IN ('i', 'I', 't', 'c')
        UNION ALL
        SELECT 'COLUMN ' || c.relname || '.' || a.attname, c.relowner, a.attacl
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'warden'::regnamespace AND a.attacl IS NOT NULL
        UNION ALL
        -- The row types of tables follow the tables.
        SELECT 'TYPE ' || y.typname, y.typowner, coalesce(y.typacl, acldefault('T', y.typowner))
        FROM pg_type y WHERE y.typnamespace = 'warden'::regnamespace AND y.typrelid = 0 AND y.typelem = 0
    )
    SELECT o.object || ': ' || string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
               ORDER BY a.privilege_type)
           || ' TO ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM objects o CROSS JOIN LATERAL aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
    GROUP BY o.object, a.grantee
$$;

-- What is missing and what is too much, or NULL.
CREATE FUNCTION differences(expected text[], found text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN e IS NULL THEN 'too much: ' || f ELSE 'missing: ' || e END, E'\n' ORDER BY e, f)
    FROM unnest(expected) AS e FULL JOIN unnest(found) AS f ON e = f
    WHERE e IS NULL OR f IS NULL
$$;
