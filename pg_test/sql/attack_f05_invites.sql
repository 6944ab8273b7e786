-- F5, taOS F5, D12, F7: eight digits of an invite guessed in one transaction, each guess in a savepoint rolled back; for an invite that
-- is not there, the same answer; expired, dead, revoked, used; by an address; and an invite that is asked who is a user here.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/invites.sql
\ir lib/hold.sql
-- One guess, of which no trace is left in the attacker's own transaction.
CREATE FUNCTION guess(code text, email text DEFAULT NULL, invite_id uuid DEFAULT NULL, client_ip inet DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        answer := redeemed(code, email, invite_id => guess.invite_id, client_ip => guess.client_ip);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'UE001';
    EXCEPTION WHEN SQLSTATE 'UE001' THEN
        RETURN answer;
    END;
END $$;
CREATE FUNCTION answer_of(code text, email text DEFAULT NULL, invite_id uuid DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT r::text FROM warden.redeem_invite(code, email, invite_id => answer_of.invite_id) AS r
$$;
SELECT id AS other, code AS other_code FROM warden.create_invite(short => true) \gset
SELECT id, code FROM warden.create_invite(short => true, email => 'carol@example.com') \gset
SELECT id AS fifth, code AS fifth_code FROM warden.create_invite(short => true) \gset
SELECT id AS expired, code AS expired_code FROM warden.create_invite(short => true) \gset
SELECT code AS expired_long FROM warden.create_invite(expires_in => '1 second') \gset
SELECT id AS revoked, code AS revoked_code FROM warden.create_invite(short => true) \gset
SELECT code AS revoked_long, warden.revoke_invite(id) FROM warden.create_invite() \gset
SELECT code AS used_long FROM warden.create_invite() \gset
SELECT warden.revoke_invite(:'revoked');
UPDATE warden.invites SET expires_at = now() WHERE id = :'expired' OR expires_at < now() + interval '1 hour' AND NOT short;
\ir lib/as_attacker.sql

BEGIN;
SELECT t.is(string_agg(guess(wrong(:'code'), invite_id => :'id'), ', ' ORDER BY i), 'invalid_grant, invalid_grant, invalid_grant, invalid_grant, invalid_grant', 'F5: five guesses') FROM generate_series(1, 5) AS i;
SELECT t.is(kept(:'id'), 'dead 5', 'F5: each counts, whatever is rolled back');
SELECT t.is(guess(:'code', invite_id => :'id'), 'invalid_grant', 'F5: the sixth is refused, though it is right');
SELECT t.is(guess(:'code', 'carol@example.com'), 'invalid_grant', 'by the address too');
ROLLBACK;
SELECT t.is(redeemed(:'code', invite_id => :'id'), 'invalid_grant', 'F5: and in the next transaction, for good');
SELECT t.is(kept(:'id'), 'dead 5', 'no more is counted');
SELECT t.is(kept(:'other'), 'pending', 'F5: another invite is not concerned');
-- Four wrong ones and a right one.
SELECT t.is(string_agg(guess(wrong(:'fifth_code'), invite_id => :'fifth'), ', '), 'invalid_grant, invalid_grant, invalid_grant, invalid_grant', 'four guesses') FROM generate_series(1, 4) AS i;
SELECT t.is(redeemed(:'fifth_code', invite_id => :'fifth'), 'new', 'F5: the fifth, which is right, redeems');
SELECT t.is(redeemed(:'other_code', invite_id => :'fifth'), 'invalid_grant', 'the code of one is none of another');
SELECT t.is(redeemed(:'other_code'), 'invalid_request', 'F5: nobody tries a code on all invites at once');
SELECT t.is(redeemed(:'other_code', 'somebody@example.com'), 'invalid_grant', 'nor on what is bound to no address');

-- D12: one answer.
SELECT t.is(redeemed(:'used_long'), 'new', 'an invite is used');
SELECT t.is(string_agg(DISTINCT answer, ' '), '(,,,invalid_grant,"this invite cannot be redeemed",)', 'D12: unknown, wrong, expired, used, revoked, dead, malformed: one answer')
FROM (VALUES (answer_of('12345678', invite_id => gen_random_uuid())), (answer_of('12345678', 'nobody@example.com')), (answer_of('wi_' || repeat('A', 43))),
    (answer_of(wrong(:'other_code'), invite_id => :'other')), (answer_of(:'expired_code', invite_id => :'expired')), (answer_of(:'expired_long')),
    (answer_of(:'used_long')), (answer_of(:'fifth_code', invite_id => :'fifth')), (answer_of(:'revoked_code', invite_id => :'revoked')), (answer_of(:'revoked_long')),
    (answer_of(:'code', invite_id => :'id')), (answer_of('1234567', invite_id => :'other')), (answer_of('123456789', invite_id => :'other')), (answer_of('nonsense')),
    (answer_of('١٢٣٤٥٦٧٨', invite_id => :'other')), (answer_of('wi_'))) AS a (answer);
SELECT t.is(kept(:'other'), 'pending 1', 'of which one is a guess');
SELECT t.is(answer_of(code), '(,,,invalid_request,"a code is needed",)', 'D12: and none is none') FROM (VALUES (NULL), (''), (' ')) AS c (code);

-- Somebody who is signed in guesses as much.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(string_agg(guess(wrong(:'other_code'), invite_id => :'other'), ', '), 'invalid_grant, invalid_grant, invalid_grant, invalid_grant', 'F5: so it is for who is signed in') FROM generate_series(1, 4) AS i;
SELECT t.is(guess(:'other_code', invite_id => :'other'), 'invalid_grant', 'F5: whom the sixth is refused');
ROLLBACK;

-- By an address, several at once; each wrong one counts against all that it is tried on.
\connect - postgres
SELECT id AS one, code AS one_code FROM warden.create_invite(short => true, email => 'dora@example.com') \gset
SELECT id AS two, code AS two_code FROM warden.create_invite(short => true, email => 'dora@example.com') \gset
\connect - app
SELECT t.is(guess(wrong(:'one_code'), ' DORA@example.com'), 'invalid_grant', 'F5: a guess by the address');
SELECT t.is(kept(:'one') || ' ' || kept(:'two'), 'pending 1 pending 1', 'F5: counts against every invite that is bound to it');
SELECT t.is(redeemed(:'one_code', 'eve@example.com', invite_id => :'one'), 'invalid_grant', 'F5: the right code for another address');
SELECT t.is(kept(:'one') || ' ' || kept(:'two'), 'pending 2 pending 1', 'is a guess');
SELECT t.is(redeemed(:'two_code', 'dora@example.com'), 'new', 'and for this one it redeems');
SELECT t.is(kept(:'one') || ' ' || kept(:'two'), 'pending 2 redeemed 1', 'one of them');

-- An invite is no directory: who tries address after address is told of five, and nothing after that.
\connect - postgres
SELECT code FROM warden.create_invite() \gset
\connect - app
SELECT t.is(string_agg(guess(:'code', email), ', '), 'user_exists, user_exists, user_exists, user_exists, user_exists', 'D12: five addresses that are taken')
FROM unnest('{alice@example.com,bob@example.com,alice@example.com,bob@example.com,alice@example.com}'::text[]) AS e (email);
SELECT t.is(held(guess(:'code', email)), 'slow_down 1', 'D12: then neither of one that is nor of one that is not: ' || email) FROM unnest('{alice@example.com,nobody@example.com}'::text[]) AS e (email);
\connect - postgres
UPDATE warden.attempts SET last_at = last_at - interval '1 minute 2 seconds';
\connect - app
SELECT t.is(redeemed(:'code', 'erin@example.com'), 'new', 'after that the invite is redeemed');

-- F7: by an address that a trusted role states, and not by one that a client does.
\connect - postgres
TRUNCATE warden.attempts;
SELECT id, code FROM warden.create_invite(short => true) \gset
\connect - gateway
SELECT t.is(count(*) FILTER (WHERE guess = 'invalid_grant'), 20, 'F5: twenty guesses from one address') FROM generate_series(1, 20) AS i CROSS JOIN LATERAL guess(to_char(i, 'FM00000000'), invite_id => gen_random_uuid(), client_ip => '192.0.2.1');
SELECT t.is(held(redeemed(:'code', invite_id => :'id', client_ip => '192.0.2.1')), 'slow_down 1', 'F5: the next has to wait, whichever invite it is for');
SELECT t.is(l.error, 'slow_down', 'as for a password') FROM warden.login('alice', :'alice_password', '192.0.2.1') AS l;
SELECT t.is(redeemed(:'code', invite_id => :'id', client_ip => '192.0.2.2'), 'new', 'not from another one');
\connect - app
SELECT t.is(guess('12345678', invite_id => gen_random_uuid(), client_ip => '192.0.2.3'), 'invalid_grant', 'F7: what a client states');
\connect - postgres
SELECT t.is(string_agg(key || ' ' || failed, ', ' ORDER BY key), 'address:192.0.2.1 20, address:192.0.2.2 0', 'F7: counts against nobody') FROM warden.attempts WHERE key LIKE 'address:%';
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'test');
SELECT code FROM warden.create_invite() \gset
\connect - app
SELECT t.refused(format('SELECT warden.redeem_invite(%L, client_ip => %L)', :'code', address), '42501', 'F7: banned: ' || address, 'banned') FROM unnest('{203.0.113.7,::ffff:203.0.113.7}'::text[]) AS a (address);
SELECT t.is(redeemed(:'code', client_ip => '203.0.113.8'), 'new', 'and another is not');

-- A copy of the table is no use without the key, which no dump has.
\connect - postgres
SELECT id, code FROM warden.create_invite(short => true) \gset
UPDATE warden.invite_key SET key = sha256('another');
\connect - app
SELECT t.is(redeemed(:'code', invite_id => :'id'), 'invalid_grant', 'F5: by another key it is another code');
\connect - postgres
SELECT t.ok('warden.invite_key'::regclass <> ALL (extconfig) AND 'warden.invites'::regclass = ANY (extconfig), 'and the key is in no dump') FROM pg_extension WHERE extname = 'pg_warden';
SELECT t.is(count(*), 5, 'F5: every guess is on the record') FROM warden.audit_log WHERE action = 'redeem_invite_failed' AND object = :'other';
SELECT t.done();
