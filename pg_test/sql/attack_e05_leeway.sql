-- E3 and E5: the leeway in both directions, of 60 seconds: a token that expired 20 seconds ago is good and one of
-- 61 is not; likewise for iat and nbf ahead of our clock. (The very second is a matter of src/jwt/tests/times.rs.)
\ir lib/cast.sql
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', leeway => '60 s');
CREATE FUNCTION near(claims text) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_object_agg(k, extract(epoch FROM clock_timestamp())::bigint + v::int) FROM jsonb_each_text(claims::jsonb) AS j (k, v)$$;
GRANT EXECUTE ON FUNCTION near(text) TO PUBLIC;
SELECT near('{"iat": -600}') AS claims \gset
\setenv CLAIMS :claims
\set gone_20 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 -20 "$CLAIMS"`
\set gone_61 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 -61 "$CLAIMS"`
SELECT near('{"iat": 50}') AS claims \gset
\setenv CLAIMS :claims
\set ahead `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"iat": 300}') AS claims \gset
\setenv CLAIMS :claims
\set far_ahead `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"nbf": 50}') AS claims \gset
\setenv CLAIMS :claims
\set soon `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"nbf": 300}') AS claims \gset
\setenv CLAIMS :claims
\set later `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
BEGIN;
SELECT t.is(warden.authenticate(:'gone_20'), :'alice'::uuid, 'expired 20 seconds ago');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'is somebody, until the leeway is over');
SELECT t.ok((warden.identity()->>'expires_at')::timestamptz BETWEEN clock_timestamp() AND clock_timestamp() + interval '41 seconds', 'in forty seconds at most');
COMMIT;
SELECT pg_temp.refused(:'gone_61', 'expired 61 seconds ago');
SELECT t.is(warden.authenticate(:'ahead'), :'alice'::uuid, 'issued 50 seconds ahead');
SELECT pg_temp.refused(:'far_ahead', 'issued five minutes ahead');
SELECT t.is(warden.authenticate(:'soon'), :'alice'::uuid, 'valid in 50 seconds');
SELECT pg_temp.refused(:'later', 'valid in five minutes');
SELECT t.done();
