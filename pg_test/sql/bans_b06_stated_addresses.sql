-- B6, F7: behind a pooler the address is the word of a trusted role, of the issuer that signed it, or of the proxy before a gateway; any of
-- them that is banned refuses, and none excuses another.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
SELECT warden.rotate_signing_key();
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', provision => true, address_claim => 'ip');
SELECT t.is((SELECT address_claim FROM warden.issuers WHERE issuer = :'issuer'), 'ip', 'the view shows the claim');
SELECT t.refused(format('SELECT warden.trust_issuer(%L, %L, ''{api}'', address_claim => '''')', :'issuer', :'jwks'), '22023', 'an empty name is none');
SELECT warden.create_user('ext 7', id => '77770000-0000-4000-8000-000000000007');
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'flood'), warden.ban_ip('2001:db8:bad::/48', '1 day', 'abuse');
CREATE TABLE stated (name text, token text);
\set from_banned `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": "203.0.113.7"}'`
\set from_mapped `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": "::ffff:203.0.113.7"}'`
\set from_network `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": "2001:DB8:BAD:0:0:0:0:9"}'`
\set from_other `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": "203.0.113.8"}'`
\set other_claim `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"client_ip": "203.0.113.7"}'`
\set newcomer `lib/tokens mint 99990000-0000-4000-8000-000000000009 600 '{"ip": "203.0.113.7"}'`
\set malformed_1 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": "203.0.113.8/32"}'`
\set malformed_2 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": ["203.0.113.8"]}'`
\set malformed_3 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": null}'`
\set malformed_4 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"ip": ""}'`
\ir lib/as_attacker.sql

-- The signed claim.
SELECT format('SELECT t.refused(%L, ''42501'', %L, ''^this address is banned$'')', format('SELECT warden.authenticate(%L)', token), 'B6: signed, and banned: ' || what)
FROM (VALUES (:'from_banned', 'an address'), (:'from_mapped', 'its other spelling'), (:'from_network', 'a member of a network'), (:'newcomer', 'somebody new')) AS v (token, what) \gexec
SELECT t.is(warden.authenticate(:'from_other'), :'alice'::uuid, 'B6: signed, and not banned');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'a token without the claim states none');
SELECT t.is(warden.authenticate(:'other_claim'), :'alice'::uuid, 'a claim of another name is none');
SELECT format('SELECT t.refused(%L, ''28000'', ''F7: a claim that is no address is no good token'')', format('SELECT warden.authenticate(%L)', token))
FROM (VALUES (:'malformed_1'), (:'malformed_2'), (:'malformed_3'), (:'malformed_4')) AS v (token) \gexec
-- Either refuses, and neither excuses the other.
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.9'')', :'from_banned'), '42501', 'F7: what the caller states does not excuse what the issuer has signed', 'banned');
SELECT t.refused(format('SELECT warden.authenticate(%L, ''203.0.113.7'')', :'from_other'), '42501', 'F7: nor the other way round', 'banned');
SELECT t.is(warden.authenticate(:'from_other', '203.0.113.9'), :'alice'::uuid, 'two that are not banned');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'from_banned'), '42501', 'B6: whoever was there', 'banned');
SELECT t.is(seen(), NULL, 'B6: is gone, as after every failure');
COMMIT;
SELECT t.refused(format('SELECT * FROM warden.exchange_token(%L)', :'from_banned'), '42501', 'B6: nor is it exchanged for a token without an address', 'banned');
\connect - boss
BEGIN;
SELECT t.refused(format('SELECT warden.begin_admin(''x'', %L)', :'from_banned'), '42501', 'B6: nor names a person', 'banned');
COMMIT;
SELECT t.is((SELECT detail FROM warden.explain_token(:'from_banned') WHERE NOT passed), '203.0.113.7/32 is banned', 'N12: the operator is told');
SELECT t.is((SELECT detail FROM warden.explain_token(:'malformed_1') WHERE NOT passed), 'malformed address', 'N12: also of what is none');
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.users WHERE id = '99990000-0000-4000-8000-000000000009'), 0, 'B6: nobody new was made from a banned address');
\connect - boss
\set lifted `psql -X -q -t -A -d bans_b06_stated_addresses -U boss -c "SELECT warden.unban_ip('203.0.113.7')"`
\connect - app
SELECT t.is(warden.authenticate(:'from_banned'), :'alice'::uuid, 'B5: lifted, the same token is good');
\connect - boss
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'again');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'from_banned'), '42501', 'B6: and banned again, in the same backend or another, is not', 'banned');

-- The word of a trusted role.
\connect - gateway
SELECT t.refused(format('SELECT warden.set_current_user(%L, client_ip => ''203.0.113.7'')', :'alice'), '42501', 'B6: whom a gateway states from a banned address', 'banned');
SELECT t.refused('SELECT warden.set_current_external_user(''ext 7'', client_ip => ''2001:db8:bad::1'')', '42501', 'B6: or by external id', 'banned');
SELECT t.is(warden.set_current_user(:'alice', client_ip => '203.0.113.8'), :'alice'::uuid, 'another address');
SELECT t.is(warden.set_current_user(:'bob', NULL, NULL), :'bob'::uuid, 'or none');
SELECT t.is(warden.set_current_external_user('ext 7', client_ip => '203.0.113.8'), '77770000-0000-4000-8000-000000000007'::uuid, 'by external id');
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.refused(format('SELECT warden.set_current_user(%L, client_ip => ''203.0.113.7'')', :'alice'), '42501', 'the same user from there');
SELECT t.is(seen(), NULL, 'B6: is nobody');
COMMIT;
\connect - app
SELECT t.refused(format('SELECT warden.set_current_user(%L, client_ip => ''203.0.113.8'')', :'alice'), '42501', 'A8: an address makes nobody trusted', 'permission denied');

-- The headers of a request: of the one that the operator names.
CREATE FUNCTION pg_temp.asked(headers json) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.headers', headers::text, true);
    RETURN coalesce(warden.pre_request()::text, 'nobody');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT 'Bearer ' || :'alice_token' AS bearer \gset
SELECT t.is(pg_temp.asked(json_build_object('authorization', :'bearer', 'x-forwarded-for', '203.0.113.7')), :'alice', 'a header that nobody has named is not read');
SELECT t.refused('SET warden.address_header = ''''', '42501', 'A13: a client does not name it');
\connect - postgres
SELECT format('ALTER DATABASE %I SET warden.address_header = ''X-Forwarded-For''', current_database()) \gexec
\connect - app
CREATE FUNCTION pg_temp.asked(headers json) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.headers', headers::text, true);
    RETURN coalesce(warden.pre_request()::text, 'nobody');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT format('SELECT t.is(pg_temp.asked(%L), %L, %L)', headers, expected, 'B6: ' || what) FROM (VALUES
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', '203.0.113.7'), '42501 this address is banned', 'a banned one'),
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', '198.51.100.1, 203.0.113.7'), '42501 this address is banned', 'the word of the nearest proxy, whatever the client put before it'),
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', '203.0.113.7, 198.51.100.1'), '42501 this address is banned', 'or that of one further off'),
    (json_build_object('authorization', :'bearer', 'X-Forwarded-For', '[2001:db8:bad::5]:4711'), '42501 this address is banned', 'with a port'),
    (json_build_object('x-forwarded-for', '203.0.113.7'), '42501 this address is banned', 'also without a token'),
    (json_build_object('authorization', 'Basic x', 'x-forwarded-for', '203.0.113.7'), '42501 this address is banned', 'ban before credential'),
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', 'unknown'), '28000 authentication failed', 'no address where there should be one'),
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', '203.0.113.8'), :'alice', 'another one is let in'),
    (json_build_object('authorization', :'bearer', 'x-forwarded-for', 'unknown, 203.0.113.8'), :'alice', 'with whatever the client wrote'),
    (json_build_object('authorization', :'bearer'), :'alice', 'and a request that states none'),
    (json_build_object('x-forwarded-for', '203.0.113.8'), 'nobody', 'which is nobody''s without a token')) AS v (headers, expected, what) \gexec
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(pg_temp.asked(json_build_object('authorization', :'bearer', 'x-forwarded-for', '203.0.113.7')), '42501 this address is banned', 'whoever was there');
SELECT t.is(seen(), NULL, 'B6: is gone');
COMMIT;
\connect - postgres
SELECT format('ALTER DATABASE %I RESET warden.address_header', current_database()) \gexec
SELECT t.done();
