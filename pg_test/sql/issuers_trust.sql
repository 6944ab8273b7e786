-- trust_issuer: what cannot be used is refused with a reason and a hint, and changes nothing; what real issuers publish is
-- accepted; called again it replaces what it said.
\ir lib/cast.sql
CREATE TABLE bad AS SELECT b.key AS name, b.value AS jwks FROM jsonb_each_text(:'bad_key_sets') AS b;
CREATE TABLE before AS SELECT i.* FROM warden.trusted_issuers i;
CREATE FUNCTION refused(call text, name text, pattern text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error jsonb := t.error(call);
BEGIN
    RETURN t.ok(coalesce(error->>'sqlstate' = '22023' AND error->>'message' ~ pattern AND error->>'hint' <> ''
        AND error->>'message' ~ '^[^A-Z]' AND error->>'message' !~ '\.$', false), name, error::text);
END $$;

-- Key sets.
SELECT refused(format('SELECT warden.trust_issuer(''https://new.example.com'', %L, ''{api}'')', jwks), name) FROM bad;
SELECT refused(format('SELECT warden.trust_issuer(%L, %L, ''{api}'')', :'issuer', jwks), 'for a trusted issuer: ' || name) FROM bad;
SELECT refused('SELECT warden.trust_issuer(''https://new.example.com'', NULL, ''{api}'')', 'no key set');
-- No error shows any of a key.
SELECT t.is(string_agg(name, ', '), NULL, 'no error shows what is in a key')
FROM bad, LATERAL t.error(format('SELECT warden.trust_issuer(''https://new.example.com'', %L, ''{api}'')', jwks)) AS e
WHERE EXISTS (SELECT FROM regexp_matches(jwks, '"(?:d|k|p|q|n|x)": *"([^"]{12,})"', 'g') AS m (secret)
    WHERE position(left(m.secret[1], 12) IN (e - 'context')::text) > 0);

-- Rules.
SELECT refused(format('SELECT warden.trust_issuer(%s)', replace(arguments, '{jwks}', quote_literal(:'jwks'))), name, pattern)
FROM (VALUES
    ('no issuer', 'NULL, {jwks}, ''{api}''', 'issuer'),
    ('an empty issuer', ''''', {jwks}, ''{api}''', 'issuer'),
    ('neither audiences nor required claims', '''i'', {jwks}', 'audiences or required claims'),
    ('no audiences and empty required claims', '''i'', {jwks}, NULL, required_claims => ''{}''', 'audiences or required claims'),
    ('an empty list of audiences', '''i'', {jwks}, ''{}''', 'audiences'),
    ('an empty audience', '''i'', {jwks}, ''{""}''', 'audience'),
    ('a null audience', '''i'', {jwks}, ''{api,NULL}''', 'audiences contains a null'),
    ('an unknown algorithm', '''i'', {jwks}, ''{api}'', ''{RS257}''', 'unknown algorithm'),
    ('the algorithm none', '''i'', {jwks}, ''{api}'', ''{none}''', 'unknown algorithm'),
    ('an algorithm in lower case', '''i'', {jwks}, ''{api}'', ''{eddsa}''', 'unknown algorithm'),
    ('no algorithm', '''i'', {jwks}, ''{api}'', ''{}''', 'empty'),
    ('algorithms that fit no key', '''i'', {jwks}, ''{api}'', ''{PS512}''', ''),
    ('an empty subject claim', '''i'', {jwks}, ''{api}'', subject_claim => ''''', 'subject claim'),
    ('a subject that is an email', '''i'', {jwks}, ''{api}'', subject_is => ''email''', 'subject_is'),
    ('an empty subject_is', '''i'', {jwks}, ''{api}'', subject_is => ''''', 'subject_is'),
    ('required claims that are a list', '''i'', {jwks}, ''{api}'', required_claims => ''["azp"]''', 'not an object'),
    ('a required claim of null', '''i'', {jwks}, NULL, required_claims => ''{"azp": null}''', 'azp'),
    ('a required claim of an empty list', '''i'', {jwks}, NULL, required_claims => ''{"azp": []}''', 'azp'),
    ('a required claim of numbers', '''i'', {jwks}, NULL, required_claims => ''{"azp": [1]}''', 'azp'),
    ('a leeway of 301 seconds', '''i'', {jwks}, ''{api}'', leeway => ''301 s''', 'leeway'),
    ('a negative leeway', '''i'', {jwks}, ''{api}'', leeway => ''-1 s''', 'leeway'),
    ('a leeway of a day', '''i'', {jwks}, ''{api}'', leeway => ''1 day''', 'leeway'),
    ('a leeway of a month', '''i'', {jwks}, ''{api}'', leeway => ''1 month''', 'leeway'),
    ('a leeway of half a second', '''i'', {jwks}, ''{api}'', leeway => ''0.5 s''', 'leeway')
) AS r (name, arguments, pattern);
SELECT t.is(count(*), 1, 'no refusal has added an issuer') FROM warden.trusted_issuers;
SELECT t.is(count(*), 0, 'or changed one') FROM (TABLE before EXCEPT TABLE warden.trusted_issuers) AS d;
SELECT t.is(array_agg(kid ORDER BY position)::text, '{ed,rs,es}', 'or its keys') FROM warden.issuer_keys;
SELECT t.is(count(*), 1, 'or is in the audit log') FROM warden.audit_log WHERE action = 'trust_issuer';

-- What can be used.
SELECT t.is(warden.trust_issuer('i', :'jwks', NULL, required_claims => '{"azp": ["web", "app"], "verified": true}'), 3, 'required claims for audiences');
SELECT t.is(warden.trust_issuer('i', :'jwks', '{api}', leeway => '0 s'), 3, 'no leeway');
SELECT t.is(warden.trust_issuer('i', :'jwks', '{api}', leeway => '5 min'), 3, 'five minutes of it');
SELECT t.is(warden.trust_issuer('i', :'jwks', '{api}', '{EdDSA,ES256}'), 2, 'the keys of two algorithms');
SELECT t.is(warden.trust_issuer('i', :'mixed_jwks', '{api}'), 1, 'a set with keys for encryption and of an unknown type: the usable one');
SELECT t.is(warden.trust_issuer('i', :'every_jwks', '{api}', NULL, NULL, NULL, NULL, NULL, NULL), 12, 'NULL is the default');
SELECT t.is(to_jsonb(i) - 'trusted_at' - 'keys_age' - 'kids', '{"issuer": "i", "audiences": ["api"], "algorithms": null, "subject_claim": "sub",
    "subject_is": "user_id", "required_claims": {}, "leeway": "00:00:30", "provision": false, "link_verified_email": false, "address_claim": null}', 'the view shows the rules')
FROM warden.issuers i WHERE issuer = 'i';
SELECT t.is(cardinality(kids), 12, 'and the kids') FROM warden.issuers WHERE issuer = 'i';
SELECT t.is(string_agg(column_name, ', '), NULL, 'and no key') FROM information_schema.columns
WHERE table_schema = 'warden' AND table_name = 'issuers' AND column_name ~ 'jwk|secret|^keys$';
SELECT t.is(warden.distrust_issuer('i'), true, 'distrusted');
SELECT t.is(warden.distrust_issuer('i'), false, 'once');
SELECT t.is(count(*), 0, 'its keys are gone') FROM warden.issuer_keys WHERE issuer = 'i';

-- Administrators only.
\connect - mallory_login
SELECT t.refused('SELECT warden.trust_issuer(''i'', ''{}'')', '42501', 'not for anybody');
SELECT t.done();
