-- What becomes of agents: their status, their scopes, what they may read of their owner.

-- Of another owner's agent it finds nothing, as of an unknown one, and waits for nobody.
CREATE FUNCTION warden.change_agent(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    agent_id uuid := arguments ->> 'agent_id';
    caller_id uuid := arguments ->> 'owner_id';
    agent warden.agents;
    before text[];
    after text[];
    detail jsonb;
BEGIN
    IF arguments ? 'credential' AND NOT warden.is_credential_good(caller_id, arguments -> 'credential') THEN
        RETURN jsonb_build_object('error', 'signed_out');
    ELSIF NOT EXISTS (SELECT FROM warden.agents a WHERE a.user_id = agent_id AND a.owner_id = coalesce(caller_id, a.owner_id)) THEN
        RETURN jsonb_build_object('error', 'agent_not_found');
    END IF;
    -- The user before what is registered of it, as whoever erases both does.
    SELECT u.scopes INTO before FROM warden.users u WHERE u.id = agent_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF FOUND THEN
        SELECT a.* INTO agent FROM warden.agents a
        WHERE a.user_id = agent_id AND a.owner_id = coalesce(caller_id, a.owner_id) FOR NO KEY UPDATE;
    END IF;
    IF agent.user_id IS NULL THEN
        RETURN jsonb_build_object('error', 'agent_not_found');
    END IF;

    CASE arguments ->> 'action'
    WHEN 'set_agent_status' THEN
        IF agent.status = arguments ->> 'status' THEN
            RETURN jsonb_build_object('changed', false);
        ELSIF NOT warden.agent_may_become(agent.status, arguments ->> 'status') THEN
            RETURN jsonb_build_object('error', 'wrong_transition', 'from', agent.status);
        END IF;
        UPDATE warden.agents a SET status = arguments ->> 'status', status_changed_at = clock_timestamp() WHERE a.user_id = agent_id;
        detail := jsonb_build_object('from', agent.status, 'to', arguments ->> 'status');
        IF arguments ->> 'status' = 'revoked' THEN
            UPDATE warden.api_keys k SET revoked_at = clock_timestamp() WHERE k.user_id = agent_id AND k.revoked_at IS NULL;
            PERFORM warden.end_sessions_of(agent_id, 'revoked');
        END IF;
    WHEN 'set_agent_scopes' THEN
        after := array(SELECT DISTINCT s.scope COLLATE "C" FROM jsonb_array_elements_text(arguments -> 'scopes') AS s (scope) ORDER BY 1);
        -- What an administrator has granted besides stays, unless it is left out.
        IF NOT after <@ (agent.requested || before) THEN
            RETURN jsonb_build_object('error', 'not_requested');
        ELSIF after <@ before AND before <@ after THEN
            RETURN jsonb_build_object('changed', false);
        -- Of what it had the caller need not have more by now.
        ELSIF EXISTS (SELECT FROM jsonb_array_elements_text(arguments -> 'withheld') AS w (scope) WHERE w.scope = ANY (after) AND w.scope <> ALL (before)) THEN
            RETURN jsonb_build_object('error', 'scope_not_held');
        END IF;
        UPDATE warden.users u SET scopes = after, updated_at = clock_timestamp() WHERE u.id = agent_id;
        detail := jsonb_build_object('from', before, 'to', after);
    WHEN 'set_agent_capability' THEN
        after := array_remove(agent.capabilities, arguments ->> 'capability');
        IF (arguments ->> 'enabled')::boolean THEN
            after := after || (arguments ->> 'capability');
        END IF;
        IF after <@ agent.capabilities AND agent.capabilities <@ after THEN
            RETURN jsonb_build_object('changed', false);
        ELSIF cardinality(after) > 100 THEN
            RETURN jsonb_build_object('error', 'too_many_capabilities');
        END IF;
        UPDATE warden.agents a SET capabilities = after WHERE a.user_id = agent_id;
        detail := jsonb_build_object('capability', arguments ->> 'capability', 'enabled', arguments -> 'enabled');
    END CASE;
    PERFORM warden.write_audit(arguments ->> 'action', agent_id::text, jsonb_build_object('owner_id', agent.owner_id) || detail);
    RETURN jsonb_build_object('changed', true);
END
$$;

COMMENT ON FUNCTION warden.change_agent(jsonb) IS
    'Task: changes agent_id, by an action of the name of the function: status; scopes, with those that the caller cannot give (withheld); capability and enabled. owner_id: of the client that does it, with its credential; absent for an administrator. Answers changed, or an error: signed_out, agent_not_found, wrong_transition, not_requested, scope_not_held, too_many_capabilities.';

CREATE FUNCTION warden.change_agent_as_caller(agent_id uuid, action text, change jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments jsonb := change || jsonb_build_object('agent_id', change_agent_as_caller.agent_id, 'action', change_agent_as_caller.action);
    owner_id uuid;
    answer jsonb;
BEGIN
    IF warden.client_administers() THEN
        SELECT a.owner_id INTO owner_id FROM warden.agents a WHERE a.user_id = change_agent_as_caller.agent_id;
        PERFORM warden.require_may_manage(owner_id), warden.require_may_manage(change_agent_as_caller.agent_id);
        IF change ? 'scopes' THEN
            arguments := arguments || jsonb_build_object('withheld', array(
                SELECT s.scope FROM jsonb_array_elements_text(change -> 'scopes') AS s (scope)
                WHERE warden.scope_beyond(owner_id, ARRAY[s.scope]) IS NOT NULL));
        END IF;
        answer := warden.change_agent(arguments);
    ELSE
        owner_id := warden.require_agents_owner();
        IF change ? 'scopes' THEN
            arguments := arguments || jsonb_build_object('withheld', array(
                SELECT s.scope FROM jsonb_array_elements_text(change -> 'scopes') AS s (scope)
                WHERE CASE WHEN s.scope ~ '[*]$' THEN true ELSE NOT warden.has_scope(s.scope) END));
        END IF;
        answer := warden.autonomously_signed_in('change_agent', arguments || jsonb_build_object('owner_id', owner_id));
    END IF;
    CASE answer ->> 'error'
        WHEN 'agent_not_found' THEN
            RAISE EXCEPTION 'agent not found' USING ERRCODE = 'P0002';
        WHEN 'wrong_transition' THEN
            RAISE EXCEPTION 'an agent that is % does not become %', answer ->> 'from', change ->> 'status'
                USING ERRCODE = '55000', HINT = CASE WHEN answer ->> 'from' = 'revoked' THEN 'Register another one.'
                    ELSE 'See the comment on warden.set_agent_status().' END;
        WHEN 'not_requested' THEN
            RAISE EXCEPTION 'a scope that the agent has not asked for'
                USING ERRCODE = '42501', HINT = 'It was registered with those that it may be granted: see warden.list_agents().';
        WHEN 'scope_not_held' THEN
            RAISE EXCEPTION 'a scope that the owner does not hold'
                USING ERRCODE = '42501', HINT = 'An agent is never more than its owner.';
        WHEN 'too_many_capabilities' THEN
            RAISE EXCEPTION 'too many capabilities'
                USING ERRCODE = '53400', HINT = 'An agent has at most 100.';
        ELSE
            RETURN (answer ->> 'changed')::boolean;
    END CASE;
END
$$;

COMMENT ON FUNCTION warden.change_agent_as_caller(uuid, text, jsonb) IS
    'What the set_agent_… functions share. Not callable by clients.';

CREATE FUNCTION warden.set_agent_status(agent_id uuid, status text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF set_agent_status.status IS NULL
        OR set_agent_status.status NOT IN ('pending', 'active', 'suspended', 'revoked', 'rejected') THEN
        RAISE EXCEPTION 'unknown status of an agent'
            USING ERRCODE = '22023', HINT = 'An agent is pending, active, suspended, revoked or rejected.';
    END IF;
    RETURN warden.change_agent_as_caller(set_agent_status.agent_id, 'set_agent_status',
        jsonb_build_object('status', set_agent_status.status));
END
$$;

COMMENT ON FUNCTION warden.set_agent_status(uuid, text) IS
    'Changes the status of an agent, felt by its next transaction; only an active one is let in. From pending to active or rejected; from rejected to pending; from active to suspended and back; from each of them to revoked, which is final: its API keys and sessions end with it. Returns false where it has that status. For its owner, for whom it is committed at once, and for superusers and admin roles; what an administrator wants to last where the owner does not, is set_user_status(). Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 22023 for an unknown status; P0002 for an unknown agent and for another''s; 42501 for an agent or a visitor, for who acts for another, and where a person administers who holds less than the owner; 55000 for any other change.';

CREATE FUNCTION warden.set_agent_scopes(agent_id uuid, scopes text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_known_scopes(set_agent_scopes.scopes);
    RETURN warden.change_agent_as_caller(set_agent_scopes.agent_id, 'set_agent_scopes',
        jsonb_build_object('scopes', to_jsonb(set_agent_scopes.scopes)));
END
$$;

COMMENT ON FUNCTION warden.set_agent_scopes(uuid, text[]) IS
    'Says which scopes an agent is granted, of those that it has asked for; {} for none. Felt by its next transaction, in which it holds of them what its owner holds. Returns false where they are those it has. For its owner, for whom it is committed at once, and for superusers and admin roles. Errors: as set_agent_status(); 22023 for an unknown scope, 42501 for one that it has not asked for, and for one that it did not have and the owner does not hold.';

CREATE FUNCTION warden.set_agent_capability(agent_id uuid, capability text, enabled boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (set_agent_capability.capability ~ '^[a-z][a-z0-9_]{0,62}$') IS NOT TRUE THEN
        RAISE EXCEPTION 'name of the capability is not usable'
            USING ERRCODE = '22023', HINT = 'Use lower-case letters, digits and underscores, at most 63, and a letter first: can_read_user_memory.';
    ELSIF set_agent_capability.enabled IS NULL THEN
        RAISE EXCEPTION 'enabled is missing' USING ERRCODE = '22023', HINT = 'Pass true or false.';
    END IF;
    RETURN warden.change_agent_as_caller(set_agent_capability.agent_id, 'set_agent_capability',
        jsonb_build_object('capability', set_agent_capability.capability, 'enabled', set_agent_capability.enabled));
END
$$;

COMMENT ON FUNCTION warden.set_agent_capability(uuid, text, boolean) IS
    'Lets an agent read the rows of its owner in every table that is protected with this capability (protect(capability => …)), or no more; felt by its next transaction. It reads the rows of no other user, and writes none. Returns false where it was so. For its owner, for whom it is committed at once, and for superusers and admin roles; never for the agent. Errors: as set_agent_status(); 22023 for an unusable name or a missing enabled, 53400 for more than 100.';
