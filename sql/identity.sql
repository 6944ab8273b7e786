-- The functions that policies and defaults call. Their signatures never change: policies depend on them.

CREATE FUNCTION warden.current_user_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_current_user_id';

COMMENT ON FUNCTION warden.current_user_id() IS
    'The user this transaction acts for, or NULL for nobody. Errors: 28000 where the identity has expired, and for nobody where warden.missing_identity = error.';

CREATE FUNCTION warden.current_tenant_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_current_tenant_id';

COMMENT ON FUNCTION warden.current_tenant_id() IS
    'The tenant this transaction acts in, or NULL. Errors: as current_user_id().';

CREATE FUNCTION warden.current_external_id() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_current_external_id';

COMMENT ON FUNCTION warden.current_external_id() IS
    'The application''s own name for the user (users.external_id), or the user''s id as text where it has none; NULL for nobody. Errors: as current_user_id().';

CREATE FUNCTION warden.current_external_number() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_current_external_number';

COMMENT ON FUNCTION warden.current_external_number() IS
    'users.external_id as a number, where it is a canonical decimal from 1 to 9223372036854775807 (07, +7 and 0 are nobody''s); NULL otherwise. Errors: as current_user_id().';

-- Policies of tables that are protected with a capability call these, in SELECT alone.

CREATE FUNCTION warden.lending_user_id(capability text) RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_lending_user_id';

COMMENT ON FUNCTION warden.lending_user_id(text) IS
    'The owner of the agent that this transaction acts for, where the agent has the capability; NULL for everybody else. Errors: as current_user_id().';

CREATE FUNCTION warden.lending_external_id(capability text) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_lending_external_id';

COMMENT ON FUNCTION warden.lending_external_id(text) IS
    'As lending_user_id(): what current_external_id() would be for the owner. Errors: as current_user_id().';

CREATE FUNCTION warden.lending_external_number(capability text) RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'warden_lending_external_number';

COMMENT ON FUNCTION warden.lending_external_number(text) IS
    'As lending_user_id(): what current_external_number() would be for the owner. Errors: as current_user_id().';

COMMENT ON FUNCTION warden.current_session_id() IS
    'The session that the token names (claim session_id or sid), or NULL. Errors: 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.current_actor_id() IS
    'Who acts: the user itself, or the user that acts on its behalf (claim act, RFC 8693 section 4.1); NULL for nobody. Errors: 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.current_roles() IS
    'The user''s roles in the directory when it was authenticated, and those in the tenant that the transaction acts in; empty for nobody. Errors: 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.current_scopes() IS
    'The scopes that this transaction holds, each by its name: of those that the user''s roles and grants cover, the ones that its client and its token cover too, and user:<id> and tenant:<id> of the identity itself. It is what has_scope() and policies ask. Empty for nobody. Errors: 28000 where the identity has expired.';
COMMENT ON FUNCTION warden.identity() IS
    'The whole identity as one object (user_id, external_id, tenant_id, session_id, actor_id, roles, scopes, expires_at), or NULL for nobody. Errors: 28000 where the identity has expired.';
