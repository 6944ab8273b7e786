-- Agents: users of kind agent, each with an owner. What their owners and administrators have said of them; the user
-- itself, with its scopes, is in warden.users. Read by src/agents.rs at every authentication of an agent.

CREATE TABLE warden.agents (
    user_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    name text NOT NULL CHECK (name ~ '[^[:space:]]' AND length(name) <= 100 AND name !~ '[[:cntrl:]]'),
    status text NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'revoked', 'rejected')),
    -- What was asked for: nobody is granted more by its owner.
    requested text[] NOT NULL CHECK (array_position(requested, NULL) IS NULL),
    capabilities text[] NOT NULL DEFAULT '{}'
        CHECK (array_position(capabilities, NULL) IS NULL
               AND array_to_string(capabilities, ',') ~ '^([a-z][a-z0-9_]{0,62}(,[a-z][a-z0-9_]{0,62})*)?$'),
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (owner_id <> user_id)
);

-- Of one owner; whoever has another may use the name as well.
CREATE UNIQUE INDEX agents_name_key ON warden.agents (owner_id, name) WHERE status <> 'revoked';
CREATE INDEX agents_owner_id_idx ON warden.agents (owner_id, registered_at DESC, user_id DESC);
CREATE INDEX agents_newest_idx ON warden.agents (registered_at DESC, user_id DESC);

COMMENT ON TABLE warden.agents IS
    'Agents, each with its owner. One is let in while it is active, and its user and its owner are; what it holds is what it is granted (warden.users) as far as its owner holds it too.';
COMMENT ON COLUMN warden.agents.capabilities IS
    'What the agent may read of its owner besides its own: tables that are protected with one of these names.';

SELECT pg_extension_config_dump('warden.agents', '');

