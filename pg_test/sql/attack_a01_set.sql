-- N1, A1: SET, SET LOCAL, RESET and set_config of every sealed setting in a backend that has the library, as nobody and as
-- somebody else.
\ir lib/cast.sql

CREATE FUNCTION attempts(victim text, forged text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format(form, name, value)
    FROM (VALUES
        ('app.current_user_id', victim), ('app.current_tenant_id', victim), ('app.current_session_id', 's'),
        ('app.current_scopes', 'admin'), ('app.current_actor_id', victim),
        ('warden.identity', forged), ('warden.identity', victim), ('warden.identity', ''),
        ('warden.allow_identity_switch', 'on'), ('warden.max_identity_age', '86400'), ('warden.session_lifetime', '1000d'), ('warden.max_sessions', '0'), ('warden.password_memory', '8MB'), ('warden.password_iterations', '1'), ('warden.exchange_lifetime', '30d'), ('warden.max_act_as_age', '1d'), ('warden.address_header', 'x')
    ) AS settings (name, value)
    CROSS JOIN (VALUES
        ('SET %s = %L'), ('SET SESSION %s TO %L'), ('SET LOCAL %s = %L'),
        ('SELECT set_config(%L, %L, false)'), ('SELECT set_config(%L, %L, true)'),
        ('UPDATE pg_settings SET setting = %2$L WHERE name = %1$L')
    ) AS forms (form)
$$;
\ir lib/as_attacker.sql
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');

SELECT t.refused(attempt, '42501', 'nobody: ' || left(attempt, 60)) FROM attempts(:'alice', 'x') AS attempt;
SELECT t.is(seen(), NULL, 'nobody is still nobody');

BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT replace(current_setting('warden.identity'), :'bob', :'alice') AS forged \gset
SELECT t.refused(attempt, '42501', 'bob: ' || left(attempt, 60)) FROM attempts(:'alice', :'forged') AS attempt;
SELECT t.is(seen(), 'bob 1, bob 2', 'bob is still bob');

-- The seal cannot be set or reset by anybody after the connection has begun.
SELECT t.refused(statement, '55P02', statement)
FROM (VALUES ('SET warden.seal = 1'), ('SET LOCAL warden.seal = 0'), ('RESET warden.seal'),
    ('SET warden.seal = DEFAULT'), ('SELECT set_config(''warden.seal'', ''1'', true)'),
    ('SELECT set_config(''warden.seal'', NULL, true)')) AS statements (statement);

-- Taking an identity away is no forgery; each leaves nobody, or is refused.
SELECT t.refused('RESET warden.identity', '42501', 'RESET of the identity');
SELECT t.refused('RESET app.current_user_id', '42501', 'RESET of a mirror');
SELECT t.is(seen(), 'bob 1, bob 2', 'bob is bob after all of it');
COMMIT;
SELECT t.is(seen(), NULL, 'and nobody after COMMIT');

-- What is not ours is not sealed.
BEGIN;
SET LOCAL app.my_own_setting = 'x';
SELECT t.is(current_setting('app.my_own_setting'), 'x', 'the application keeps its other settings under app');
SELECT t.refused('SET warden.my_own_setting = 1', '42602', 'nobody keeps any under warden');
COMMIT;
SELECT t.done();
