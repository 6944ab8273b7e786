-- One token of each of the twelve algorithms, end to end; and each refused when another key's name is written on it.
\ir lib/cast.sql
SELECT warden.trust_issuer(:'issuer', :'every_jwks', '{api}');
CREATE TABLE each AS SELECT e.key AS algorithm, e.value AS token FROM jsonb_each_text(:'every_token') AS e;
GRANT SELECT ON each TO app;
\ir lib/as_attacker.sql

SELECT t.is(count(*), 12, 'twelve algorithms') FROM each;
SELECT statement FROM each CROSS JOIN LATERAL (VALUES (1, 'BEGIN'),
    (2, format('SELECT t.is(warden.authenticate(%L), %L, %L)', token, :'alice', algorithm)),
    (3, format('SELECT t.is(seen(), ''alice 1, alice 2, alice 3'', %L)', algorithm || ' sees what alice sees')), (4, 'COMMIT')) AS s (step, statement)
ORDER BY algorithm, step \gexec

-- The header of one algorithm before the payload and signature of another: no pair of them is taken.
SELECT t.is(count(*), 132, 'a hundred and thirty-two confusions') FROM each a, each b WHERE a.algorithm <> b.algorithm;
SELECT format('SELECT t.refused(%L, ''28000'', %L)',
    format('SELECT warden.authenticate(%L)', split_part(a.token, '.', 1) || '.' || split_part(b.token, '.', 2) || '.' || split_part(b.token, '.', 3)),
    a.algorithm || ' said, ' || b.algorithm || ' signed')
FROM each a, each b WHERE a.algorithm <> b.algorithm \gexec

-- A list of algorithms binds the keys that state none, and drops those that state another.
\connect - postgres
SELECT t.is(warden.trust_issuer(:'issuer', :'every_jwks', '{api}', '{ES384}'), 1, 'one algorithm allowed');
\connect - app
SELECT format('SELECT t.refused(%L, ''28000'', %L)', format('SELECT warden.authenticate(%L)', token), algorithm || ' is not in the list')
FROM each WHERE algorithm <> 'ES384' \gexec
SELECT t.is(warden.authenticate(token), :'alice'::uuid, 'ES384 is') FROM each WHERE algorithm = 'ES384';
SELECT t.done();
