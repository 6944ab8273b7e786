-- Making agents: by their owner, or by an administrator.

COMMENT ON FUNCTION warden.scope_beyond(uuid, text[]) IS
    'The first of the scopes that a user does not hold by its roles and alone, or that is not known; NULL where it holds all of them. Not callable by clients.';

-- A hundred at a time: a client that makes them in a loop is stopped.
CREATE FUNCTION warden.add_agent(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'owner_id';
    agent_id uuid := coalesce((arguments ->> 'agent_id')::uuid, gen_random_uuid());
    granted text[] := array(SELECT DISTINCT s.scope COLLATE "C" FROM jsonb_array_elements_text(arguments -> 'scopes') AS s (scope) ORDER BY 1);
    owner warden.users;
BEGIN
    -- Of two that are made at once as the last that may, the second waits for the first.
    SELECT u.* INTO owner FROM warden.users u WHERE u.id = owner_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'unknown_owner');
    ELSIF owner.kind NOT IN ('human', 'service') THEN
        RETURN jsonb_build_object('error', 'unfit_owner');
    ELSIF arguments ? 'credential' AND NOT warden.is_credential_good(owner_id, arguments -> 'credential') THEN
        RETURN jsonb_build_object('error', 'signed_out');
    -- And a thousand with those that are revoked, which stay for the record.
    ELSIF (SELECT count(*) FILTER (WHERE a.status <> 'revoked') >= 100 OR count(*) >= 1000
           FROM warden.agents a WHERE a.owner_id = owner.id) THEN
        RETURN jsonb_build_object('error', 'too_many_agents');
    ELSIF EXISTS (SELECT FROM warden.agents a
                  WHERE a.owner_id = owner.id AND a.name = arguments ->> 'name' AND a.status <> 'revoked') THEN
        RETURN jsonb_build_object('error', 'name_taken');
    END IF;
    -- One that create_user() has made of this kind, or a new one. Without a role: what it holds, it was granted alone.
    UPDATE warden.users u SET roles = '{}', scopes = granted, updated_at = clock_timestamp()
    WHERE u.id = agent_id AND u.kind = 'agent' AND u.status <> 'deleted'
      AND NOT EXISTS (SELECT FROM warden.agents a WHERE a.user_id = u.id);
    IF NOT FOUND THEN
        INSERT INTO warden.users (id, external_id, kind, roles, scopes, display_name)
        VALUES (agent_id, arguments ->> 'external_id', 'agent', '{}', granted, arguments ->> 'name')
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'id_taken');
        END IF;
    END IF;
    INSERT INTO warden.agents (user_id, owner_id, name, status, requested)
    VALUES (agent_id, owner.id, arguments ->> 'name', arguments ->> 'status', granted);
    PERFORM warden.write_audit('register_agent', agent_id::text, jsonb_build_object(
        'owner_id', owner.id, 'name', arguments ->> 'name', 'status', arguments ->> 'status', 'scopes', granted));
    RETURN jsonb_build_object('agent_id', agent_id);
END
$$;

COMMENT ON FUNCTION warden.add_agent(jsonb) IS
    'Task: makes an agent of owner_id with name, status and scopes, and of an administrator''s choice agent_id and external_id; credential: of the client that does it. Answers its agent_id, or an error: unknown_owner, unfit_owner, signed_out, too_many_agents, name_taken, id_taken.';

