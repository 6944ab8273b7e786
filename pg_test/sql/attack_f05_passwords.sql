-- F5 and D12: guesses of a password in one transaction, each in a savepoint rolled back; for an unknown user, the same;
-- and by an address, which an ordinary client cannot use to excuse itself or to slow down others.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/hold.sql
-- One guess, of which no trace is left in the attacker's own transaction.
CREATE FUNCTION guess(identifier text, address inet DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer record;
BEGIN
    BEGIN
        SELECT * INTO answer FROM warden.login(identifier, 'a guess', address);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'UE001';
    EXCEPTION WHEN SQLSTATE 'UE001' THEN
        RETURN held(concat_ws(' ', answer.error, answer.retry_after));
    END;
END $$;
CREATE PROCEDURE later(duration interval) LANGUAGE sql BEGIN ATOMIC UPDATE warden.attempts SET last_at = last_at - duration; END;
\ir lib/as_attacker.sql

-- Two of the sessions that the attack must leave alone.
SELECT * FROM warden.login('alice', :'alice_password') \gset alice_
BEGIN;
SELECT t.is(string_agg(guess('alice'), ', ' ORDER BY i), 'invalid_grant, invalid_grant, invalid_grant, invalid_grant, invalid_grant',
    'F5: five guesses') FROM generate_series(1, 5) AS i;
SELECT t.is(guess('alice'), 'slow_down 1', 'F5: the sixth has to wait, whatever is rolled back');
SELECT t.is(guess('alice'), 'slow_down 1', 'and the seventh; no longer than that');
ROLLBACK;
SELECT t.is(guess('alice'), 'slow_down 1', 'also in the next transaction');
SELECT t.is(held(l::text), '(,,,,,slow_down,"too many failed attempts",1)', 'and for the right password')
FROM warden.login('alice', :'alice_password') AS l;
SELECT t.is(guess('alice', ('192.0.2.' || i)::inet), 'slow_down 1', 'F7: another address is no excuse') FROM generate_series(1, 2) AS i;

-- D12: an account that nobody has answers the same, and by what else it is called it is the same.
SELECT t.is(string_agg(guess('nobody@example.com'), ', ' ORDER BY i),
    'invalid_grant, invalid_grant, invalid_grant, invalid_grant, invalid_grant, slow_down 1', 'D12: an unknown user is throttled the same')
FROM generate_series(1, 6) AS i;
SELECT t.is(guess(' Nobody@Example.com '), 'slow_down 1', 'however it is written');
SELECT t.is(guess('bob'), 'invalid_grant', 'while another is not');

-- A delay, no lock: open sessions go on, and after it the password is taken and the slate is clean.
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'alice_access_token'), 'an open session goes on');
SELECT t.is(error, NULL, 'and is refreshed') FROM warden.refresh(:'alice_refresh_token');
\connect - postgres
CALL later('1 minute 1 second');
\connect - app
SELECT t.is(guess('alice'), 'invalid_grant', 'after a second there is one more guess');
SELECT t.matches(guess('alice'), '^slow_down (1|62)$', 'and the next takes two');
\connect - postgres
CALL later('1 minute 2 seconds');
\connect - app
SELECT t.is(error, NULL, 'the right password comes in') FROM warden.login('alice', :'alice_password');
SELECT t.is(guess('alice'), 'invalid_grant', 'and all is forgotten');

