-- E5: a key retired, rules changed, an issuer distrusted and the extension made anew under a backend that has the token in
-- its cache: the very next authentication knows.
\ir lib/cast.sql
SELECT warden.trust_issuer(:'other_issuer', :'other_jwks', '{api}');

-- Another session, as superuser, while the attacker's goes on.
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.refused(token text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT t.refused(format('SELECT warden.authenticate(%L)', token), '28000', name)$$;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'a token of the first key, now in the cache');
SELECT pg_temp.refused(:'next_token', 'a key that is to come');

SELECT format('SELECT warden.set_issuer_keys(%L, %L)', :'issuer', :'jwks_and_next') AS sql \gset
\setenv SQL :sql
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT t.is(warden.authenticate(:'next_token'), :'alice'::uuid, 'overlap: the next key is there');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'overlap: the first one still is');

SELECT format('SELECT warden.set_issuer_keys(%L, %L)', :'issuer', :'next_jwks') AS sql \gset
\setenv SQL :sql
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM tokens;
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT pg_temp.refused(:'alice_token', 'retired while its token was cached, through an older snapshot');
COMMIT;
SELECT pg_temp.refused(:'alice_token', 'retired');
SELECT t.is(warden.authenticate(:'next_token'), :'alice'::uuid, 'the next key signs');

-- The rules change: another audience.
SELECT format('SELECT warden.trust_issuer(%L, %L, ''{web}'')', :'issuer', :'next_jwks') AS sql \gset
\setenv SQL :sql
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT pg_temp.refused(:'next_token', 'cached under rules that have changed');

SELECT t.is(warden.authenticate(:'other_alice_token'), :'alice'::uuid, 'a token of the other issuer');
SELECT format('SELECT warden.distrust_issuer(%L)', :'other_issuer') AS sql \gset
\setenv SQL :sql
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM tokens;
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT pg_temp.refused(:'other_alice_token', 'distrusted while its token was cached, through an older snapshot');
COMMIT;
-- Trusted again with the same keys: good again, by a new generation.
SELECT format('SELECT warden.trust_issuer(%L, %L, ''{api}'')', :'other_issuer', :'other_jwks') AS sql \gset
\setenv SQL :sql
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT t.is(warden.authenticate(:'other_alice_token'), :'alice'::uuid, 'trusted again');

-- A prefix of a cached token, and a token with something behind it, are other tokens.
SELECT pg_temp.refused(left(:'other_alice_token', -1), 'a prefix of a cached token');
SELECT pg_temp.refused(:'other_alice_token' || 'A', 'a cached token and more');

-- DROP and CREATE EXTENSION under this backend: its cache and its kept plans are of a world that is gone.
\setenv SQL 'DROP EXTENSION pg_warden CASCADE'
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL" 2>/dev/null
SELECT t.refused('SELECT warden.current_user_id()', '3F000', 'the extension is gone');
SELECT t.rows('SELECT FROM documents', 0, 'its policy too, and nobody sees anything: closed');
\setenv SQL 'CREATE EXTENSION pg_warden'
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL" -c "SELECT warden.add_client_role('app')"
SELECT pg_temp.refused(:'other_alice_token', 'the new extension trusts nobody');
SELECT format('SELECT warden.trust_issuer(%L, %L, ''{api}''), warden.create_user(id => %L)', :'other_issuer', :'other_jwks', :'bob') AS sql \gset
\setenv SQL :sql
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e05_keys_and_issuers -c "$SQL"
SELECT pg_temp.refused(:'other_alice_token', 'it trusts the issuer, and knows no alice');
SELECT t.is(warden.authenticate(:'other_bob_token'), :'bob'::uuid, 'but a bob');
SELECT t.done();