CREATE FUNCTION warden.register_agent(
    name text,
    owner_id uuid DEFAULT NULL,
    scopes text[] DEFAULT NULL,
    pending boolean DEFAULT false,
    external_id text DEFAULT NULL,
    agent_id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    owner uuid;
    granted text[];
    beyond text;
    arguments jsonb;
    answer jsonb;
BEGIN
    IF NOT warden.is_label(register_agent.name) THEN
        RAISE EXCEPTION 'name of the agent is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 100 characters without control characters.';
    ELSIF register_agent.scopes IS NOT NULL THEN
        PERFORM warden.require_known_scopes(register_agent.scopes);
    END IF;
    IF administers THEN
        owner := warden.user_meant(register_agent.owner_id);
        IF owner IS NULL THEN
            RAISE EXCEPTION 'no owner given' USING ERRCODE = '22023', HINT = 'Pass the id of a user as owner_id.';
        END IF;
        PERFORM warden.require_user_fields(register_agent.external_id, NULL, NULL, 'agent', NULL, NULL);
        PERFORM warden.require_may_manage(owner);
        granted := coalesce(register_agent.scopes, warden.scopes_of_user(owner));
        -- Of an unknown owner the task says so.
        IF EXISTS (SELECT FROM warden.known_users u WHERE u.id = owner) THEN
            beyond := warden.scope_beyond(owner, granted);
        END IF;
    ELSE
        owner := warden.require_agents_owner();
        IF register_agent.owner_id <> owner THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        -- By such an id it would get rows that are there already.
        ELSIF num_nonnulls(register_agent.external_id, register_agent.agent_id) > 0 THEN
            RAISE EXCEPTION 'only administrators choose the id of an agent'
                USING ERRCODE = '42501', HINT = 'Leave external_id and agent_id out.';
        END IF;
        -- What names the owner or the tenant itself is the owner's.
        granted := coalesce(register_agent.scopes, array(
            SELECT s.scope FROM unnest(warden.current_scopes()) AS s (scope)
            WHERE s.scope !~ ':[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'));
        SELECT s.scope INTO beyond FROM unnest(granted) AS s (scope) WHERE NOT warden.has_scope(s.scope) LIMIT 1;
    END IF;
    IF beyond IS NOT NULL THEN
        RAISE EXCEPTION 'scope "%" is more than the owner holds', beyond
            USING ERRCODE = '42501', HINT = 'Ask for fewer scopes; without any the agent gets those of its owner.';
    END IF;

    arguments := jsonb_build_object('owner_id', owner, 'name', register_agent.name, 'scopes', to_jsonb(granted),
        'status', CASE WHEN register_agent.pending THEN 'pending' ELSE 'active' END,
        'external_id', register_agent.external_id, 'agent_id', register_agent.agent_id);
    IF administers THEN
        answer := warden.add_agent(arguments);
    ELSE
        answer := warden.autonomously_signed_in('add_agent', arguments);
    END IF;
    CASE answer ->> 'error'
        WHEN 'unknown_owner' THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        WHEN 'unfit_owner' THEN
            RAISE EXCEPTION 'this user owns no agents'
                USING ERRCODE = '22023', HINT = 'Owners are people and services.';
        WHEN 'too_many_agents' THEN
            RAISE EXCEPTION 'too many agents'
                USING ERRCODE = '53400', HINT = 'A user has at most 100 at a time, and 1000 with those that are revoked: revoke those that are not in use, or have some erased.';
        WHEN 'name_taken' THEN
            RAISE EXCEPTION 'the owner has an agent with this name' USING ERRCODE = '23505', HINT = 'Choose another name.';
        WHEN 'id_taken' THEN
            RAISE EXCEPTION 'a user with this id or external id exists' USING ERRCODE = '23505', HINT = 'Choose another one.';
        ELSE
            RETURN (answer ->> 'agent_id')::uuid;
    END CASE;
END
$$;

COMMENT ON FUNCTION warden.register_agent(text, uuid, text[], boolean, text, uuid) IS
    'Registers an agent, a user of its own that is never more than its owner, and returns its id. name: one agent''s of this owner; owner_id: the signed-in user for NULL, an administrator names any person or service; scopes: what it asks for and is granted, none that the owner lacks, NULL for all that the owner has (for an administrator: that it has everywhere); pending: whether it waits to be approved by set_agent_status(); external_id, agent_id: how tokens of another issuer name it, or a user of kind agent that create_user() has made; for administrators. A client''s call is not undone by a rollback. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 22023 for an unusable argument or an unknown scope; 42501 for a scope beyond the owner''s, for an agent or a visitor, for who acts for another, and where a person administers who holds less than the owner; P0002 for an unknown owner and for another than oneself; 23505 where name, id or external id is taken; 53400 for more than 100 that are not revoked, or 1000 in all.';
