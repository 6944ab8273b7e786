-- F5, F7, D12: a password is guessed at by the email and the name of its user in turn, and from many addresses: the limit is one,
-- nobody learns by it that both are one user's, and a stranger far away keeps nobody out.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/hold.sql
CREATE FUNCTION answers(names text[], password text DEFAULT 'a guess', address inet DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
    answered text := '';
BEGIN
    FOREACH name IN ARRAY names LOOP
        answered := answered || (SELECT CASE coalesce(l.error, 'in') WHEN 'invalid_grant' THEN 'x' WHEN 'slow_down' THEN 's' || held(l.retry_after::text) ELSE 'in' END
            FROM warden.login(name, password, address) AS l);
    END LOOP;
    RETURN answered;
END $$;
CREATE PROCEDURE later(duration interval) LANGUAGE sql BEGIN ATOMIC UPDATE warden.attempts SET last_at = last_at - duration; END;

\ir lib/as_attacker.sql
SELECT t.is(answers('{alice@example.com,alice,ALICE@example.com,alice,alice@example.com}'), 'xxxxx', 'F5: five guesses by both names');
SELECT t.is(answers('{alice,alice@example.com}', :'alice_password'), 'xx', 'F5: the sixth is not looked at, though it is right');
SELECT t.is(answers('{bob}', :'bob_password'), 'in', 'while another comes in');
\set line `tail -n 500 "$WARDEN_LOG" | grep -c 'app@attack_f05_other_names .*pg_warden refused function=login reason="throttled_by_other_names" subject="a11ce000-0000-4000-8000-000000000001"'`
SELECT t.is(:'line', '2', 'the log says why');
\connect - postgres
CALL later('1 minute 1 second');
\connect - app
SELECT t.is(answers('{alice}', :'alice_password'), 'in', 'after a second it is looked at');
SELECT t.is(answers('{alice,alice,alice}'), 'xxx', 'and there are new guesses');
SELECT t.is(answers('{alice}', :'alice_password'), 'in', 'of which three leave room for the right one');

-- D12: of what nobody is called, and of names of two users, the same answers.
\connect - postgres
TRUNCATE warden.attempts;
\connect - app
SELECT t.is(answers(array_fill(names[1], ARRAY[6]) || array_fill(names[2], ARRAY[6])), 'xxxxxs1xxxxxs1', 'D12: what is tried by one name says nothing of the other: ' || names[1])
FROM (VALUES ('{alice@example.com,alice}'::text[]), ('{nobody@example.com,nobody}'), ('{bob@example.com,another}')) AS n (names);
\connect - postgres
SELECT t.is(count(*) FILTER (WHERE key ~ '^login:') || ' ' || count(*) FILTER (WHERE key ~ '^everywhere:login:'), '5 5', 'as many counters are written for who is nobody') FROM warden.attempts;
SELECT t.is(failed, 5::double precision, 'of alice five attempts were looked at, by whatever name') FROM warden.attempts WHERE key = 'login:' || :'alice';
-- A new password begins anew, by each name.
SELECT warden.set_password(:'alice', :'alice_password');
\connect - app
SELECT t.is(answers('{alice@example.com,alice}', :'alice_password'), 'inin', 'who has a new password has not failed to type it');

-- From one address: the owner comes in from another, and by another login of the database.
\connect - postgres
TRUNCATE warden.attempts;
\connect - gateway
SELECT t.is(answers('{alice,alice,alice,alice,alice,alice,alice}', 'a guess', '192.0.2.50'), 'xxxxxs1s1', 'F7: a stranger at one address');
SELECT t.is(answers('{alice}', :'alice_password', '192.0.2.50'), 's1', 'who is told to wait');
SELECT t.is(answers('{alice@example.com}', :'alice_password', '192.0.2.50'), 'x', 'and gets nothing by the other name');
SELECT t.is(answers('{alice,alice@example.com}', :'alice_password', '198.51.100.7'), 'inin', 'does not keep alice out, who is elsewhere');
SELECT t.is(answers('{alice}', :'alice_password', '192.0.2.50'), 's1', 'nor is forgiven by that');
\connect - app
SELECT t.is(answers('{alice}', :'alice_password'), 'in', 'nor out of what states no address');
\connect - postgres
TRUNCATE warden.attempts;
ALTER TABLE warden.attempts DISABLE TRIGGER USER;
CREATE FUNCTION waits(address text) RETURNS boolean LANGUAGE sql AS $$
    SELECT warden.count_attempt(jsonb_build_object('keys', ARRAY['account:x ' || address, 'everywhere:account:x'])) ->> 'retry_after' IS NOT NULL;
$$;
DO $$
BEGIN
    -- Two strangers, each as often as the delay lets them: second by second, then for two hours.
    FOR i IN 1..5 LOOP
        PERFORM waits('192.0.2.50'), waits('192.0.2.51');
    END LOOP;
    FOR i IN 1..240 LOOP
        CALL later(CASE WHEN i <= 120 THEN interval '1 second' ELSE '1 minute' END);
        PERFORM waits('192.0.2.50'), waits('192.0.2.51');
    END LOOP;
END $$;
SELECT t.is(waits('198.51.100.7'), false, 'F7: two strangers who guess for hours do not keep out who comes from elsewhere');

-- From many addresses: one limit for all of them.
TRUNCATE warden.attempts;
ALTER TABLE warden.attempts ENABLE TRIGGER USER;
\connect - gateway
SELECT t.is(string_agg(answers('{alice,alice,alice,alice,alice}', 'a guess', ('192.0.2.' || i)::inet), ' '), 'xxxxx xxxxx xxxxx xxxxx xxxxx xxxxx', 'F5: thirty guesses from six addresses')
FROM generate_series(1, 6) AS i;
SELECT t.is(answers('{alice}', :'alice_password', '192.0.2.7'), 's1', 'and none from a seventh');
SELECT t.is(answers('{alice@example.com}', :'alice_password', '192.0.2.7'), 'x', 'by the other name neither');
SELECT t.is(answers('{bob}', :'bob_password', '192.0.2.7'), 'in', 'while bob comes in');
\connect - postgres
CALL later('1 minute 1 second');
\connect - gateway
SELECT t.is(answers('{alice}', :'alice_password', '192.0.2.7'), 'in', 'a delay, and no lock');
SELECT t.is(answers('{alice,alice}', 'a guess', '192.0.2.8'), 's1s1', 'and whoever signs in in between gives no new guesses to others');
SELECT t.done();
