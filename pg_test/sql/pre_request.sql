-- The gateway's door, pre_request(): the transaction is the bearer's whose token the headers of the request carry, nobody's
-- where they carry none, and refused where they carry something else. Nothing else in a request is believed.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway'), warden.add_key_role('keymaster');
CREATE FUNCTION header(authorization text) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('request.headers', json_build_object('accept', '*/*', 'authorization', header.authorization)::text, true)
$$;
\ir lib/as_attacker.sql

BEGIN;
SELECT t.is(warden.pre_request(), NULL, 'no setting of a request at all is nobody');
SELECT t.is(seen(), NULL, 'who sees nothing');
COMMIT;

BEGIN;
SELECT header('Bearer ' || :'alice_token') IS NOT NULL;
SELECT t.is(warden.pre_request(), :'alice'::uuid, 'the bearer');
SELECT t.is(pg_typeof(warden.pre_request())::text, 'uuid', 'as an id, twice');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'sees her rows');
COMMIT;
SELECT t.is(current_setting('request.headers'), '', 'what was set for the transaction leaves an empty text');
SELECT t.is(warden.pre_request(), NULL, 'which is no request');
SELECT t.is(seen(), NULL, 'and nobody');

BEGIN;
SELECT header('bearer  ' || :'alice_token') IS NOT NULL;
SELECT t.is(warden.pre_request(), :'alice'::uuid, 'the scheme in any case, and spaces after it');
COMMIT;

BEGIN;
SELECT set_config('request.headers', '{"accept": "*/*", "cookie": "authorization=Bearer x"}', true) IS NOT NULL;
SELECT t.is(warden.pre_request(), NULL, 'a request without the header is nobody''s');
SELECT t.is(seen(), NULL, 'who sees nothing');
COMMIT;

-- Claims that a gateway has read are a setting that anybody can set.
BEGIN;
SELECT set_config('request.jwt.claims', json_build_object('sub', :'bob', 'role', 'app', 'iss', :'issuer')::text, true) IS NOT NULL,
       set_config('request.jwt.claim.sub', :'bob', true) IS NOT NULL, set_config('request.headers', '{}', true) IS NOT NULL;
SELECT t.is(warden.pre_request(), NULL, 'claims make nobody');
SELECT header('Bearer ' || :'alice_token') IS NOT NULL;
SELECT t.is(warden.pre_request(), :'alice'::uuid, 'nor do they change who the bearer is');
COMMIT;

-- Headers planted in the session, by an earlier client of the pooled connection say: the gateway's stand before them, and
-- they name nobody whose token the planter does not hold.
SELECT set_config('request.headers', json_build_object('authorization', 'Bearer ' || :'bob_token')::text, false) IS NOT NULL;
BEGIN;
SELECT header('Bearer ' || :'alice_token') IS NOT NULL;
SELECT t.is(warden.pre_request(), :'alice'::uuid, 'planted headers do not change who the bearer is');
COMMIT;
BEGIN;
SELECT set_config('request.headers', '{}', true) IS NOT NULL;
SELECT t.is(warden.pre_request(), NULL, 'nor make a request without a header somebody''s');
COMMIT;
SELECT set_config('request.headers', json_build_object('authorization', 'Bearer ' || :'alice')::text, false) IS NOT NULL;
SELECT t.refused('SELECT warden.pre_request()', '28000', 'an id is no token');
RESET "request.headers";

-- A later request of the transaction that is nobody's has nobody; another bearer's is refused.
BEGIN;
SELECT header('Bearer ' || :'alice_token') IS NOT NULL;
SELECT warden.pre_request();
SELECT set_config('request.headers', '{}', true) IS NOT NULL;
SELECT t.is(warden.pre_request(), NULL, 'no header any more');
SELECT t.is(seen(), NULL, 'the identity is gone');
SELECT header('Bearer ' || :'bob_token') IS NOT NULL;
SELECT t.refused('SELECT warden.pre_request()', '55000', 'one transaction has one user');
ROLLBACK;

-- What is no bearer token, and a bearer token that is refused: the same to the letter.
SELECT t.error(format('SELECT warden.authenticate(%L)', :'tampered_token')) - 'context' AS refusal \gset
SELECT format($test$
    BEGIN;
    SELECT set_config('request.headers', %1$L, true) IS NOT NULL;
    SELECT t.is(t.error('SELECT warden.pre_request()') - 'context', %2$L::jsonb, 'refused: ' || left(%1$L, 60));
    SELECT t.refused(format('SELECT warden.authenticate(%%L)', token_of('alice')), '55000', 'and no second attempt in this transaction');
    SELECT t.is(seen(), NULL, 'which has nobody');
    ROLLBACK;
$test$, headers, :'refusal')
FROM (VALUES ('{"authorization": ""}'), ('{"authorization": "Bearer"}'), ('{"authorization": "Bearer "}'), ('{"authorization": "Basic YWxpY2U6eA=="}'),
    ('{"authorization": null}'), ('{"authorization": ["Bearer x"]}'), ('{"authorization": "Bearer ' || :'alice_token' || ' x"}'),
    ('{"authorization": "' || :'alice_token' || '"}'), ('{"authorization": "Bearer ' || :'alice_token' || ', Bearer ' || :'bob_token' || '"}'),
    ('{"authorization": "Bearer ' || :'alice_token' || '", "Authorization": "Bearer ' || :'bob_token' || '"}'),
    ('{"authorization": "Bearer ' || :'alice_token' || '", "authorization": "Bearer ' || :'alice_token' || '"}'),
    ('{"authorization": "Bearer ' || :'tampered_token' || '"}'), ('{"authorization": "Bearer ' || :'expired_token' || '"}'),
    ('not json'), ('[]'), ('null'), (' ')) AS h (headers) \gexec

-- One line for each in the log, with the function's name.
\set start `wc -l < "$WARDEN_LOG"`
\setenv START :start
BEGIN;
SELECT set_config('request.headers', '{"authorization": "Basic YWxpY2U6eA=="}', true) IS NOT NULL;
SELECT t.error('SELECT warden.pre_request()')->>'sqlstate';
ROLLBACK;
BEGIN;
SELECT header('Bearer ' || :'tampered_token') IS NOT NULL;
SELECT t.error('SELECT warden.pre_request()')->>'sqlstate';
ROLLBACK;
\set reasons `tail -n "+$((START + 1))" "$WARDEN_LOG" | sed -n 's/.*app@pre_request .*pg_warden refused function=pre_request reason="\([a-z_]*\)".*/\1/p' | tr '\n' ' '`
SELECT t.is(rtrim(:'reasons'), 'malformed_authorization bad_signature', 'each with its reason');

-- Whose rows no policy hides must not be a gateway's role, not even for nobody's requests.
\connect - postgres
SELECT t.refused('SELECT warden.pre_request()', '55000', 'a superuser is refused, also without a token');
\connect - keymaster
SELECT t.refused('SELECT warden.pre_request()', '42501', 'a role that is no client may not call it');
\connect - gateway
BEGIN;
SELECT header('Bearer ' || :'bob_token') IS NOT NULL;
SELECT t.is(warden.pre_request(), :'bob'::uuid, 'a trusted role may');
COMMIT;
SELECT t.done();
