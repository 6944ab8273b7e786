-- E1 to E4, E6: more than a hundred and fifty tokens that must be refused, each with the same answer down to the last letter, each leaving
-- nobody; and good ones that are near them.
\ir lib/cast.sql
CREATE TABLE offered (attack text PRIMARY KEY, token text);
INSERT INTO offered SELECT r->>'attack', r->>'token' FROM jsonb_array_elements(:'refused_tokens') AS r;
CREATE TABLE good AS SELECT g.key AS name, g.value AS token FROM jsonb_each_text(:'accepted_tokens') AS g;
GRANT SELECT ON offered, good TO PUBLIC;

CREATE FUNCTION answer_to(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- The context would name this function's lines; the client of a real application has none.
    RETURN t.error(format('SELECT warden.authenticate(%L)', token)) - 'context';
END $$;
CREATE FUNCTION attempt(name text, token text, expected text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT t.is(answer_to(token), expected, name);
    IF seen() IS NOT NULL OR warden.current_user_id() IS NOT NULL OR current_setting('app.current_user_id') <> ''
        OR current_setting('warden.identity') <> '' THEN
        RETURN NEXT t.ok(false, name || ' leaves nobody', warden.identity()::text);
    END IF;
END $$;
\ir lib/as_attacker.sql

SELECT answer_to('nonsense') AS answer \gset
SELECT t.is(:'answer'::jsonb->>'sqlstate', '28000', 'the answer is 28000');
SELECT t.is(:'answer'::jsonb->>'message', 'authentication failed', 'with one message');
SELECT t.is(:'answer'::jsonb->>'detail', '', 'and no detail');
SELECT t.ok(count(*) > 150, 'there is enough to refuse') FROM offered;
SELECT format('SELECT attempt(%L, %L, %L)', attack, token, :'answer') FROM offered ORDER BY attack \gexec
SELECT t.is(answer_to(NULL), :'answer', 'NULL');

-- In a transaction that has somebody: he is gone.
SELECT format('BEGIN; SELECT warden.authenticate(%L); SELECT t.is(answer_to(%L), %L, %L); SELECT t.is(seen(), NULL, %L); COMMIT',
    :'alice_token', token, :'answer', 'as alice: ' || attack, 'leaves nobody')
FROM offered WHERE attack LIKE '%00%' OR attack LIKE 'E1 ES256%' OR attack LIKE 'E2 padding' OR attack LIKE 'E4 sub zero' \gexec

-- The good ones, which the bad ones differ from by little.
SELECT format('SELECT t.is(warden.authenticate(%L), %L, %L)', token, :'alice', 'accepted: ' || name) FROM good \gexec

-- The issuer's name compared exactly, its users exactly: nothing was written for all of it.
\connect - postgres
SELECT t.is(count(*), 3, 'no user was made') FROM warden.users;
SELECT t.is(count(*), 0, 'and no identity linked') FROM warden.identities;
SELECT t.done();
