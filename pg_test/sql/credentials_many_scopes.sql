-- A session has no more scopes than its tokens hold: whoever signs in with as many as may be can refresh, and who asks for more
-- is told so at once.
\ir lib/cast.sql
\ir lib/passwords.sql
INSERT INTO warden.scopes (scope) SELECT 'many:' || lpad(n::text, 4, '0') FROM generate_series(1, 900) n;
-- In the shortest form, of which most fit.
INSERT INTO warden.scopes (scope) SELECT DISTINCT translate(to_char(n, 'FM0000'), '0123456789', 'abcdefghij') FROM generate_series(0, 1599) n;
SELECT warden.grant_scope(:'alice', 'many:*');
UPDATE warden.users u SET scopes = array(SELECT s.scope FROM warden.scopes s WHERE s.scope ~ '^many:') WHERE u.id = :'bob';
UPDATE warden.users u SET scopes = u.scopes || array(SELECT s.scope FROM warden.scopes s WHERE length(s.scope) = 4 AND NOT s.shipped) WHERE u.id = :'alice';
SELECT array_agg('many:' || lpad(n::text, 4, '0')) FILTER (WHERE n <= 700) AS enough, array_agg('many:' || lpad(n::text, 4, '0')) AS too_many
FROM generate_series(1, 900) n \gset
SELECT array_agg(s.scope) AS short FROM warden.scopes s WHERE length(s.scope) = 4 AND NOT s.shipped \gset

\ir lib/as_attacker.sql
SELECT * FROM warden.login('alice', :'alice_password', scopes => :'enough') \gset first_
SELECT t.is(cardinality(string_to_array(:'first_scope', ' ')), 700, 'signed in with many scopes');
SELECT * FROM warden.refresh(:'first_refresh_token') \gset second_
SELECT t.is(:'second_scope', :'first_scope', 'and refreshed with as many');
BEGIN;
SELECT t.is(warden.authenticate(:'second_access_token'), :'alice', 'by a token that is good');
SELECT t.is(warden.has_scope('many:0700'), true, 'and has them');
COMMIT;
SELECT t.is(cardinality(string_to_array(scope, ' ')), 700, 'exchanged with as many') FROM warden.exchange_token(:'second_access_token');
SELECT * FROM warden.login('alice', :'alice_password', scopes => :'short') \gset short_
SELECT t.is(cardinality(string_to_array(:'short_scope', ' ')), 1600, 'of short ones there are more');
SELECT * FROM warden.refresh(:'short_refresh_token') \gset short_
SELECT t.is(cardinality(string_to_array(:'short_scope', ' ')), 1600, 'also when refreshed');
BEGIN;
SELECT t.is(warden.authenticate(:'short_access_token'), :'alice', 'by a token that is good');
COMMIT;

SELECT t.is(row(error, error_description, access_token)::text, '(invalid_scope,"more scopes than a token holds: name those that are needed",)', 'more are refused: login')
FROM warden.login('alice', :'alice_password', scopes => :'too_many');
SELECT * FROM warden.login('alice', :'alice_password', scopes => '{many:*}') \gset wide_
SELECT t.is(:'wide_scope', 'many:*', 'a wildcard is one');
SELECT t.is(row(error, error_description, access_token)::text, '(invalid_scope,"more scopes than a token holds: name those that are needed",)', 'more are refused: exchange_token')
FROM warden.exchange_token(:'wide_access_token', scopes => :'too_many');
SELECT t.is(row(error, error_description, access_token)::text, '(invalid_scope,"more scopes than a token holds: name those that are needed",)', 'more are refused: refresh')
FROM warden.refresh(:'wide_refresh_token', scopes => :'too_many');
SELECT t.is(error, NULL, 'and the refresh token is not used up') FROM warden.refresh(:'wide_refresh_token', scopes => :'enough');

SELECT t.is(row(error, error_description, access_token)::text, '(invalid_scope,"more scopes than a token holds: name those that are needed",)', 'whoever holds more says which he needs')
FROM warden.login('bob', :'bob_password');
SELECT t.is(scope, 'many:0001 user', 'then it is as ever') FROM warden.login('bob', :'bob_password', scopes => '{user,many:0001}');
SELECT t.done();
