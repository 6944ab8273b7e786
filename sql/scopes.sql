-- What roles, users and clients may do: scopes, as data. What they leave a transaction together is worked out in
-- src/permissions.rs, of what a pattern covers in src/scopes.rs.

-- What ships is a row that is never changed; what is said here of the same name is a row beside it, which counts
-- instead. So a dump holds what was said, and a restore brings it into a database where the rest ships anew.
CREATE TABLE warden.scopes (
    scope text COLLATE "C" NOT NULL,
    implies text[] NOT NULL DEFAULT '{}' CHECK (array_position(implies, NULL) IS NULL),
    by_name_only boolean NOT NULL DEFAULT false,
    shipped boolean NOT NULL DEFAULT false,
    PRIMARY KEY (scope, shipped)
);

COMMENT ON TABLE warden.scopes IS
    'The scopes that are known: any other is refused where it is granted or asked about. The row that ships counts where there is no other.';
COMMENT ON COLUMN warden.scopes.implies IS 'What whoever holds the scope holds as well: scopes and wildcards.';
COMMENT ON COLUMN warden.scopes.by_name_only IS 'No wildcard covers it, nor what implies one.';

INSERT INTO warden.scopes (scope, implies, by_name_only, shipped) VALUES
    ('anonymous', '{}', false, true),
    ('user', '{}', false, true),
    ('agents:read', '{}', false, true),
    ('tools:execute', '{}', false, true),
    ('mcp', '{}', false, true),
    ('a2a', '{}', false, true),
    ('service', '{}', false, true),
    ('admin', '{*}', false, true),
    ('billing', '{}', true, true),
    ('users:manage', '{}', true, true),
    ('users:act_as', '{}', true, true),
    ('users:invite', '{}', false, true),
    ('user:{{user_id}}', '{}', false, true),
    ('tenant:{{tenant_id}}', '{}', false, true);

CREATE TABLE warden.roles (
    role text COLLATE "C" NOT NULL CHECK (role ~ '^[a-z][a-z0-9_-]{0,62}$'),
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    reads_only boolean NOT NULL DEFAULT false,
    shipped boolean NOT NULL DEFAULT false,
    PRIMARY KEY (role, shipped)
);

COMMENT ON TABLE warden.roles IS
    'The roles that users may have, with the scopes of each. The row that ships counts where there is no other.';
COMMENT ON COLUMN warden.roles.reads_only IS
    'Who has no other role writes to no protected table, but where allow() declares it.';

INSERT INTO warden.roles (role, scopes, reads_only, shipped) VALUES
    ('anonymous', '{anonymous}', true, true),
    ('viewer', '{user,agents:read}', true, true),
    ('user', '{user,agents:read,tools:execute}', false, true),
    ('admin', '{user,agents:read,tools:execute,admin,users:act_as}', false, true),
    ('owner', '{user,agents:read,tools:execute,admin,billing,users:manage,users:act_as}', false, true);

