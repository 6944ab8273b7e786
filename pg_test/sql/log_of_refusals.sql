-- N12: one line in the server log for each refusal, with its reason, and none for a success; the client learns nothing of
-- it. A line is one line, whatever the token says.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
CREATE TABLE offered AS
SELECT r->>'attack' AS attack, r->>'check' AS "check", r->>'reason' AS reason, r->>'token' AS token
FROM jsonb_array_elements(:'refused_tokens') AS r;
GRANT SELECT ON offered TO PUBLIC;
\ir lib/as_attacker.sql

-- The log from here on.
\set start `wc -l < "$WARDEN_LOG"`
\setenv START :start
\set lines `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused'`
SELECT t.is(:'lines', '0', 'nothing refused so far');
SELECT warden.authenticate(:'alice_token'), warden.verify_token(:'alice_token') IS NOT NULL;
\set lines `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused'`
SELECT t.is(:'lines', '0', 'a success writes no line');

-- The error of the client is the one line of the answer, so all of these go through a function that swallows it.
CREATE FUNCTION pg_temp.refuse(token text) RETURNS text LANGUAGE sql AS
    $$SELECT t.error(format('SELECT warden.authenticate(%L)', token))->>'sqlstate'$$;
SELECT format('SELECT pg_temp.refuse(%L)', token) FROM offered ORDER BY attack \gexec
\set reasons `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -o 'app@log_of_refusals .*pg_warden refused function=authenticate reason="[a-z_]*"' | sed 's/.*reason="//; s/"$//' | tr '\n' ' '`
SELECT t.is(rtrim(:'reasons'), string_agg(CASE "check" WHEN 'user' THEN replace(reason, ' ', '_')
        WHEN 'trusted_issuer' THEN CASE WHEN attack ~ ' (a number|null|missing|a list|with a control character)$' THEN 'no_issuer' ELSE reason END
        ELSE reason END, ' ' ORDER BY attack),
    'one line for each, with its reason') FROM offered;
\set known `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused.* issuer="https://id.example.com"'`
SELECT t.ok(:known > 20, 'with the issuer it names');
\set subjects `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*reason="unknown_user".* subject="alice" role="app"'`
SELECT t.is(:'subjects', '1', 'and the subject, once the signature is good, and the role');

-- Other functions, other reasons; the address that the gateway states.
SELECT t.error(format('SELECT warden.verify_token(%L)', :'tampered_token'))->>'sqlstate';
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused function=verify_token reason="bad_signature"'`
SELECT t.is(:'line', '1', 'verify_token');
SELECT t.error(format('SELECT warden.authenticate(%L, ''203.0.113.7'')', :'tampered_token'))->>'sqlstate';
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused function=authenticate reason="bad_signature".* client_ip="203.0.113.7"'`
SELECT t.is(:'line', '1', 'with the client''s address');
SELECT t.error(format('SELECT warden.authenticate(%L, tenant_id => %L)', :'alice_token', :'bob'))->>'sqlstate';
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*reason="tenant_not_in_token"'`
SELECT t.is(:'line', '1', 'a tenant that is not the token''s');
SELECT t.error(format('SELECT warden.authenticate(%L)', :'tampered_token')) - 'context' AS answer \gset
SELECT set_config('request.headers', json_build_object('authorization', 'Bearer ' || :'tampered_token')::text, false) IS NOT NULL;
SELECT t.is(t.error('SELECT warden.pre_request()') - 'context', :'answer'::jsonb, 'pre_request answers as authenticate does');
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*pg_warden refused function=pre_request reason="bad_signature"'`
SELECT t.is(:'line', '1', 'and has its line');
\connect - boss
SELECT t.is(t.error(format('SELECT warden.begin_admin(''to see'', %L)', :'tampered_token')) - 'context', :'answer'::jsonb, 'so does begin_admin, of the person behind it');
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'boss@log_of_refusals .*pg_warden refused function=begin_admin reason="bad_signature"'`
SELECT t.is(:'line', '1', 'and has its line, too');
\connect - gateway
SELECT t.error('SELECT warden.set_current_external_user(''nobody'')')->>'sqlstate';
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'gateway@log_of_refusals .*pg_warden refused function=set_current_external_user reason="user_unknown_or_not_active" role="gateway"'`
SELECT t.is(:'line', '1', 'a gateway''s unknown user');

-- Forged lines: what a token says is quoted, cut and freed of control characters.
\connect - app
\setenv CLAIMS '{"iss": "https://id.example.com\\" reason=\\"none\\" pg_warden refused \\\\ 2026-01-01 LOG: forged"}'
\set forged `lib/tokens mint x 600 "$CLAIMS"`
SELECT t.error(format('SELECT warden.authenticate(%L)', :'forged'))->>'sqlstate';
\set line `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c 'app@log_of_refusals .*issuer="https://id.example.com\\" reason=\\"none\\" pg_warden refused'`
SELECT t.is(:'line', '1', 'quotes within a value are escaped');
\setenv CLAIMS '{"sub": "evil ؜‮gro.elpmaxe 2026-01-01 LOG:  forged"}'
\set forged `lib/tokens mint x 600 "$CLAIMS"`
\set begun `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c '^2026-01-01 LOG'`
SELECT t.is(:'begun', '0', 'no line begins where a value says');
SELECT t.done();
