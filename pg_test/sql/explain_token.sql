-- N12: explain_token names, for an administrator, the very check that a token fails; all checks passed means that
-- authenticate accepts. It changes nothing.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
CREATE TABLE offered AS
SELECT r->>'attack' AS attack, r->>'check' AS "check", r->>'reason' AS reason, r->>'token' AS token
FROM jsonb_array_elements(:'refused_tokens') AS r;
CREATE TABLE good AS SELECT g.key AS name, g.value AS token FROM jsonb_each_text(:'accepted_tokens') AS g;
GRANT SELECT ON offered, good TO PUBLIC;

\connect - boss
SELECT t.is(e.found, o."check" || ': ' || o.reason, o.attack)
FROM offered o CROSS JOIN LATERAL (
    SELECT string_agg(x."check" || ': ' || split_part(x.detail, ':', 1), '; ') FILTER (WHERE NOT x.passed) AS found
    FROM warden.explain_token(o.token) AS x) AS e
ORDER BY o.attack;
SELECT t.ok(e.stops, 'nothing is checked after the first failure: ' || o.attack)
FROM offered o CROSS JOIN LATERAL (
    SELECT (array_agg(x.passed))[count(*)] = false AND count(*) FILTER (WHERE NOT x.passed) = 1 AS stops
    FROM warden.explain_token(o.token) AS x) AS e
WHERE NOT e.stops;
SELECT t.is(e.checks, 'format, trusted_issuer, key, signature, claims, issuer, audience, required_claims, expiry, not_before, issued_at, user', 'good: ' || g.name)
FROM good g CROSS JOIN LATERAL (
    SELECT string_agg(x."check", ', ') FILTER (WHERE x.passed) AS checks FROM warden.explain_token(g.token) AS x) AS e;
SELECT t.ok(count(*) = 0, 'explain_token writes nothing') FROM warden.audit_log WHERE action NOT IN ('trust_issuer', 'create_user', 'add_client_role', 'add_admin_role');
SELECT t.ok(warden.identity() IS NULL, 'and signs nobody in');
SELECT t.is(string_agg("check" || passed, ','), 'formatfalse', 'NULL') FROM warden.explain_token(NULL);

-- The user behind the token.
\connect - postgres
SELECT warden.set_user_status(:'mallory', 'suspended');
\connect - boss
SELECT t.is("check" || ': ' || detail, 'user: user not active', 'a suspended user') FROM warden.explain_token(:'mallory_token') WHERE NOT passed;
\connect - postgres
UPDATE warden.users SET status = 'active', tokens_valid_after = now() + interval '1 minute' WHERE id = :'mallory';
\connect - boss
SELECT t.is("check" || ': ' || detail, 'user: issued before tokens valid after', 'a token from before') FROM warden.explain_token(:'mallory_token') WHERE NOT passed;
\connect - postgres
SELECT warden.link_identity(:'mallory', :'other_issuer', 'm');
\connect - boss
SELECT t.is("check" || ': ' || detail, 'user: user of another issuer', 'another issuer''s user') FROM warden.explain_token(:'mallory_token') WHERE NOT passed;

\connect - app
SELECT t.refused(format('SELECT * FROM warden.explain_token(%L)', :'tampered_token'), '42501', 'a client is told nothing');
\connect - keymaster
SELECT t.refused(format('SELECT * FROM warden.explain_token(%L)', :'tampered_token'), '42501', 'nor anybody else');
SELECT t.done();
