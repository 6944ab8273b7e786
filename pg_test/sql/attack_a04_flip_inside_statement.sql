-- N1, A4: a volatile function of the attacker's own, in pg_temp, that changes who asks between two rows of one statement.
\ir lib/cast.sql
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.flip(action text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE action;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN true;
END $$;

BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'bob 1, bob 2', 'set_config row by row: ' || setting)
FROM (VALUES ('app.current_user_id'), ('warden.identity'), ('warden.seal')) AS s (setting), documents
WHERE pg_temp.flip(format('SELECT set_config(%L, %L, true)', setting, :'alice')) GROUP BY setting;

SELECT t.is(string_agg(title, ', ' ORDER BY id), 'bob 1, bob 2', 'a second identity row by row')
FROM documents WHERE pg_temp.flip(format('SELECT warden.authenticate(%L)', :'alice_token'));
SELECT t.is(seen(), 'bob 1, bob 2', 'who is refused, and bob stays');

-- sign_out while the statement runs: the rest of it has nobody, or still bob, and never anybody else.
SELECT t.is(count(*) FILTER (WHERE title NOT LIKE 'bob%'), 0, 'sign_out row by row')
FROM documents WHERE pg_temp.flip('SELECT warden.sign_out()');
SELECT t.is(seen(), NULL, 'afterwards nobody');
COMMIT;

-- Ahead of the policy: a function in the statement that comes first cannot bring somebody in.
BEGIN;
SELECT t.is(count(d.id), 0, 'nobody, with a forged identity in a CTE')
FROM (SELECT pg_temp.flip(format('SET LOCAL app.current_user_id = %L', :'alice'))) AS s LEFT JOIN documents d ON true;
COMMIT;

-- Leaking by a cheap function: the policy is asked first.
CREATE TEMP TABLE leaked (title text);
CREATE FUNCTION pg_temp.leak(title text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    INSERT INTO leaked VALUES (title);
    RETURN true;
END $$;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(count(*), 2, 'a leaky function sees') FROM documents WHERE pg_temp.leak(title);
SELECT t.is(string_agg(title, ', ' ORDER BY title), 'bob 1, bob 2', 'only what bob sees') FROM leaked;
COMMIT;
SELECT t.done();
