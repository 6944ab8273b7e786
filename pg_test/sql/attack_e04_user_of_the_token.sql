-- E4 and B1: good tokens of users who are deleted, suspended, inactive, pending or temporary, or were asked to sign in anew:
-- the one answer, and nobody. Also through a snapshot from before it happened.
\ir lib/cast.sql
CREATE FUNCTION answer_to(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN t.error(format('SELECT warden.authenticate(%L)', token)) - 'context';
END $$;
\ir lib/as_attacker.sql
SELECT answer_to('nonsense') AS answer \gset
SELECT t.is(:'answer'::jsonb->>'sqlstate', '28000', 'the answer to nonsense');
BEGIN;
SELECT t.is(warden.authenticate(:'mallory_token'), :'mallory'::uuid, 'mallory is active, and her token now in the cache');
COMMIT;

\connect - postgres
CREATE FUNCTION set_status(status text) RETURNS void LANGUAGE sql SECURITY DEFINER AS
    $$UPDATE warden.users SET status = set_status.status WHERE id = '3a110000-0000-4000-8000-000000000003'$$;
CREATE FUNCTION set_valid_after(moment timestamptz) RETURNS void LANGUAGE sql SECURITY DEFINER AS
    $$UPDATE warden.users SET tokens_valid_after = moment WHERE id = '3a110000-0000-4000-8000-000000000003'$$;
GRANT EXECUTE ON FUNCTION set_status(text), set_valid_after(timestamptz) TO app;
\connect - app
-- Each twice in one backend, and each statement a transaction of its own.
SELECT statement
FROM unnest('{inactive,suspended,pending,deleted,temporary}'::text[]) AS status
CROSS JOIN LATERAL (VALUES
    (1, format('SELECT set_status(%L)', status)),
    (2, format('SELECT t.is(answer_to(%L), %L, %L)', :'mallory_token', :'answer', status)),
    (3, format('SELECT t.is(answer_to(%L), %L, %L)', :'mallory_token', :'answer', status || ', again')),
    (4, 'SELECT set_status(''active'')'),
    (5, format('SELECT t.is(warden.authenticate(%L), %L, %L)', :'mallory_token', :'mallory', 'active after ' || status))
) AS steps (step, statement)
ORDER BY status, step \gexec

SELECT set_valid_after(now() + interval '1 minute');
SELECT t.is(answer_to(:'mallory_token'), :'answer', 'tokens_valid_after later than iat');
SELECT set_valid_after(now() - interval '1 hour');
SELECT t.is(warden.authenticate(:'mallory_token'), :'mallory'::uuid, 'tokens_valid_after earlier than iat');

-- A snapshot from before: psql holds it while another connection suspends her.
\setenv SUSPEND 'SELECT warden.set_user_status(''3a110000-0000-4000-8000-000000000003'', ''suspended'')'
\setenv RESTORE 'SELECT warden.set_user_status(''3a110000-0000-4000-8000-000000000003'', ''active'')'
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM tokens;
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e04_user_of_the_token -c "$SUSPEND"
SELECT t.is(answer_to(:'mallory_token'), :'answer', 'suspended after the snapshot was taken (repeatable read)');
COMMIT;
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e04_user_of_the_token -c "$RESTORE"
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM tokens;
SELECT t.is(warden.authenticate(:'mallory_token'), :'mallory'::uuid, 'active (serializable)');
\! "$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d attack_e04_user_of_the_token -c "$SUSPEND"
SELECT t.is(answer_to(:'mallory_token'), :'answer', 'suspended between two authentications of one transaction (serializable)');
SELECT t.is(seen(), NULL, 'and she is nobody from there on');
COMMIT;
SELECT t.done();
