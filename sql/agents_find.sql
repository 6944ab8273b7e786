-- Reading agents: one's own, or as an administrator anybody's.

CREATE TYPE warden.listed_agent AS (
    agent_id uuid, owner_id uuid, name text, status text, is_active boolean, scopes text[], requested_scopes text[],
    capabilities text[], registered_at timestamptz, status_changed_at timestamptz
);

COMMENT ON TYPE warden.listed_agent IS
    'A line of list_agents(); is_active: whether it would be let in, which needs its user and its owner to be active as well; scopes: what it is granted, of which it holds what its owner holds.';

CREATE FUNCTION warden.list_agents(
    owner_id uuid DEFAULT NULL, status text DEFAULT NULL, page_size int DEFAULT 100, after_agent uuid DEFAULT NULL
) RETURNS SETOF warden.listed_agent
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody boolean := list_agents.owner_id IS NULL AND warden.client_administers();
    meant uuid;
    -- Where the page before ended.
    last_seen timestamptz := 'infinity';
BEGIN
    PERFORM warden.require_page_size(list_agents.page_size);
    IF list_agents.status NOT IN ('pending', 'active', 'suspended', 'revoked', 'rejected') THEN
        RAISE EXCEPTION 'unknown status of an agent'
            USING ERRCODE = '22023', HINT = 'An agent is pending, active, suspended, revoked or rejected.';
    END IF;
    IF NOT everybody THEN
        meant := warden.user_meant(list_agents.owner_id);
        IF meant IS NULL THEN
            RETURN;
        END IF;
    END IF;
    IF list_agents.after_agent IS NOT NULL THEN
        SELECT a.registered_at INTO last_seen FROM warden.agents a
        WHERE a.user_id = list_agents.after_agent AND (meant IS NULL OR a.owner_id = meant);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'agent not found'
                USING ERRCODE = 'P0002', HINT = 'Pass the id of the last agent of the page before as after_agent.';
        END IF;
    END IF;
    RETURN QUERY
    SELECT a.user_id, a.owner_id, a.name, a.status, warden.may_act(a.user_id), u.scopes, a.requested, a.capabilities,
           a.registered_at, a.status_changed_at
    FROM warden.agents a JOIN warden.users u ON u.id = a.user_id
    WHERE (meant IS NULL OR a.owner_id = meant)
      AND (list_agents.status IS NULL OR a.status = list_agents.status)
      AND u.status <> 'deleted'
      AND (a.registered_at, a.user_id)
          < (last_seen, coalesce(list_agents.after_agent, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY a.registered_at DESC, a.user_id DESC
    LIMIT list_agents.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_agents(uuid, text, int, uuid) IS
    'A page of agents, the latest registered first. owner_id: NULL for one''s own; an administrator names an owner, or with NULL lists everybody''s. status: only these; page_size: 1 to 100; after_agent: the last id of the page before. No rows for nobody, and for another owner as for an unknown one. Errors: 22023 for an unusable page size or an unknown status, P0002 for an unknown after_agent.';
