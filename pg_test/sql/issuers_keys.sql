-- set_issuer_keys: a key role rotates keys and can do nothing else; an unchanged set changes nothing, an unusable one is
-- refused and the old keys stay.
\ir lib/cast.sql
SELECT warden.add_key_role('keymaster'), warden.add_admin_role('boss');
CREATE TABLE bad AS SELECT b.key AS name, b.value AS jwks FROM jsonb_each_text(:'bad_key_sets') AS b;
GRANT SELECT ON bad TO keymaster;
CREATE FUNCTION generation() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS 'SELECT generation FROM warden.trusted_issuers';
CREATE FUNCTION kids() RETURNS text LANGUAGE sql SECURITY DEFINER AS
    'SELECT string_agg(kid, '','' ORDER BY position) FROM warden.issuer_keys';
SELECT generation() AS first_generation \gset

\connect - keymaster
SELECT t.is(warden.set_issuer_keys(:'issuer', :'jwks'), false, 'the same set');
SELECT t.is(warden.set_issuer_keys(:'issuer', :'jwks'::jsonb::text), false, 'the same set, printed otherwise');
SELECT t.is(generation(), :'first_generation'::uuid, 'changes nothing, so that no cache is emptied');
SELECT t.refused(format('SELECT warden.set_issuer_keys(%L, %L)', :'issuer', jwks), '22023', name) FROM bad;
SELECT t.refused(format('SELECT warden.set_issuer_keys(%L, NULL)', :'issuer'), '22023', 'no set');
SELECT t.refused(format('SELECT warden.set_issuer_keys(%L, %L)', issuer, :'next_jwks'), 'P0002', 'not trusted: ' || issuer)
FROM (VALUES ('https://evil.example.com'), (:'issuer' || '/'), (upper(:'issuer')), (''), (' ')) AS i (issuer);
SELECT t.refused(format('SELECT warden.set_issuer_keys(NULL, %L)', :'next_jwks'), 'P0002', 'no issuer');
SELECT t.is(kids(), 'ed,rs,es', 'the keys are what they were');
SELECT t.is(generation(), :'first_generation'::uuid, 'the generation, too');

SELECT t.is(warden.set_issuer_keys(:'issuer', :'jwks_and_next'), true, 'another set');
SELECT t.is(kids(), 'ed,rs,es,next', 'is in force');
SELECT t.isnt(generation(), :'first_generation'::uuid, 'and a new generation');
SELECT t.is(warden.set_issuer_keys(:'issuer', :'next_jwks'), true, 'the old keys go');
SELECT t.is(kids(), 'next', 'and the new one stays');

-- Nothing else.
SELECT t.refused(statement, '42501', left(statement, 60))
FROM (VALUES (format('SELECT warden.trust_issuer(%L, %L, ''{api}'')', :'issuer', :'jwks')), (format('SELECT warden.distrust_issuer(%L)', :'issuer')),
    ('SELECT * FROM warden.issuers'), ('SELECT * FROM warden.issuer_keys'), (format('SELECT warden.authenticate(%L)', :'alice_token')),
    (format('SELECT warden.verify_token(%L)', :'alice_token')), (format('SELECT * FROM warden.explain_token(%L)', :'alice_token')),
    (format('SELECT warden.set_current_user(%L)', :'alice')), ('SELECT warden.create_user()'), ('SELECT * FROM documents'),
    ('SELECT warden.record_event(''x'')')) AS s (statement);

\connect - boss
SELECT t.is(kids::text, '{next}', 'an admin role sees the kids') FROM warden.issuers;
SELECT t.ok(keys_age >= '0' AND keys_age < '1 hour', 'and how old the keys are') FROM warden.issuers;
SELECT t.is(warden.set_issuer_keys(:'issuer', :'jwks'), true, 'and may rotate them');
SELECT t.is(string_agg(database_role, ',' ORDER BY id), 'keymaster,keymaster,boss', 'each change has its record') FROM warden.audit_log WHERE action = 'set_issuer_keys';
SELECT t.is(detail, '{"kids": ["next"], "kids_before": ["ed", "rs", "es", "next"]}', 'with the kids') FROM warden.audit_log
WHERE action = 'set_issuer_keys' ORDER BY id OFFSET 1 LIMIT 1;
\connect - app
SELECT t.refused(format('SELECT warden.set_issuer_keys(%L, %L)', :'issuer', :'next_jwks'), '42501', 'a client does not');
SELECT t.done();
