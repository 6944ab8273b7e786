-- U2: six statuses. Only an active user comes in, and a token that is valid for hours is refused in the very next transaction.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');

-- What authenticate says to alice's token, in a transaction of its own.
CREATE FUNCTION comes_in() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(public.token_of('alice'));
    RETURN public.seen();
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN 'refused';
END $$;
-- From each of five statuses to each other one, and what the client is told each time.
CREATE TABLE tour (step int, status text);
INSERT INTO tour SELECT ordinality, status FROM unnest('{active,inactive,active,suspended,active,pending,active,temporary,inactive,suspended,inactive,pending,inactive,temporary,suspended,pending,suspended,temporary,pending,temporary,active}'::text[]) WITH ORDINALITY AS s (status);
SELECT t.is(count(*), 20, 'the tour meets every pair once')
FROM (SELECT DISTINCT a.status, b.status FROM tour a JOIN tour b ON b.step = a.step + 1 WHERE a.status <> b.status) AS pairs;
GRANT SELECT ON tour TO boss;
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 2;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: inactive');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 3;
\connect - app
SELECT t.is(comes_in(), 'alice 1, alice 2, alice 3', 'U2: active');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 4;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: suspended');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 5;
\connect - app
SELECT t.is(comes_in(), 'alice 1, alice 2, alice 3', 'U2: active');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 6;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: pending');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 7;
\connect - app
SELECT t.is(comes_in(), 'alice 1, alice 2, alice 3', 'U2: active');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 8;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: temporary');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 9;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: inactive');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 10;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: suspended');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 11;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: inactive');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 12;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: pending');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 13;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: inactive');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 14;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: temporary');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 15;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: suspended');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 16;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: pending');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 17;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: suspended');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 18;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: temporary');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 19;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: pending');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 20;
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: temporary');
\connect - boss
SELECT t.is(warden.set_user_status(:'alice', status), true, 'U2: becomes ' || status) FROM tour WHERE step = 21;
\connect - app
SELECT t.is(comes_in(), 'alice 1, alice 2, alice 3', 'U2: active');

\connect - boss
SELECT warden.set_user_status(:'alice', 'active');
\connect - app
SELECT t.is(comes_in(), 'alice 1, alice 2, alice 3', 'the token is good');
SELECT t.refused(format('SELECT warden.set_user_status(%L, ''active'')', :'alice'), '42501', 'a client sets no status');
\connect - boss
SELECT t.refused(format('SELECT warden.set_user_status(%L, ''asleep'')', :'alice'), '22023', 'there is no seventh status');
SELECT t.refused(format('SELECT warden.set_user_status(%L, NULL)', :'alice'), '22023', 'nor none');
SELECT t.refused('SELECT warden.set_user_status(gen_random_uuid(), ''active'')', 'P0002', 'an unknown user');
SELECT t.is(warden.set_user_status(:'alice', 'deleted'), true, 'deleted by status');
SELECT t.refused(format('SELECT warden.set_user_status(%L, ''active'')', :'alice'), 'P0002', 'no status brings a deleted user back', 'not found');
\connect - app
SELECT t.is(comes_in(), 'refused', 'U2: deleted: refused');
SELECT t.done();
