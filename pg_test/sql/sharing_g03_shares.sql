-- G3, F2, taOS F2, F3, F7 to F11: sharing a row, changing that, taking it back; offers; what is shared on falls with the share
-- under it.
\ir lib/cast.sql
\ir lib/agents.sql
SELECT warden.create_user('carol@example.com') AS carol \gset
CREATE FUNCTION suspended(id uuid) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ UPDATE warden.users u SET status = 'suspended' WHERE u.id = suspended.id RETURNING true $$;
CREATE FUNCTION recorded(action text) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ SELECT count(*) FROM warden.audit_log a WHERE a.action = recorded.action $$;
-- Makes a chain of shares of a tool, each under the one before.
SELECT array_agg(warden.create_user()) AS chained FROM generate_series(1, 16) \gset
SELECT (:'chained'::uuid[])[1] AS first \gset
CREATE FUNCTION chain(tool text, users uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    above uuid;
    giver uuid := (SELECT user_id FROM tools WHERE id = tool);
    holder uuid;
BEGIN
    FOREACH holder IN ARRAY users LOOP
        INSERT INTO warden.shares (relation, row_id, grantee, level, under, granted_by) VALUES ('tools', tool, 'user:' || holder, 'share', above, giver) RETURNING id INTO above;
        giver := holder;
    END LOOP;
END $$;
-- What a user sees of alice's researcher, as its name; in its own transaction of the same session.
\ir lib/as_attacker.sql

-- Alice shares with bob, in each kind of key.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'researcher', :'bob', 'view') AS share_id \gset
SELECT t.is(warden.share('agents', :'researcher'::uuid, :'bob', 'use'), :'share_id'::uuid, 'G3: sharing again changes the level and keeps the id');
SELECT t.ok(warden.share('projects', 1, :'bob', 'edit') IS NOT NULL, 'G3: a row with a number for a key');
SELECT t.ok(warden.share('tools', 'search', :'bob', 'edit') IS NOT NULL, 'G3: a row with a text for a key');
SELECT t.is(recorded('share'), 4, 'G3: each is recorded');
SELECT t.is((SELECT string_agg(grantee || ' ' || access, ', ' ORDER BY access) FROM warden.who_can('agents', :'researcher')),
    'user:' || :'alice' || ' owner, user:' || :'bob' || ' use', 'G3: who can');
-- taOS F10: an end that cannot be read, or is past, is none.
SELECT t.refused(statement, code, 'G3: refused: ' || statement, message)
FROM (VALUES
    (format('SELECT warden.share(''agents'', %L, %L, ''view'')', :'researcher', :'alice'), '22023', 'with himself'),
    (format('SELECT warden.share(''agents'', %L, gen_random_uuid(), ''view'')', :'researcher'), 'P0002', 'user not found'),
    (format('SELECT warden.share(''agents'', %L, NULL, ''view'')', :'researcher'), '22023', 'no user'),
    (format('SELECT warden.share(''agents'', %L, %L, ''owner'')', :'researcher', :'bob'), '22023', 'unknown level'),
    (format('SELECT warden.share(''agents'', %L, %L, NULL)', :'researcher', :'bob'), '22023', 'unknown level'),
    (format('SELECT warden.share(''agents'', %L, %L, ''view'', now() - interval ''1 s'')', :'researcher', :'bob'), '22023', 'expired already'),
    (format('SELECT warden.share(''agents'', %L, %L, ''view'', ''tomorrowish'')', :'researcher', :'bob'), '22007', 'tomorrowish'),
    (format('SELECT warden.share_with(''agents'', %L, ''everyone'', ''share'')', :'researcher'), '22023', 'many at once'),
    (format('SELECT warden.share_with(''agents'', %L, ''role:nonesuch'', ''view'')', :'researcher'), '22023', 'unknown role'),
    (format('SELECT warden.share_with(''agents'', %L, ''everybody'', ''view'')', :'researcher'), '22023', 'nobody to share with'),
    (format('SELECT warden.share_with(''agents'', %L, %L, ''view'')', :'researcher', 'tenant:' || gen_random_uuid()), 'P0002', 'tenant not found'),
    ('SELECT warden.share(''documents'', 1, gen_random_uuid(), ''view'')', '22023', 'cannot be shared'),
    ('SELECT warden.share(''messages'', 1, gen_random_uuid(), ''view'')', '22023', 'cannot be shared'),
    (format('SELECT warden.assign(''agents'', %L, %L, ''view'')', :'researcher', :'bob'), '42501', 'assign')) AS s (statement, code, message);
COMMIT;

