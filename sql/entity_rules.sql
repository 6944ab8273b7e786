-- Declaring entities, their parents and the rules about them: for administrators.

CREATE FUNCTION warden.require_entity(entity_type text, entity_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Held, so that nobody removes it while something is written about it.
    PERFORM FROM warden.entities e
    WHERE e.entity_type = require_entity.entity_type AND e.entity_id = require_entity.entity_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entity not found' USING ERRCODE = 'P0002', HINT = 'warden.declare_entity() declares one.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_entity(text, text) IS 'Raises P0002 for an entity that was not declared.';

CREATE FUNCTION warden.entities_below(entity_type text, entity_id text) RETURNS TABLE (entity_type text, entity_id text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE below AS (
        SELECT entities_below.entity_type COLLATE "C" AS entity_type, entities_below.entity_id COLLATE "C" AS entity_id
        UNION
        SELECT p.entity_type, p.entity_id FROM warden.entity_parents p
        JOIN below b ON p.parent_type = b.entity_type AND p.parent_id = b.entity_id
    )
    SELECT b.entity_type, b.entity_id FROM below b;
END;

COMMENT ON FUNCTION warden.entities_below(text, text) IS
    'The entity and all about which its rules may decide: its children, and theirs.';

-- As an array of texts, to be compared before and after a change.
CREATE FUNCTION warden.entities_open_to(person uuid, entity_type text, entity_id text) RETURNS text[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(b.entity_type || ':' || b.entity_id), '{}')
    FROM warden.users u
    CROSS JOIN warden.entities_below(entities_open_to.entity_type, entities_open_to.entity_id) AS b
    CROSS JOIN LATERAL warden.decide_entity(b.entity_type, b.entity_id, u.id, u.roles) AS d
    WHERE u.id = entities_open_to.person AND d.allowed
$$;

COMMENT ON FUNCTION warden.entities_open_to(uuid, text, text) IS
    'Of the entity and all below it, those that are open to a person. Empty for NULL.';

CREATE FUNCTION warden.require_no_gain(entity_type text, entity_id text, before text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person uuid := warden.acting_person();
BEGIN
    IF person IS NULL OR EXISTS (SELECT FROM warden.users u WHERE u.id = person AND 'owner' = ANY (u.roles))
        OR warden.entities_open_to(person, require_no_gain.entity_type, require_no_gain.entity_id) <@ require_no_gain.before THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'the acting user would open it to himself'
        USING ERRCODE = '42501', HINT = 'Have somebody else do it: nobody lifts what keeps him out, unless he is an owner.';
END
$$;

COMMENT ON FUNCTION warden.require_no_gain(text, text, text[]) IS
    'Raises 42501 where a person acts, no owner, to whom the entity or one below it is open now and was not before.';

CREATE FUNCTION warden.declare_entity(entity_type text, entity_id text, default_included boolean DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
    is_new boolean;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_grant('{}', '{}');
    IF (declare_entity.entity_type ~ '^[a-z][a-z0-9_.-]{0,62}$') IS NOT TRUE THEN
        RAISE EXCEPTION 'this is no type of entities'
            USING ERRCODE = '22023', HINT = 'Use lower-case letters, digits and _.-, beginning with a letter, at most 63.';
    ELSIF (declare_entity.entity_id <> '' AND length(declare_entity.entity_id) <= 255 AND declare_entity.entity_id !~ '[[:cntrl:]]') IS NOT TRUE THEN
        RAISE EXCEPTION 'this is no id of an entity' USING ERRCODE = '22023', HINT = 'Pass 1 to 255 characters without control characters.';
    END IF;
    before := warden.entities_open_to(warden.acting_person(), declare_entity.entity_type, declare_entity.entity_id);
    INSERT INTO warden.entities AS e (entity_type, entity_id, default_included)
    VALUES (declare_entity.entity_type, declare_entity.entity_id, coalesce(declare_entity.default_included, false))
    ON CONFLICT ON CONSTRAINT entities_pkey DO UPDATE SET default_included = declare_entity.default_included
    WHERE e.default_included <> declare_entity.default_included
    RETURNING e.xmax = 0 INTO is_new;
    IF is_new IS NULL THEN
        RETURN false;
    ELSIF NOT is_new THEN
        PERFORM warden.require_no_gain(declare_entity.entity_type, declare_entity.entity_id, before);
    END IF;
    PERFORM warden.write_audit('declare_entity', declare_entity.entity_type || ':' || declare_entity.entity_id,
        jsonb_build_object('default_included', coalesce(declare_entity.default_included, false)));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.declare_entity(text, text, boolean) IS
    'Makes an entity known by its type and its id in the application, or says anew whether it is open where no rule decides. default_included: NULL for what it was, and false for a new one. Returns false where nothing changed. For superusers and admin roles. Errors: 22023 for what is no type or id; 42501, also where a person acts to whom it would open.';

CREATE FUNCTION warden.remove_entity(entity_type text, entity_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed jsonb;
BEGIN
    PERFORM warden.require_administrator();
    -- What is declared anew has none of the rules that kept somebody out.
    PERFORM warden.require_may_grant('{}', CASE WHEN EXISTS (
        SELECT FROM warden.entity_rules r
        WHERE r.entity_type = remove_entity.entity_type AND r.entity_id = remove_entity.entity_id AND r.access = 'deny')
        THEN '{owner}'::text[] ELSE '{}' END);
    PERFORM FROM warden.entities e
    WHERE e.entity_type = remove_entity.entity_type AND e.entity_id = remove_entity.entity_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF EXISTS (SELECT FROM warden.entity_parents p
                  WHERE p.parent_type = remove_entity.entity_type AND p.parent_id = remove_entity.entity_id) THEN
        RAISE EXCEPTION 'other entities have this one as a parent'
            USING ERRCODE = '55000', HINT = 'warden.remove_entity_parent() first: what it denies would be open otherwise.';
    END IF;
    WITH gone AS (
        DELETE FROM warden.entity_rules r
        WHERE r.entity_type = remove_entity.entity_type AND r.entity_id = remove_entity.entity_id RETURNING r.*
    )
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('user_id', g.user_id, 'role', g.role, 'access', g.access))) INTO removed FROM gone g;
    DELETE FROM warden.entity_parents p WHERE p.entity_type = remove_entity.entity_type AND p.entity_id = remove_entity.entity_id;
    DELETE FROM warden.entities e WHERE e.entity_type = remove_entity.entity_type AND e.entity_id = remove_entity.entity_id;
    PERFORM warden.write_audit('remove_entity', remove_entity.entity_type || ':' || remove_entity.entity_id,
        jsonb_build_object('rules', coalesce(removed, '[]')));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.remove_entity(text, text) IS
    'Forgets an entity with the rules about it: it is open to nobody then. Returns false for an unknown one. For superusers and admin roles. Errors: 55000 while it is a parent of others; 42501, also where a person acts who is no owner and it has a rule that denies.';

CREATE FUNCTION warden.add_entity_parent(entity_type text, entity_id text, parent_type text, parent_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_grant('{}', '{}');
    PERFORM warden.require_entity(add_entity_parent.entity_type, add_entity_parent.entity_id);
    PERFORM warden.require_entity(add_entity_parent.parent_type, add_entity_parent.parent_id);
    -- Of two that would close a circle together the second sees the first. Nobody who asks waits for this.
    LOCK TABLE warden.entity_parents IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM warden.entities_below(add_entity_parent.entity_type, add_entity_parent.entity_id) AS b
               WHERE b.entity_type = add_entity_parent.parent_type AND b.entity_id = add_entity_parent.parent_id) THEN
        RAISE EXCEPTION 'an entity cannot be below itself'
            USING ERRCODE = '22023', HINT = 'The parent is the entity itself, or one of those below it.';
    END IF;
    before := warden.entities_open_to(warden.acting_person(), add_entity_parent.entity_type, add_entity_parent.entity_id);
    INSERT INTO warden.entity_parents (entity_type, entity_id, parent_type, parent_id)
    VALUES (add_entity_parent.entity_type, add_entity_parent.entity_id, add_entity_parent.parent_type, add_entity_parent.parent_id)
    ON CONFLICT ON CONSTRAINT entity_parents_pkey DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.require_no_gain(add_entity_parent.entity_type, add_entity_parent.entity_id, before);
    PERFORM warden.write_audit('add_entity_parent', add_entity_parent.entity_type || ':' || add_entity_parent.entity_id,
        jsonb_build_object('parent', add_entity_parent.parent_type || ':' || add_entity_parent.parent_id));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.add_entity_parent(text, text, text, text) IS
    'Puts an entity below another one, whose rules decide where it has none of its own; it may have several parents. Returns false where it is there already. For superusers and admin roles. Errors: P0002 for an entity that was not declared; 22023 for a circle; 42501, also where a person acts to whom something would open.';

CREATE FUNCTION warden.remove_entity_parent(entity_type text, entity_id text, parent_type text, parent_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_grant('{}', '{}');
    before := warden.entities_open_to(warden.acting_person(), remove_entity_parent.entity_type, remove_entity_parent.entity_id);
    DELETE FROM warden.entity_parents p
    WHERE p.entity_type = remove_entity_parent.entity_type AND p.entity_id = remove_entity_parent.entity_id
      AND p.parent_type = remove_entity_parent.parent_type AND p.parent_id = remove_entity_parent.parent_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.require_no_gain(remove_entity_parent.entity_type, remove_entity_parent.entity_id, before);
    PERFORM warden.write_audit('remove_entity_parent', remove_entity_parent.entity_type || ':' || remove_entity_parent.entity_id,
        jsonb_build_object('parent', remove_entity_parent.parent_type || ':' || remove_entity_parent.parent_id));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.remove_entity_parent(text, text, text, text) IS
    'Takes an entity out from below another one. Returns false where it was not there. For superusers and admin roles. Errors: 42501, also where a person acts to whom something would open.';

CREATE FUNCTION warden.require_rule_holder(user_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF num_nonnulls(require_rule_holder.user_id, require_rule_holder.role) <> 1 THEN
        RAISE EXCEPTION 'a rule is about one user or one role' USING ERRCODE = '22023', HINT = 'Pass user_id or role.';
    ELSIF require_rule_holder.role IS NOT NULL THEN
        PERFORM warden.require_role_name(require_rule_holder.role);
        PERFORM warden.require_may_grant('{}', ARRAY[require_rule_holder.role]);
    ELSE
        PERFORM warden.require_may_manage(require_rule_holder.user_id);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_rule_holder(uuid, text) IS
    'Raises 22023 unless one of both is given, and for an unknown role; 42501 where a person acts who does not hold all that the user does, or that comes with the role.';

CREATE FUNCTION warden.set_entity_rule(
    entity_type text, entity_id text, access text, justification text, user_id uuid DEFAULT NULL, role text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
    was text;
BEGIN
    PERFORM warden.require_administrator();
    IF set_entity_rule.access IS NULL OR set_entity_rule.access NOT IN ('allow', 'deny') THEN
        RAISE EXCEPTION 'a rule allows or denies' USING ERRCODE = '22023', HINT = 'Pass allow or deny.';
    ELSIF coalesce(set_entity_rule.justification, '') ~ '^[[:space:]]*$' OR length(set_entity_rule.justification) > 1000 THEN
        RAISE EXCEPTION 'a rule needs a justification' USING ERRCODE = '22023', HINT = 'Say why, in at most 1000 characters.';
    END IF;
    PERFORM warden.require_rule_holder(set_entity_rule.user_id, set_entity_rule.role);
    PERFORM warden.require_entity(set_entity_rule.entity_type, set_entity_rule.entity_id);
    IF set_entity_rule.user_id IS NOT NULL THEN
        -- Held, so that the rule goes with a user who is deleted meanwhile.
        PERFORM FROM warden.users u WHERE u.id = set_entity_rule.user_id AND u.status <> 'deleted' FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        END IF;
    END IF;
    before := warden.entities_open_to(warden.acting_person(), set_entity_rule.entity_type, set_entity_rule.entity_id);
    SELECT r.access INTO was FROM warden.entity_rules r
    WHERE r.entity_type = set_entity_rule.entity_type AND r.entity_id = set_entity_rule.entity_id
      AND r.user_id IS NOT DISTINCT FROM set_entity_rule.user_id AND r.role IS NOT DISTINCT FROM set_entity_rule.role;
    IF set_entity_rule.user_id IS NOT NULL THEN
        INSERT INTO warden.entity_rules AS r (entity_type, entity_id, user_id, access, justification)
        VALUES (set_entity_rule.entity_type, set_entity_rule.entity_id, set_entity_rule.user_id, set_entity_rule.access, set_entity_rule.justification)
        ON CONFLICT ON CONSTRAINT entity_rules_user_key
        DO UPDATE SET access = excluded.access, justification = excluded.justification, set_at = excluded.set_at
        WHERE (r.access, r.justification) <> (excluded.access, excluded.justification);
    ELSE
        INSERT INTO warden.entity_rules AS r (entity_type, entity_id, role, access, justification)
        VALUES (set_entity_rule.entity_type, set_entity_rule.entity_id, set_entity_rule.role, set_entity_rule.access, set_entity_rule.justification)
        ON CONFLICT ON CONSTRAINT entity_rules_role_key
        DO UPDATE SET access = excluded.access, justification = excluded.justification, set_at = excluded.set_at
        WHERE (r.access, r.justification) <> (excluded.access, excluded.justification);
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.require_no_gain(set_entity_rule.entity_type, set_entity_rule.entity_id, before);
    PERFORM warden.write_audit('set_entity_rule', set_entity_rule.entity_type || ':' || set_entity_rule.entity_id,
        jsonb_strip_nulls(jsonb_build_object('user_id', set_entity_rule.user_id, 'role', set_entity_rule.role, 'from', was,
            'to', set_entity_rule.access, 'justification', set_entity_rule.justification)));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_entity_rule(text, text, text, text, uuid, text) IS
    'Says that a user, or everybody with a role, may or may not; felt by the next statement. access: allow or deny; justification: why, kept beside the rule; user_id or role: about whom, one of both, of whom an entity has one rule each. Returns false where nothing changed. For superusers and admin roles. Errors: 22023 for an unusable argument or an unknown role; P0002 for an entity that was not declared, and for an unknown or deleted user; 42501, also where a person acts who does not hold all that the user does, or that comes with the role, or to whom something would open.';

CREATE FUNCTION warden.remove_entity_rule(entity_type text, entity_id text, user_id uuid DEFAULT NULL, role text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
    was text;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_rule_holder(remove_entity_rule.user_id, remove_entity_rule.role);
    before := warden.entities_open_to(warden.acting_person(), remove_entity_rule.entity_type, remove_entity_rule.entity_id);
    DELETE FROM warden.entity_rules r
    WHERE r.entity_type = remove_entity_rule.entity_type AND r.entity_id = remove_entity_rule.entity_id
      AND r.user_id IS NOT DISTINCT FROM remove_entity_rule.user_id AND r.role IS NOT DISTINCT FROM remove_entity_rule.role
    RETURNING r.access INTO was;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM warden.require_no_gain(remove_entity_rule.entity_type, remove_entity_rule.entity_id, before);
    PERFORM warden.write_audit('remove_entity_rule', remove_entity_rule.entity_type || ':' || remove_entity_rule.entity_id,
        jsonb_strip_nulls(jsonb_build_object('user_id', remove_entity_rule.user_id, 'role', remove_entity_rule.role, 'from', was)));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.remove_entity_rule(text, text, uuid, text) IS
    'Takes a rule back; felt by the next statement. An entity whose last rule goes asks its parents again. Returns false where there is none. For superusers and admin roles. Errors: as set_entity_rule().';

CREATE TYPE warden.listed_entity AS (
    entity_type text, entity_id text, default_included boolean, parents text[], rules bigint, declared_at timestamptz, total bigint
);

COMMENT ON TYPE warden.listed_entity IS
    'A line of list_entities(); rules: how many set_entity_rule() has made for it; total: how many match on all pages.';

CREATE FUNCTION warden.list_entities(entity_type text DEFAULT NULL, page_size int DEFAULT 20, skip int DEFAULT 0)
RETURNS SETOF warden.listed_entity
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_page(list_entities.page_size, list_entities.skip);
    RETURN QUERY
    SELECT e.entity_type, e.entity_id, e.default_included,
        array(SELECT p.parent_type || ':' || p.parent_id FROM warden.entity_parents p
              WHERE p.entity_type = e.entity_type AND p.entity_id = e.entity_id ORDER BY 1),
        (SELECT count(*) FROM warden.entity_rules r WHERE r.entity_type = e.entity_type AND r.entity_id = e.entity_id),
        e.declared_at,
        (SELECT count(*) FROM warden.entities a WHERE a.entity_type = coalesce(list_entities.entity_type, a.entity_type))
    FROM warden.entities e
    WHERE e.entity_type = coalesce(list_entities.entity_type, e.entity_type)
    ORDER BY e.entity_type, e.entity_id
    LIMIT list_entities.page_size OFFSET list_entities.skip;
END
$$;

COMMENT ON FUNCTION warden.list_entities(text, int, int) IS
    'A page of the entities, of a type where one is given, by their names, with how many rules are about each. page_size: 1 to 100; skip: how many to leave out; total: how many there are on all pages. For superusers and admin roles. Errors: 42501; 22023 for a page size out of bounds or a negative skip.';

CREATE TYPE warden.listed_entity_rule AS (
    entity_type text, entity_id text, user_id uuid, role text, access text, justification text, set_at timestamptz, total bigint
);

COMMENT ON TYPE warden.listed_entity_rule IS
    'A line of list_entity_rules(); user_id, role: whom the rule is about, one of them; total: how many match on all pages.';

CREATE FUNCTION warden.list_entity_rules(
    entity_type text DEFAULT NULL, entity_id text DEFAULT NULL, user_id uuid DEFAULT NULL, role text DEFAULT NULL,
    page_size int DEFAULT 20, skip int DEFAULT 0
) RETURNS SETOF warden.listed_entity_rule
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_page(list_entity_rules.page_size, list_entity_rules.skip);
    RETURN QUERY
    SELECT r.entity_type, r.entity_id, r.user_id, r.role, r.access, r.justification, r.set_at, count(*) OVER ()
    FROM warden.entity_rules r
    WHERE (list_entity_rules.entity_type IS NULL OR r.entity_type = list_entity_rules.entity_type)
      AND (list_entity_rules.entity_id IS NULL OR r.entity_id = list_entity_rules.entity_id)
      AND (list_entity_rules.user_id IS NULL OR r.user_id = list_entity_rules.user_id)
      AND (list_entity_rules.role IS NULL OR r.role = list_entity_rules.role)
    ORDER BY r.entity_type, r.entity_id, r.role NULLS FIRST, r.user_id
    LIMIT list_entity_rules.page_size OFFSET list_entity_rules.skip;
END
$$;

COMMENT ON FUNCTION warden.list_entity_rules(text, text, uuid, text, int, int) IS
    'A page of the rules, of an entity, a type, a user or a role where one is given. page_size: 1 to 100; skip: how many to leave out; total: how many match on all pages. For superusers and admin roles. Errors: 42501; 22023 for a page size out of bounds or a negative skip.';
