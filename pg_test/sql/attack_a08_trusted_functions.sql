-- A8 and F12: stating an identity is for trusted roles; a client gets to it neither itself, nor through a function of its
-- own, nor through a definer function of a trusted role, nor by EXECUTE that somebody granted.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
GRANT CREATE ON SCHEMA public TO app, gateway;
\ir lib/as_attacker.sql

SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'set_current_user by a client');
SELECT t.refused('SELECT warden.set_current_external_user(''alice'')', '42501', 'set_current_external_user by a client');
CREATE FUNCTION app_sets(id uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS 'SELECT warden.set_current_user(id)';
SELECT t.refused(format('SELECT app_sets(%L)', :'alice'), '42501', 'through a definer function of the client''s');

\connect - gateway
CREATE FUNCTION gateway_sets(id uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS 'SELECT warden.set_current_user(id)';
GRANT EXECUTE ON FUNCTION gateway_sets(uuid) TO PUBLIC;
BEGIN;
SELECT t.is(gateway_sets(:'alice'), :'alice'::uuid, 'the gateway may, through its own function');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and sees what alice sees');
COMMIT;
BEGIN;
SELECT t.is(warden.set_current_user(:'alice'), :'alice'::uuid, 'and directly');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'with the same result');
COMMIT;
SELECT t.is(seen(), NULL, 'until the transaction ends');

\connect - app
SELECT t.refused(format('SELECT gateway_sets(%L)', :'alice'), '42501', 'a client through a definer function of the gateway',
    'was not added as a trusted role');
SELECT t.is(seen(), NULL, 'nobody');

-- F12: after SET ROLE it is the role in force that counts, in both directions.
\connect - postgres
CREATE ROLE attack_a08_lesser;
GRANT attack_a08_lesser TO gateway;
GRANT SELECT ON documents TO attack_a08_lesser;
GRANT EXECUTE ON FUNCTION warden.set_current_user(uuid, uuid, inet) TO attack_a08_lesser;
\connect - gateway
BEGIN;
SET LOCAL ROLE attack_a08_lesser;
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'a trusted role that has become another', 'was not added as');
SELECT t.refused(format('SELECT gateway_sets(%L)', :'alice'), '42501', 'also through its own function');
RESET ROLE;
SELECT t.is(warden.set_current_user(:'alice'), :'alice'::uuid, 'itself again, it may');
SET LOCAL ROLE attack_a08_lesser;
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and the identity stays when it becomes the other');
COMMIT;
\connect - postgres
DROP OWNED BY attack_a08_lesser;
DROP ROLE attack_a08_lesser;

-- EXECUTE alone is not enough: the caller is looked up.
\connect - postgres
GRANT EXECUTE ON FUNCTION warden.set_current_device(text, uuid, inet), warden.set_current_user(uuid, uuid, inet), warden.set_current_external_user(text, uuid, inet),
    warden.trust_issuer(text, text, text[], text[], text, text, jsonb, interval, boolean, boolean, text),
    warden.set_issuer_keys(text, text), warden.distrust_issuer(text), warden.explain_token(text) TO app;
\connect - app
SELECT t.refused(statement, '42501', 'with EXECUTE granted by mistake: ' || left(statement, 50), 'was not added as')
FROM (VALUES
    (format('SELECT warden.set_current_user(%L)', :'alice')), ('SELECT warden.set_current_external_user(''alice'')'), ('SELECT warden.set_current_device(''alice'')'),
    (format('SELECT warden.trust_issuer(''https://evil.example.com'', %L, ''{api}'')', :'jwks')),
    (format('SELECT warden.set_issuer_keys(%L, %L)', :'issuer', :'next_jwks')),
    (format('SELECT warden.distrust_issuer(%L)', :'issuer')),
    (format('SELECT * FROM warden.explain_token(%L)', :'alice_token'))) AS s (statement);

-- A refused call is no failed authentication: it said nothing about a token.
BEGIN;
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'refused, beside a token');
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'which counts');
COMMIT;

-- A trusted role that is no longer one, a role dropped and made again.
\connect - postgres
SELECT warden.remove_database_role('gateway');
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'a role that was removed');
\connect - postgres
CREATE ROLE attack_a08_second LOGIN;
SELECT warden.add_trusted_role('attack_a08_second');
DROP OWNED BY attack_a08_second;
DROP ROLE attack_a08_second;
CREATE ROLE attack_a08_second LOGIN;
GRANT EXECUTE ON FUNCTION warden.set_current_user(uuid, uuid, inet) TO attack_a08_second;
\connect - attack_a08_second
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '42501', 'a role of the same name, made anew');
\connect - postgres
DROP OWNED BY attack_a08_second;
DROP ROLE attack_a08_second;
SELECT t.done();