-- F2: who neither owns a row nor may share it; an id that is known opens nothing, and tells nothing.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.refused(statement, 'P0002', 'F2, taOS F2, F3 and F9: to a stranger the row does not exist: ' || statement, 'row not found')
FROM (VALUES
    (format('SELECT warden.share(''agents'', %L, %L, ''view'')', :'researcher', :'bob')),
    (format('SELECT warden.share(''agents'', %L, %L, ''view'')', :'researcher', :'mallory')),
    (format('SELECT warden.share(''agents'', gen_random_uuid(), %L, ''view'')', :'bob')),
    (format('SELECT warden.share(''agents'', ''no uuid'', %L, ''view'')', :'bob')),
    (format('SELECT warden.share(''projects'', 99999999999, %L, ''view'')', :'bob')),
    (format('SELECT warden.unshare(''agents'', %L, %L)', :'researcher', :'bob')),
    (format('SELECT warden.unshare(''agents'', %L, %L)', :'researcher', :'mallory')),
    (format('SELECT warden.transfer(''agents'', %L, %L)', :'researcher', :'mallory')),
    (format('SELECT warden.require_access(''agents'', %L, ''view'')', :'researcher')),
    (format('SELECT * FROM warden.who_can(''agents'', %L)', :'researcher')),
    (format('SELECT * FROM warden.list_shares(''agents'', %L)', :'researcher')),
    (format('SELECT * FROM warden.explain_access(''agents'', %L)', :'researcher'))) AS s (statement);
SELECT t.is(warden.access_level('agents', :'researcher'), NULL, 'G4: a stranger has no level');
SELECT t.is(warden.can('agents', :'researcher', 'view'), false, 'G4: and can nothing');
SELECT t.rows('SELECT * FROM warden.shared_with_me()', 0, 'G3: nothing is shared with a stranger');
SELECT t.refused(format('SELECT warden.accept_share(%L)', :'share_id'), 'P0002', 'F2: nobody accepts for another', 'share not found');
SELECT t.refused('SELECT * FROM warden.shares', '42501', 'F2: no client reads the shares', 'permission denied');
SELECT t.refused(format('INSERT INTO warden.shares (relation, row_id, grantee, level) VALUES (''agents'', %L, %L, ''share'')', :'researcher', 'user:' || :'mallory'), '42501', 'F2: nor writes any', 'permission denied');
SELECT t.refused(format('SELECT warden.write_share(''agents'', %L, %L, ''share'', NULL, NULL, false)', :'researcher', 'user:' || :'mallory'), '42501', 'F2: nor by what is within', 'permission denied');
COMMIT;

-- Bob, at use.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(name, ', ' ORDER BY name) FROM agents WHERE user_id = :'alice'), 'researcher', 'G2: bob sees the one row that is shared, and no other');
SELECT t.is(warden.access_level('agents', :'researcher') || ' ' || warden.access_level('projects', 1) || ' ' || warden.access_level('tools', 'search'), 'use edit edit', 'G4: he knows his level');
SELECT t.is((SELECT string_agg(table_name || ' ' || id || ' ' || level || ' ' || status, ', ' ORDER BY id) FROM warden.shared_with_me()),
    'projects 1 edit accepted, agents ' || :'researcher' || ' use accepted, tools search edit accepted', 'G3: and what is shared with him');
SELECT t.refused(statement, '42501', 'F2: use shares nothing on: ' || statement)
FROM (VALUES
    (format('SELECT warden.share(''agents'', %L, %L, ''view'')', :'researcher', :'mallory')),
    (format('SELECT warden.share(''agents'', %L, %L, ''share'')', :'researcher', :'bob')),
    (format('SELECT warden.unshare(''agents'', %L, %L)', :'researcher', :'alice')),
    (format('SELECT warden.transfer(''agents'', %L, %L)', :'researcher', :'bob')),
    (format('SELECT warden.require_access(''agents'', %L, ''edit'')', :'researcher')),
    (format('SELECT * FROM warden.who_can(''agents'', %L)', :'researcher')),
    (format('SELECT * FROM warden.explain_access(''agents'', %L, %L)', :'researcher', :'alice'))) AS s (statement);
SELECT t.is((SELECT string_agg(reason || ' ' || level || ' ' || counts, ', ') FROM warden.explain_access('agents', :'researcher')), 'share use true', 'N5: he may know why he sees it');
SELECT t.is(warden.require_access('agents', :'researcher', 'use'), true, 'G2: what his level is for is let through');
COMMIT;

