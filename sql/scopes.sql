-- What a role may do, and what a user may do beyond: scopes, as data.

-- A role that ships has a row that is never changed; what define_role() says of it is a row beside, which counts
-- instead. So a dump holds what was said here, and a restore brings it into a database that ships the rest anew.
CREATE TABLE warden.roles (
    role text COLLATE "C" NOT NULL CHECK (role ~ '^[a-z][a-z0-9_-]{0,62}$'),
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    shipped boolean NOT NULL DEFAULT false,
    PRIMARY KEY (role, shipped)
);

COMMENT ON TABLE warden.roles IS
    'The roles that users may have, with the scopes of each. The row that ships with the extension counts where there is no other.';

INSERT INTO warden.roles (role, scopes, shipped) VALUES
    ('anonymous', '{anonymous}', true),
    ('viewer', '{user,agents:read}', true),
    ('user', '{user,agents:read,tools:execute}', true),
    ('admin', '{user,agents:read,tools:execute,admin}', true),
    ('owner', '{user,agents:read,tools:execute,admin,billing,users:manage}', true);

SELECT pg_extension_config_dump('warden.roles', 'WHERE NOT shipped');

CREATE FUNCTION warden.scopes_of_roles(roles text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope), '{}')
    FROM warden.roles r CROSS JOIN LATERAL unnest(r.scopes) AS s (scope)
    WHERE r.role = ANY (scopes_of_roles.roles)
      AND (NOT r.shipped OR NOT EXISTS (SELECT FROM warden.roles o WHERE o.role = r.role AND NOT o.shipped));
END;

COMMENT ON FUNCTION warden.scopes_of_roles(text[]) IS
    'The scopes that the roles hold together; none for a role that does not exist.';

CREATE FUNCTION warden.scopes_of_user(user_id uuid) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope), '{}')
    FROM warden.users u CROSS JOIN LATERAL unnest(warden.scopes_of_roles(u.roles) || u.scopes) AS s (scope)
    WHERE u.id = scopes_of_user.user_id AND u.status = 'active';
END;

COMMENT ON FUNCTION warden.scopes_of_user(uuid) IS
    'The scopes that a user holds: those of its roles, and its own. Empty for a user that is unknown or not active.';