CREATE TABLE warden.clients (
    client_id text COLLATE "C" PRIMARY KEY CHECK (client_id <> '' AND length(client_id) <= 255),
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE warden.clients IS
    'OAuth clients whose tokens (claim client_id or azp) have no more than these scopes, whoever they are issued for.';

-- Backends keep what they have read of these, as they do of the issuers.
CREATE FUNCTION warden.permissions_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'rows_changed_wrapper';

COMMENT ON FUNCTION warden.permissions_changed() IS
    'Trigger of roles, scopes and clients: when the transaction commits, all backends read them again.';

CREATE TRIGGER permissions_changed AFTER INSERT OR UPDATE OR DELETE ON warden.scopes
    FOR EACH ROW EXECUTE FUNCTION warden.permissions_changed();
CREATE TRIGGER permissions_changed AFTER INSERT OR UPDATE OR DELETE ON warden.roles
    FOR EACH ROW EXECUTE FUNCTION warden.permissions_changed();
CREATE TRIGGER permissions_changed AFTER INSERT OR UPDATE OR DELETE ON warden.clients
    FOR EACH ROW EXECUTE FUNCTION warden.permissions_changed();
CREATE TRIGGER permissions_emptied AFTER TRUNCATE ON warden.scopes
    FOR EACH STATEMENT EXECUTE FUNCTION warden.permissions_changed();
CREATE TRIGGER permissions_emptied AFTER TRUNCATE ON warden.roles
    FOR EACH STATEMENT EXECUTE FUNCTION warden.permissions_changed();
CREATE TRIGGER permissions_emptied AFTER TRUNCATE ON warden.clients
    FOR EACH STATEMENT EXECUTE FUNCTION warden.permissions_changed();
ALTER TABLE warden.scopes ENABLE ALWAYS TRIGGER permissions_changed;
ALTER TABLE warden.scopes ENABLE ALWAYS TRIGGER permissions_emptied;
ALTER TABLE warden.roles ENABLE ALWAYS TRIGGER permissions_changed;
ALTER TABLE warden.roles ENABLE ALWAYS TRIGGER permissions_emptied;
ALTER TABLE warden.clients ENABLE ALWAYS TRIGGER permissions_changed;
ALTER TABLE warden.clients ENABLE ALWAYS TRIGGER permissions_emptied;

SELECT pg_extension_config_dump('warden.scopes', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('warden.roles', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('warden.clients', '');

CREATE VIEW warden.known_roles AS
    SELECT r.role, r.scopes, r.reads_only
    FROM warden.roles r
    WHERE NOT r.shipped OR NOT EXISTS (SELECT FROM warden.roles o WHERE o.role = r.role AND NOT o.shipped);

COMMENT ON VIEW warden.known_roles IS 'The roles that users may have, each as it counts.';

CREATE FUNCTION warden.role_names() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(r.role ORDER BY array_position('{anonymous,viewer,user,admin,owner}'::text[], r.role), r.role)
    FROM warden.known_roles r;
END;

COMMENT ON FUNCTION warden.role_names() IS
    'The roles that a user may have: those that ship, from the least on, then all others.';

CREATE FUNCTION warden.scopes_of_roles(roles text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope), '{}')
    FROM warden.known_roles r CROSS JOIN LATERAL unnest(r.scopes) AS s (scope)
    WHERE r.role = ANY (scopes_of_roles.roles);
END;

COMMENT ON FUNCTION warden.scopes_of_roles(text[]) IS
    'The scopes that the roles are declared with; none for a role that does not exist.';

CREATE FUNCTION warden.scopes_of_user(user_id uuid) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope), '{}')
    FROM warden.users u CROSS JOIN LATERAL unnest(warden.scopes_of_roles(u.roles) || u.scopes) AS s (scope)
    WHERE u.id = scopes_of_user.user_id AND u.status = 'active';
END;

COMMENT ON FUNCTION warden.scopes_of_user(uuid) IS
    'The scopes that a user is granted, by its roles and alone, as they are declared. Empty for a user that is unknown or not active.';

COMMENT ON FUNCTION warden.has_scope(text) IS
    'Whether this transaction holds the scope; false for nobody. user:{{user_id}} and the like ask about the own one. Errors: 22023 for an unknown scope and for a wildcard, 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.require_scope(text) IS
    'Returns true where this transaction holds the scope. Errors: 42501 where it does not, and for nobody; as has_scope().';