-- At share he shares on; what he gave falls with his own share, in the next statement.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'researcher', :'bob', 'share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(format('SELECT warden.share(''agents'', %L, %L, ''edit'')', :'researcher', :'alice'), '22023', 'F2: the owner is given nothing', 'own');
SELECT t.refused(format('SELECT warden.transfer(''agents'', %L, %L)', :'researcher', :'bob'), '42501', 'F2: at share nobody takes the row', 'only its owner');
SELECT warden.share('agents', :'researcher', :'mallory', 'share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.access_level('agents', :'researcher'), 'share', 'G3: shared on');
SELECT warden.share('agents', :'researcher', :'carol', 'view');
SELECT t.refused(format('SELECT warden.unshare(''agents'', %L, %L)', :'researcher', :'bob'), '42501', 'F2: nobody takes away what another gave', 'given by somebody else');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is((SELECT count(*) FROM warden.who_can('agents', :'researcher')), 4, 'G3: four reach it');
SELECT t.is((SELECT count(*) FROM warden.who_can('agents', :'researcher', level => 'share')) || ' ' || (SELECT count(*) FROM warden.who_can('agents', :'researcher'::uuid, level => 'share'))
    || ' ' || (SELECT count(*) FROM warden.who_can('projects', 1, level => 'edit')), '3 3 2', 'G3: of them three at share, by each type of keys');
SELECT t.is(warden.unshare('agents', :'researcher', :'bob'), 3, 'G3, taOS F7: taken from bob, it is taken from all whom he gave it');
SELECT t.is((SELECT string_agg(grantee, ', ') FROM warden.who_can('agents', :'researcher')), 'user:' || :'alice', 'G3: and the owner alone is left');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.rows('SELECT * FROM agents', 0, 'G3: gone in the next transaction');
SELECT t.is(warden.access_level('agents', :'researcher'), NULL, 'G3: and no level is left');
COMMIT;

-- A row is shared on so often and no further: who is the last hears of that, and of nobody's missing right.
SELECT chain('mail', :'chained'::uuid[] || :'mallory'::uuid), chain('search', (:'chained'::uuid[])[:15] || :'mallory'::uuid);
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.access_level('tools', 'mail') || ' ' || warden.access_level('tools', 'search'), 'share share', 'G3: she is the last of sixteen below the first, and the last but one');
SELECT t.refused(format('SELECT warden.share(''tools'', ''mail'', %L, ''view'')', :'carol'), '42501', 'G3: the last does not share it on', 'shared on too often');
SELECT t.matches(t.error(format('SELECT warden.share(''tools'', ''mail'', %L, ''view'')', :'carol')) ->> 'hint', 'No more than 16 .* its owner shares it', 'G3: and is told who does');
SELECT t.ok(warden.share('tools', 'search', :'carol', 'view') IS NOT NULL, 'G3: the last but one does');
SELECT t.is((SELECT bool_and(counts) FROM warden.list_shares('tools', 'search')), true, 'G3: and all of them count');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.unshare('tools', 'mail', :'first'::uuid) + warden.unshare('tools', 'search', :'first'::uuid), 33, 'G3: and all fall with the first');
COMMIT;

-- Lowered, what was shared on falls as well, and does not come back when it is raised again.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'researcher', :'bob', 'share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share('agents', :'researcher', :'mallory', 'view');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'researcher', :'bob', 'edit');
SELECT t.rows(format('SELECT * FROM warden.who_can(''agents'', %L) WHERE grantee LIKE ''%%%s''', :'researcher', :'mallory'), 0, 'G3: lowered below share, what was shared on counts no more');
SELECT warden.share('agents', :'researcher', :'bob', 'share');
SELECT t.rows(format('SELECT * FROM warden.who_can(''agents'', %L) WHERE grantee LIKE ''%%%s''', :'researcher', :'mallory'), 0, 'F2: and it does not come back');
COMMIT;

-- Offers: nothing until accepted; by whom it is for, once.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'writer', :'mallory', 'edit', offer => true) AS offer_id \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.access_level('agents', :'writer'), NULL, 'G3: what is offered opens nothing');
SELECT t.is((SELECT status FROM warden.shared_with_me() WHERE share_id = :'offer_id'), 'pending', 'G3, taOS F11: and is seen by whom it is for, as what it is');
SELECT t.is(warden.decline_share(:'offer_id'), true, 'G3: declined');
SELECT t.refused(format('SELECT warden.accept_share(%L)', :'offer_id'), '55000', 'G3: and answered', 'has been answered');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.share('agents', :'writer', :'mallory', 'edit', offer => true), :'offer_id'::uuid, 'G3: offered anew');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is(warden.accept_share(:'offer_id'), true, 'G3: accepted');
SELECT t.is(warden.access_level('agents', :'writer'), 'edit', 'G3, taOS F8: it counts from the next statement on, at the level that was offered');
SELECT t.is(warden.unshare('agents', :'writer', :'mallory'), 1, 'G3: whom it is for may leave');
SELECT t.is(warden.access_level('agents', :'writer'), NULL, 'G3: and has left');
COMMIT;

-- Ended shares are absent, whatever else says so. (What is taken back meanwhile: test_sharing_at_once.py.)
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'writer', :'mallory', 'edit', clock_timestamp() + interval '3 seconds');
SELECT warden.share_with('projects', 1, 'everyone', 'view'), warden.share_with('projects', 2, 'role:user', 'edit');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is((SELECT count(*) FROM agents), 1, 'G3: until it ends it counts');
SELECT t.is((SELECT string_agg(name || ' ' || warden.access_level('projects', id), ', ' ORDER BY id) FROM projects), 'apollo view, gemini edit', 'G3: everyone, and a role');
SELECT pg_sleep(3.1);
SELECT t.is((SELECT count(*) FROM agents), 0, 'G3: then it is absent');
SELECT t.rows('SELECT * FROM warden.shared_with_me() WHERE table_name = ''agents''::regclass', 0, 'G3: from the list, too');
COMMIT;
BEGIN;
SELECT t.rows('SELECT * FROM projects', 0, 'G3: everyone is who is signed in');
COMMIT;
SELECT t.done();