-- The delays grow to a minute, and for an address to a quarter of an hour; then all is forgotten.
\connect - postgres
SELECT t.ok((SELECT bool_and(key ~ '^(everywhere:)?(account:[0-9a-f]{64}|login:([0-9a-f]{64}|[0-9a-f-]{36}))$') AND count(*) = 12 FROM warden.attempts), 'names are not kept in clear, addresses of clients not at all');
ALTER TABLE warden.attempts DISABLE TRIGGER USER;
CREATE FUNCTION delay(key text, failed int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM warden.attempts;
    INSERT INTO warden.attempts (key, failed) VALUES (key, failed);
    RETURN warden.count_attempt(jsonb_build_object('keys', ARRAY[key])) ->> 'retry_after';
END $$;
SELECT t.is(string_agg(coalesce(delay('account:x', failed), '-'), ' ' ORDER BY failed), '- 1 2 4 8 16 32 60 60', 'the delays of an account')
FROM generate_series(4, 12) AS f (failed);
SELECT t.is(string_agg(coalesce(delay('address:x', failed), '-'), ' ' ORDER BY failed), '- 1 2 4 8 16 32 64 128 256 512 900 900', 'those of an address')
FROM generate_series(19, 31) AS f (failed);
SELECT t.is(string_agg(coalesce(delay('everywhere:account:x', failed), '-'), ' ' ORDER BY failed), '- 1 2 4 8 16 32 60 60', 'those of an account from everywhere')
FROM generate_series(29, 37) AS f (failed);
SELECT t.is(delay('account:x', 2000000000), '60', 'and of a patient attacker');
UPDATE warden.attempts SET last_at = clock_timestamp() - interval '15 minutes';
SELECT t.is(warden.count_attempt('{"keys": ["account:x"]}') ->> 'retry_after', NULL, 'forgotten after a quarter of an hour of quiet');
SELECT t.is((SELECT failed FROM warden.attempts), 1, 'as if there had been none');
-- Bounded: what is old goes, while others come.
INSERT INTO warden.attempts (key, last_at) SELECT 'account:' || i, clock_timestamp() - interval '1 hour' FROM generate_series(1, 150) AS i;
SELECT warden.count_attempt('{"keys": ["account:y"]}'), warden.count_attempt('{"keys": ["account:y"]}');
SELECT t.is(count(*), 2, 'old counters are gone') FROM warden.attempts;

-- A gateway's word counts: twenty guesses at whomever from one address, of one IPv4 address or one IPv6 network.
TRUNCATE warden.attempts;
ALTER TABLE warden.attempts ENABLE TRIGGER USER;
\connect - gateway
SELECT t.is(count(*) FILTER (WHERE l.error = 'invalid_grant'), 20, 'twenty guesses from one address')
FROM generate_series(1, 20) AS i CROSS JOIN LATERAL warden.login('user' || i, 'a guess', '::ffff:192.0.2.1') AS l;
SELECT t.is(l.error, 'slow_down', 'F7: the next has to wait, from ' || address)
FROM unnest('{192.0.2.1,::ffff:192.0.2.1,192.0.2.1/24}'::inet[]) AS a (address)
CROSS JOIN LATERAL warden.login('bob', 'a guess', address) AS l;
SELECT t.is(l.error, 'invalid_grant', 'not from another one') FROM warden.login('bob', 'a guess', '192.0.2.2') AS l;
SELECT count(*) FROM generate_series(1, 20) AS i CROSS JOIN LATERAL warden.login('user v6 ' || i, 'a guess', ('2001:db8:1:1::' || i)::inet) AS l;
SELECT t.is(l.error, 'slow_down', 'an IPv6 network is one') FROM warden.login('bob', 'a guess', '2001:db8:1:1:ffff::1') AS l;
SELECT t.is(l.error, 'invalid_grant', 'and the next is another') FROM warden.login('bob', 'a guess', '2001:db8:1:2::1') AS l;
-- Who signs in as himself in between does not get new guesses at others.
SELECT t.is(count(*) FILTER (WHERE l.error IS NULL), 3, 'an address from which somebody signs in')
FROM generate_series(1, 3) AS i CROSS JOIN LATERAL warden.login('alice', :'alice_password', '192.0.2.3') AS l;
\connect - postgres
SELECT t.is((SELECT failed FROM warden.attempts WHERE key = 'address:192.0.2.3'), 0, 'has failed nothing');
UPDATE warden.attempts SET failed = 7 WHERE key = 'address:192.0.2.3';
\connect - gateway
SELECT t.is(l.error, NULL, 'once more') FROM warden.login('alice', :'alice_password', '192.0.2.3') AS l;
\connect - postgres
SELECT t.is((SELECT failed FROM warden.attempts WHERE key = 'address:192.0.2.3'), 7, 'and what others failed from there is not forgiven');
\connect - app
SELECT t.is(l.error, 'invalid_grant', 'an ordinary client slows down nobody else''s address') FROM warden.login('somebody', 'a guess', '192.0.2.9') AS l;
\connect - postgres
SELECT t.is(count(*), 0, 'nothing is counted by it') FROM warden.attempts WHERE key LIKE 'address:192.0.2.9%';

-- A banned address is refused before the password is looked at, whoever states it.
\connect - boss
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'test');
\connect - app
SELECT t.refused(format('SELECT warden.login(%L, %L, %L)', 'alice', :'alice_password', address), '42501', 'F7: banned: ' || address, 'banned')
FROM unnest('{203.0.113.7,::ffff:203.0.113.7}'::text[]) AS a (address);
SELECT t.is(l.error, NULL, 'and another is not') FROM warden.login('alice', :'alice_password', '203.0.113.8') AS l;

-- The counters are nobody's to change.
\connect - app
SELECT t.refused(command, '42501', command)
FROM unnest('{DELETE FROM warden.attempts,UPDATE warden.attempts SET failed = 0,TRUNCATE warden.attempts,SELECT FROM warden.attempts,SELECT FROM warden.passwords}'::text[]
    || '{"SELECT warden.count_attempt(''{}'')","SELECT warden.forgive_attempts(''{}'')","SELECT warden.sign_in(''{}'')","SELECT warden.store_password(''{}'')","SELECT warden.sign_in_candidate(''alice'')","SELECT warden.autonomously(''sign_in'', ''{}'')"}'::text[]) AS c (command);
SELECT t.done();
