-- A11: verification keys that the client brings: by a setting, in the token's header, from another issuer, by a kid that is
-- more than a name. (Each header and kid also stands in attack_e_tokens.sql.)
\ir lib/cast.sql
SELECT warden.trust_issuer(:'other_issuer', :'other_jwks', '{api}');
CREATE TABLE offered (attack text, token text);
INSERT INTO offered SELECT r->>'attack', r->>'token' FROM jsonb_array_elements(:'refused_tokens') AS r
WHERE r->>'attack' LIKE 'A11%' OR r->>'attack' LIKE 'E1 the header has%' OR r->>'attack' = 'E1 a key of somebody''s own';
GRANT SELECT ON offered TO PUBLIC;
\ir lib/as_attacker.sql

SELECT t.ok(count(*) >= 15, 'there is something to try') FROM offered;
-- Each in a transaction of its own: after the first failure there is no second attempt.
SELECT format('SELECT t.refused(%L, %L, %L)', format('SELECT warden.authenticate(%L)', token), '28000', attack) FROM offered \gexec

-- There is no setting for keys or issuers, and no new one can be made.
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.refused(format('SET %s = %L', name, :'other_jwks'), '42602', 'SET ' || name)
FROM (VALUES ('warden.jwks'), ('warden.jwk'), ('warden.issuer'), ('warden.signing_key')) AS s (name);
SELECT t.is(string_agg(name, ', ' ORDER BY name),
    'warden.access_token_lifetime, warden.address_header, warden.admin_role, warden.allow_identity_switch, warden.error_style, warden.evict_sessions, warden.exchange_lifetime, warden.identity, warden.max_act_as_age, warden.max_identity_age, warden.max_sessions, warden.missing_identity, warden.password_iterations, warden.password_memory, warden.password_parallelism, warden.seal, warden.session_idle_timeout, warden.session_lifetime',
    'the settings there are') FROM pg_settings WHERE name LIKE 'warden.%' AND name <> 'warden.watch_action';

-- The other issuer's key signs for the other issuer, and for it alone.
BEGIN;
SELECT t.is(warden.authenticate(:'other_alice_token'), :'alice'::uuid, 'the other issuer''s own token is good');
COMMIT;
\set forged `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"iss": "https://other.example.com"}'`
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'forged'), '28000', 'the first issuer''s key under the other''s name');
ROLLBACK;
SELECT t.done();