CREATE FUNCTION warden.scope_admits_support(internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'warden_scope_admits_support';

COMMENT ON FUNCTION warden.scope_admits_support(internal) IS
    'Planner support of warden.scope_admits(): it is true of every row or of none.';

-- Dearer than a comparison, so that a scan asks it of the user's own rows and of no others.
CREATE FUNCTION warden.scope_admits(scope text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 SUPPORT warden.scope_admits_support
AS 'MODULE_PATHNAME', 'warden_scope_admits';

COMMENT ON FUNCTION warden.scope_admits(text) IS
    'For policies: true where this transaction holds the scope, false for nobody. Errors: 42501 for somebody who does not hold it, 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.unknown_scopes(text[]) IS
    'Those of the given scopes that are not known. Errors: 22023 for what is no scope, for a null, and for the scope of one identity (user: and an id).';
COMMENT ON FUNCTION warden.covered_scopes(text[], text[]) IS
    'Those of the asked scopes that who holds the others may be given: agents:read of agents:*; a wildcard of the same or a wider one.';
COMMENT ON FUNCTION warden.require_may_grant(text[], text[], boolean, boolean) IS
    'Returns true where the acting person (the user of the transaction, or of the token that begin_admin() was given) holds the scopes and all that comes with the roles, and may write where that is asked (writing), or where there is none and a database role acts by itself. giving: somebody gets or loses the roles; then a role that rules about entities or shares name is held by its name, or by an owner. Errors: 42501.';

COMMENT ON FUNCTION warden.acting_person() IS
    'The acting person of require_may_grant(); NULL where a database role acts by itself. Not callable by clients.';
COMMENT ON FUNCTION warden.acting_people() IS
    'Everybody by whom the transaction acts: its user, who acts for that user, and whose token begin_admin() was given. Empty where a database role acts by itself. Not callable by clients.';
COMMENT ON FUNCTION warden.user_may_grant(uuid, text[], text[], boolean) IS
    'Whether a user is active and holds, without any tenant, the scopes and all that comes with the roles: what require_may_grant() asks of the acting person. Not callable by clients.';

CREATE FUNCTION warden.require_known_scopes(scopes text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text[] := warden.unknown_scopes(require_known_scopes.scopes);
BEGIN
    IF unknown = '{}' THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'unknown scope "%"', unknown[1]
        USING ERRCODE = '22023', HINT = 'Scopes are known that ship with the extension, and those of roles: warden.define_role().';
END
$$;

COMMENT ON FUNCTION warden.require_known_scopes(text[]) IS
    'Raises 22023 for what is no scope, and for one that is not known; a wildcard is.';

-- Its tables are made later, and looked for when it is called.
CREATE FUNCTION warden.roles_anywhere(user_id uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN array(
        SELECT unnest(u.roles) FROM warden.users u WHERE u.id = roles_anywhere.user_id
        UNION SELECT unnest(m.roles) FROM warden.tenant_members m WHERE m.user_id = roles_anywhere.user_id);
END
$$;

COMMENT ON FUNCTION warden.roles_anywhere(uuid) IS
    'The roles of a user, and those that it has in any tenant; {} for an unknown one. Not callable by clients.';

CREATE FUNCTION warden.require_may_manage(user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    managed warden.users;
BEGIN
    SELECT u.* INTO managed FROM warden.users u WHERE u.id = require_may_manage.user_id;
    IF NOT FOUND THEN
        -- The caller says so.
        RETURN true;
    END IF;
    IF managed.kind = 'agent' THEN
        -- Whoever has the agent reads what its owner lends it, and acts for the owner where an issuer says so.
        PERFORM warden.require_may_manage(a.owner_id) FROM warden.agents a WHERE a.user_id = managed.id;
    END IF;
    RETURN warden.require_may_grant(managed.scopes, warden.roles_anywhere(managed.id));
END
$$;

COMMENT ON FUNCTION warden.require_may_manage(uuid) IS
    'Returns true where the acting person, as of require_may_grant(), holds everywhere all that the user has of its roles, of those it has in any tenant, and alone; of an agent also all that its owner has: whoever holds less would come by it with the credentials of that user. True for an unknown user. Errors: 42501.';

-- What belongs to nobody: there is no user by whom to tell who may.
CREATE FUNCTION warden.require_admin() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    RETURN warden.require_may_grant('{admin}', '{}');
END
$$;

COMMENT ON FUNCTION warden.require_admin() IS
    'As require_administrator(), and raises 42501 also where a person acts, as of require_may_grant(), who does not hold the scope admin. Not callable by clients.';

CREATE FUNCTION warden.may_manage(user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN warden.require_may_manage(may_manage.user_id);
EXCEPTION WHEN insufficient_privilege THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION warden.may_manage(uuid) IS 'As require_may_manage(), and false where that raises 42501.';

CREATE FUNCTION warden.change_scopes(user_id uuid, scope text, event text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
    after text[];
BEGIN
    SELECT u.scopes INTO before FROM warden.users u
    WHERE u.id = change_scopes.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    after := array_remove(before, change_scopes.scope);
    IF change_scopes.event = 'grant_scope' THEN
        after := after || change_scopes.scope;
    END IF;
    IF after @> before AND before @> after THEN
        RETURN false;
    END IF;
    UPDATE warden.users u SET scopes = after, updated_at = clock_timestamp() WHERE u.id = change_scopes.user_id;
    PERFORM warden.write_audit(change_scopes.event, change_scopes.user_id::text,
        jsonb_build_object('scope', change_scopes.scope, 'from', before, 'to', after));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.change_scopes(uuid, text, text) IS
    'What grant_scope and revoke_scope share: true where that changed something. Errors: P0002.';

CREATE FUNCTION warden.grant_scope(user_id uuid, scope text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_known_scopes(ARRAY[grant_scope.scope]);
    PERFORM warden.require_may_grant(ARRAY[grant_scope.scope], '{}');
    RETURN warden.change_scopes(grant_scope.user_id, grant_scope.scope, 'grant_scope');
END
$$;

COMMENT ON FUNCTION warden.grant_scope(uuid, text) IS
    'Gives a user a scope (agents:read), a wildcard (agents:*, *) or a template (files:{{user_id}}) beside those of its roles, felt by its next transaction. Returns false where it had it. For superusers and admin roles. Errors: 22023 for an unknown scope, P0002 for an unknown or deleted user; 42501, also where a person acts (begin_admin() with a token, authenticate()) who does not hold the scope.';

CREATE FUNCTION warden.revoke_scope(user_id uuid, scope text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    -- What a user was granted it can lose, known by now or not.
    IF NOT EXISTS (SELECT FROM warden.users u WHERE u.id = revoke_scope.user_id AND revoke_scope.scope = ANY (u.scopes)) THEN
        PERFORM warden.require_known_scopes(ARRAY[revoke_scope.scope]);
    END IF;
    PERFORM warden.require_may_grant(ARRAY[revoke_scope.scope], '{}');
    RETURN warden.change_scopes(revoke_scope.user_id, revoke_scope.scope, 'revoke_scope');
END
$$;

COMMENT ON FUNCTION warden.revoke_scope(uuid, text) IS
    'Takes back what grant_scope() gave, felt by the user''s next transaction; what its roles hold stays. Returns false where it did not have it. For superusers and admin roles. Errors: as grant_scope().';

-- Of a name that ships the row beside goes where it would say the same.
CREATE FUNCTION warden.define_role(role text, scopes text[], reads_only boolean DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before record;
    declared text[];
    unknown text[];
    reads boolean;
BEGIN
    PERFORM warden.require_administrator();
    IF define_role.role IS NULL OR define_role.role !~ '^[a-z][a-z0-9_-]{0,62}$' THEN
        RAISE EXCEPTION 'this is no name of a role'
            USING ERRCODE = '22023', HINT = 'Use lower-case letters, digits, _ and -, beginning with a letter, at most 63.';
    END IF;
    -- Two definitions at once would not see each other. Nobody who authenticates waits for this.
    LOCK TABLE warden.roles IN SHARE ROW EXCLUSIVE MODE;
    unknown := warden.unknown_scopes(define_role.scopes);
    declared := array(SELECT DISTINCT s.scope FROM unnest(define_role.scopes) AS s (scope) ORDER BY 1);
    SELECT r.scopes, r.reads_only INTO before FROM warden.known_roles r WHERE r.role = define_role.role;
    reads := coalesce(define_role.reads_only, before.reads_only, false);
    IF before.scopes @> declared AND declared @> before.scopes AND reads = before.reads_only THEN
        RETURN false;
    END IF;
    -- What is taken from a role as well as what is given. A scope that nobody has heard of opens nothing yet.
    PERFORM warden.require_may_grant(
        array(SELECT d.scope FROM unnest(declared || before.scopes) AS d (scope) WHERE d.scope <> ALL (unknown)),
        CASE WHEN define_role.role = 'owner' THEN '{owner}'::text[] ELSE '{}' END, NOT reads OR NOT coalesce(before.reads_only, true));
    INSERT INTO warden.scopes (scope) SELECT DISTINCT u.scope FROM unnest(unknown) AS u (scope);
    DELETE FROM warden.roles r WHERE r.role = define_role.role AND NOT r.shipped;
    INSERT INTO warden.roles (role, scopes, reads_only)
    SELECT define_role.role, declared, reads
    WHERE NOT EXISTS (SELECT FROM warden.roles r WHERE r.role = define_role.role AND r.reads_only = reads
                      AND r.scopes @> declared AND declared @> r.scopes);
    PERFORM warden.write_audit('define_role', define_role.role, jsonb_build_object(
        'from', before.scopes, 'to', declared, 'reads_only', reads));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.define_role(text, text[], boolean) IS
    'Says which scopes a role holds, of those that ship or a new one; felt by the next transaction of everybody who has it. scopes: all of them, wildcards (agents:*, *) and templates (files:{{user_id}}) included; a scope that was unknown is known from now on. reads_only: whether who has no other role only reads, by default as before, and false for a new role. Returns false where nothing changed. For superusers and admin roles. Errors: 22023 for what is no role or scope; 42501, also where a person acts who does not hold all of it, and all that the role held.';

CREATE FUNCTION warden.define_scope(scope text, implies text[] DEFAULT '{}', by_name_only boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    -- Who changes what a scope implies could make any scope be any other.
    PERFORM warden.require_may_grant('{}', '{owner}');
    IF define_scope.scope = '*' OR define_scope.scope LIKE '%:*' THEN
        RAISE EXCEPTION 'a wildcard is no scope' USING ERRCODE = '22023', HINT = 'Define one scope after the other.';
    ELSIF define_scope.by_name_only IS NULL THEN
        RAISE EXCEPTION 'by_name_only is missing' USING ERRCODE = '22023', HINT = 'Pass true or false.';
    END IF;
    PERFORM warden.unknown_scopes(ARRAY[define_scope.scope]);
    PERFORM warden.require_known_scopes(define_scope.implies);
    INSERT INTO warden.scopes AS s (scope, implies, by_name_only)
    VALUES (define_scope.scope, define_scope.implies, define_scope.by_name_only)
    ON CONFLICT ON CONSTRAINT scopes_pkey DO UPDATE SET implies = excluded.implies, by_name_only = excluded.by_name_only
    WHERE (s.implies, s.by_name_only) IS DISTINCT FROM (excluded.implies, excluded.by_name_only);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.write_audit('define_scope', define_scope.scope, jsonb_build_object(
        'implies', define_scope.implies, 'by_name_only', define_scope.by_name_only));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.define_scope(text, text[], boolean) IS
    'Makes a scope known, or says anew what it is. implies: scopes and wildcards that whoever holds it holds as well; by_name_only: whether no wildcard covers it. Returns false where nothing changed. For superusers and admin roles. Errors: 22023 for what is no scope, and for an unknown one that it would imply; 42501, also where a person acts who is no owner.';

CREATE FUNCTION warden.register_client(client_id text, scopes text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
BEGIN
    PERFORM warden.require_administrator();
    IF coalesce(register_client.client_id, '') = '' OR length(register_client.client_id) > 255 THEN
        RAISE EXCEPTION 'this is no client' USING ERRCODE = '22023', HINT = 'Pass the client_id or azp of its tokens, in at most 255 characters.';
    END IF;
    PERFORM warden.require_known_scopes(register_client.scopes);
    SELECT c.scopes INTO before FROM warden.clients c WHERE c.client_id = register_client.client_id;
    PERFORM warden.require_may_grant(register_client.scopes || before, '{}');
    INSERT INTO warden.clients AS c (client_id, scopes) VALUES (register_client.client_id, register_client.scopes)
    ON CONFLICT ON CONSTRAINT clients_pkey DO UPDATE SET scopes = excluded.scopes
    WHERE NOT (c.scopes @> excluded.scopes AND excluded.scopes @> c.scopes);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.write_audit('register_client', register_client.client_id,
        jsonb_build_object('from', before, 'to', register_client.scopes));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.register_client(text, text[]) IS
    'Says which scopes tokens of an OAuth client have at most (claim client_id or azp), whoever they are issued for; felt by the next transaction. scopes: wildcards included, none for a client that may do nothing. Tokens of a client that is not registered are not narrowed by it. Returns false where nothing changed. For superusers and admin roles. Errors: 22023 for an unknown scope; 42501, also where a person acts who does not hold the scopes, and those it had.';

CREATE FUNCTION warden.unregister_client(client_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    -- It is not narrowed any more.
    PERFORM warden.require_may_grant('{*}', '{owner}');
    DELETE FROM warden.clients c WHERE c.client_id = unregister_client.client_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.write_audit('unregister_client', unregister_client.client_id, '{}');
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.unregister_client(text) IS
    'Narrows tokens of the client no more. Returns false where it was not registered. For superusers and admin roles. Errors: 42501, also where a person acts who is no owner.';
