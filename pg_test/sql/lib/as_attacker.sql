-- Connects as the client role in a fresh backend, where the library is not loaded, and says first that this is an
-- ordinary login: what a superuser or an owner is shown proves nothing.
\connect - app
SELECT t.ok(
    NOT r.rolsuper AND NOT r.rolbypassrls AND NOT r.rolcreaterole AND current_user = session_user
    AND NOT EXISTS (SELECT FROM pg_class c WHERE pg_has_role(c.relowner, 'MEMBER'))
    AND row_security_active('documents'),
    'the attacker is an ordinary login that owns no table')
FROM pg_roles r WHERE r.rolname = current_user;