-- Which status comes after which; there is no other way.
CREATE FUNCTION warden.agent_may_become(status text, next_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(agent_may_become.next_status = ANY (CASE agent_may_become.status
        WHEN 'pending' THEN '{active,rejected,revoked}'
        WHEN 'rejected' THEN '{pending,revoked}'
        WHEN 'active' THEN '{suspended,revoked}'
        WHEN 'suspended' THEN '{active,revoked}'
        -- Final.
        WHEN 'revoked' THEN '{}' END::text[]), false);
END;

COMMENT ON FUNCTION warden.agent_may_become(text, text) IS
    'Whether an agent of the one status may be given the other: pending becomes active or rejected, rejected pending again, active suspended and back, and each of them revoked, which is final. False for what is no status.';

-- For what asks long after authentication, as is_credential_good() does.
CREATE FUNCTION warden.may_act(user_id uuid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM warden.users u
        WHERE u.id = may_act.user_id AND u.status = 'active'
          AND (u.kind <> 'agent' OR EXISTS (
                SELECT FROM warden.agents a JOIN warden.users o ON o.id = a.owner_id
                WHERE a.user_id = u.id AND a.status = 'active' AND o.status = 'active' AND o.kind <> 'agent')));
END;

COMMENT ON FUNCTION warden.may_act(uuid) IS
    'Whether authentication lets this user in, as far as it depends on the user: it is active, and an agent is so besides, and its owner.';

-- What authentication leaves of somebody, for whoever asks about another one than himself.
CREATE FUNCTION warden.may_be_in_tenant(user_id uuid, tenant_id uuid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM warden.tenant_members m WHERE m.tenant_id = may_be_in_tenant.tenant_id AND m.user_id = may_be_in_tenant.user_id)
       AND NOT EXISTS (
            SELECT FROM warden.agents a
            WHERE a.user_id = may_be_in_tenant.user_id AND NOT EXISTS (
                SELECT FROM warden.tenant_members m WHERE m.tenant_id = may_be_in_tenant.tenant_id AND m.user_id = a.owner_id));
END;

COMMENT ON FUNCTION warden.may_be_in_tenant(uuid, uuid) IS
    'Whether a user is a member of a tenant, and an agent''s owner too.';

CREATE FUNCTION warden.roles_left(user_id uuid, tenant_id uuid) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT array(
        SELECT DISTINCT r.role FROM unnest(u.roles || coalesce(m.roles, '{}')) AS r (role)
        WHERE u.kind <> 'agent' OR r.role = ANY (o.roles || coalesce(n.roles, '{}')))
    FROM warden.users u
    LEFT JOIN warden.tenant_members m ON m.user_id = u.id AND m.tenant_id = roles_left.tenant_id
    LEFT JOIN warden.agents a ON a.user_id = u.id
    LEFT JOIN warden.users o ON o.id = a.owner_id
    LEFT JOIN warden.tenant_members n ON n.user_id = o.id AND n.tenant_id = roles_left.tenant_id
    WHERE u.id = roles_left.user_id;
END;

COMMENT ON FUNCTION warden.roles_left(uuid, uuid) IS
    'The roles that a user would have in a tenant, or with NULL in none: its own and those of a member there; of an agent those that its owner has as well. NULL for an unknown user.';

CREATE FUNCTION warden.is_own_agent(user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM warden.agents a
        WHERE a.user_id = is_own_agent.user_id AND a.owner_id = (warden.identity() ->> 'user_id')::uuid AND a.status <> 'revoked');
END
$$;

COMMENT ON FUNCTION warden.is_own_agent(uuid) IS
    'Whether this is an agent of the signed-in user, and not revoked. Not callable by clients.';

CREATE FUNCTION warden.require_agents_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity jsonb := warden.identity();
    me uuid := identity ->> 'user_id';
BEGIN
    IF me IS NULL THEN
        RAISE EXCEPTION 'nobody is signed in in this transaction'
            USING ERRCODE = '28000', HINT = 'Call warden.authenticate() after BEGIN.';
    ELSIF identity ->> 'actor_id' <> me::text THEN
        RAISE EXCEPTION 'who acts for another manages no agents'
            USING ERRCODE = '42501', HINT = 'The user does it, or an administrator.';
    -- Whichever it names: whether there is such an agent is nothing for one to learn.
    ELSIF NOT EXISTS (SELECT FROM warden.known_users u WHERE u.id = me AND u.kind IN ('human', 'service')) THEN
        RAISE EXCEPTION 'agents and visitors manage no agents'
            USING ERRCODE = '42501', HINT = 'Owners are people and services.';
    END IF;
    RETURN me;
END
$$;

COMMENT ON FUNCTION warden.require_agents_owner() IS
    'The signed-in user, who may own agents and acts himself. Errors: 28000 for nobody; 42501 for an agent, a visitor, and who acts for another. Not callable by clients.';

-- Of an agent whose owner departs. What it was let read was another's to give.
CREATE FUNCTION warden.move_agents(source uuid, target uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved bigint;
BEGIN
    UPDATE warden.agents a
    SET owner_id = move_agents.target, capabilities = '{}',
        name = CASE WHEN EXISTS (
                    SELECT FROM warden.agents t WHERE t.owner_id = move_agents.target AND t.name = a.name AND t.status <> 'revoked')
               THEN left(a.name, 63) || ' ' || a.user_id ELSE a.name END
    WHERE a.owner_id = move_agents.source AND a.user_id <> move_agents.target;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;

COMMENT ON FUNCTION warden.move_agents(uuid, uuid) IS
    'Gives the agents of a user to another one, without their capabilities; one whose name the other''s have already has its id added. Returns how many.';

CREATE FUNCTION warden.forget_agents() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.agents a WHERE a.user_id = OLD.id;
    UPDATE warden.agents a SET status = 'revoked', status_changed_at = clock_timestamp()
    WHERE a.owner_id = OLD.id AND a.status <> 'revoked';
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_agents() IS
    'Trigger of the users: what was registered of an agent goes with it, and agents of a user that is deleted for good are revoked.';

CREATE TRIGGER forget_agents AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_agents();
