-- E3 and E5: the leeway in both directions, to the second: of 10 seconds, a token that expired 5 seconds ago is good and one
-- of 11 is not; likewise for iat and nbf ahead of our clock.
\ir lib/cast.sql
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', leeway => '10 s');
CREATE FUNCTION near(claims text) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_object_agg(k, extract(epoch FROM clock_timestamp())::bigint + v::int) FROM jsonb_each_text(claims::jsonb) AS j (k, v)$$;
GRANT EXECUTE ON FUNCTION near(text) TO PUBLIC;
SELECT near('{"iat": -600}') AS claims \gset
\setenv CLAIMS :claims
\set gone_5 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 -5 "$CLAIMS"`
\set gone_11 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 -11 "$CLAIMS"`
SELECT near('{"iat": 8}') AS claims \gset
\setenv CLAIMS :claims
\set ahead `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"iat": 60}') AS claims \gset
\setenv CLAIMS :claims
\set far_ahead `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"nbf": 8}') AS claims \gset
\setenv CLAIMS :claims
\set soon `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
SELECT near('{"nbf": 60}') AS claims \gset
\setenv CLAIMS :claims
\set later `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
BEGIN;
SELECT t.is(warden.authenticate(:'gone_5'), :'alice'::uuid, 'expired 5 seconds ago');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'is somebody, until the leeway is over');
SELECT t.ok((warden.identity()->>'expires_at')::timestamptz BETWEEN clock_timestamp() AND clock_timestamp() + interval '6 seconds', 'in five seconds');
COMMIT;
SELECT pg_temp.refused(:'gone_11', 'expired 11 seconds ago');
SELECT t.is(warden.authenticate(:'ahead'), :'alice'::uuid, 'issued 8 seconds ahead');
SELECT pg_temp.refused(:'far_ahead', 'issued a minute ahead');
SELECT t.is(warden.authenticate(:'soon'), :'alice'::uuid, 'valid in 8 seconds');
SELECT pg_temp.refused(:'later', 'valid in a minute');
SELECT t.done();
