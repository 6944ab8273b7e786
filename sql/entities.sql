-- Rules about named entities: allow and deny for users and roles, of the entity or of its parents. What they decide
-- together is in src/entity_rules.rs, and asked of these tables by src/entities.rs.

CREATE TABLE warden.entities (
    entity_type text COLLATE "C" NOT NULL CHECK (entity_type ~ '^[a-z][a-z0-9_.-]{0,62}$'),
    entity_id text COLLATE "C" NOT NULL CHECK (entity_id <> '' AND length(entity_id) <= 255 AND entity_id !~ '[[:cntrl:]]'),
    default_included boolean NOT NULL DEFAULT false,
    declared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity_type, entity_id)
);

COMMENT ON TABLE warden.entities IS
    'What rules can be about: an agent, a tool, a workspace of the application, by the name that it has there. One that is not here is open to nobody.';
COMMENT ON COLUMN warden.entities.default_included IS 'Whether it is open where no rule decides.';

CREATE TABLE warden.entity_parents (
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    parent_type text COLLATE "C" NOT NULL,
    parent_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (entity_type, entity_id, parent_type, parent_id)
);

CREATE INDEX entity_parents_parent_idx ON warden.entity_parents (parent_type, parent_id);

COMMENT ON TABLE warden.entity_parents IS
    'Whose rules decide about an entity that has none of its own. Never in a circle.';

CREATE TABLE warden.entity_rules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    user_id uuid,
    role text COLLATE "C",
    access text NOT NULL CHECK (access IN ('allow', 'deny')),
    justification text NOT NULL CHECK (justification <> '' AND length(justification) <= 1000),
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(user_id, role) = 1),
    -- One rule of an entity about a user, and one about a role.
    CONSTRAINT entity_rules_user_key UNIQUE (entity_type, entity_id, user_id),
    CONSTRAINT entity_rules_role_key UNIQUE (entity_type, entity_id, role)
);

-- What goes with a user.
CREATE INDEX entity_rules_user_id_idx ON warden.entity_rules (user_id) WHERE user_id IS NOT NULL;

COMMENT ON TABLE warden.entity_rules IS
    'Who may and who may not: a rule about one user, or about everybody with a role.';

SELECT pg_extension_config_dump('warden.entities', '');
SELECT pg_extension_config_dump('warden.entity_parents', '');
SELECT pg_extension_config_dump('warden.entity_rules', '');

CREATE FUNCTION warden.forget_entity_rules() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.entity_rules r WHERE r.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_entity_rules() IS
    'Trigger of the users: the rules about a user that is deleted for good go with it.';

CREATE TRIGGER forget_entity_rules AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_entity_rules();

-- A type that has no rules yet costs a look at one index; STABLE, so that a policy may have it.
CREATE FUNCTION warden.entity_allowed(entity_type text, entity_id text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'entity_allowed_wrapper';

COMMENT ON FUNCTION warden.entity_allowed(text, text) IS
    'Whether the entity is open to the signed-in user by the rules about it; explain_entity() says why. False for nobody, for an entity that was not declared, and where it is denied to who acts for the user. For policies too (allow()). Errors: 28000 where the identity has expired.';

CREATE FUNCTION warden.decide_entity_for_me(entity_type text, entity_id text)
RETURNS TABLE (allowed boolean, reason text, rule_id uuid)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'decide_entity_for_me_wrapper';

COMMENT ON FUNCTION warden.decide_entity_for_me(text, text) IS
    'As entity_allowed(), with the reason and the rule that decided. No row for nobody. Not callable by clients.';

CREATE FUNCTION warden.decide_entity(entity_type text, entity_id text, user_id uuid, roles text[])
RETURNS TABLE (allowed boolean, reason text, rule_id uuid)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'decide_entity_wrapper';

COMMENT ON FUNCTION warden.decide_entity(text, text, uuid, text[]) IS
    'As decide_entity_for_me(), for a user with these roles. Not callable by clients.';

CREATE FUNCTION warden.explain_entity(entity_type text, entity_id text, user_id uuid DEFAULT NULL) RETURNS TABLE (
    allowed boolean, reason text, rule_entity_type text, rule_entity_id text, rule_user_id uuid, rule_role text, justification text
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant uuid := warden.require_user_meant(explain_entity.user_id);
    decision record;
BEGIN
    IF meant = (warden.identity() ->> 'user_id')::uuid THEN
        SELECT d.* INTO decision FROM warden.decide_entity_for_me(explain_entity.entity_type, explain_entity.entity_id) AS d;
    ELSE
        SELECT d.* INTO decision
        FROM warden.known_users u
        CROSS JOIN LATERAL warden.decide_entity(coalesce(explain_entity.entity_type, ''), coalesce(explain_entity.entity_id, ''), u.id, warden.roles_left(u.id, NULL)) AS d
        WHERE u.id = meant;
        -- An agent is never more than its owner.
        IF decision.allowed AND EXISTS (SELECT FROM warden.agents a WHERE a.user_id = meant) THEN
            SELECT d.allowed, CASE WHEN d.allowed THEN decision.reason ELSE 'owner_not_allowed' END AS reason,
                   CASE WHEN d.allowed THEN decision.rule_id ELSE d.rule_id END AS rule_id
            INTO decision
            FROM warden.agents a JOIN warden.users o ON o.id = a.owner_id
            CROSS JOIN LATERAL warden.decide_entity(coalesce(explain_entity.entity_type, ''), coalesce(explain_entity.entity_id, ''), o.id, o.roles) AS d
            WHERE a.user_id = meant;
        END IF;
    END IF;
    allowed := decision.allowed;
    reason := decision.reason;
    -- Who is concerned learns what was decided; the rules are the administrators'.
    IF warden.client_administers() THEN
        SELECT r.entity_type, r.entity_id, r.user_id, r.role, r.justification
        INTO rule_entity_type, rule_entity_id, rule_user_id, rule_role, justification
        FROM warden.entity_rules r WHERE r.id = decision.rule_id;
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.explain_entity(text, text, uuid) IS
    'Whether the entity is open to a user, and why: user_deny, user_allow, role_deny or role_allow, the same with parent_ where a rule of a parent decides, default_included, not_assigned, unknown_entity, actor_deny where it is denied to who acts for the user, and owner_not_allowed where the user is an agent whose owner does not have it. user_id: NULL for oneself; an administrator names anybody, whose roles everywhere then count, of an agent those that its owner has too. Administrators also see the rule that decided. Errors: 28000 for nobody, 22023 for an administrator who names nobody, P0002 for an unknown user, and for another than oneself.';
