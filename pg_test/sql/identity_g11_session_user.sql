-- G11, taOS F1 and F4: whoever is acted for comes from the credential alone: a user id in an argument makes nobody that user, and a bad
-- credential makes nobody at all, never the first user there is.
\ir lib/cast.sql
\ir lib/agents.sql
INSERT INTO warden.shares (relation, row_id, grantee, level) VALUES ('agents', :'researcher', 'user:' || :'mallory', 'view');
CREATE TABLE tried (statement text, code text);
INSERT INTO tried VALUES
    (format('SELECT warden.set_password(%L, ''correct horse'', NULL)', :'alice'), '42501'),
    (format('SELECT * FROM warden.list_sessions(%L)', :'alice'), 'nothing'),
    (format('SELECT warden.revoke_all_sessions(%L)', :'alice'), 'P0002'),
    (format('SELECT * FROM warden.create_api_key(''stolen'', user_id => %L)', :'alice'), '42501|P0002'),
    (format('SELECT * FROM warden.list_api_keys(%L)', :'alice'), 'nothing'),
    (format('SELECT * FROM warden.list_device_certificates(%L)', :'alice'), 'nothing'),
    (format('SELECT * FROM warden.list_agents(%L)', :'alice'), 'nothing'),
    (format('SELECT warden.act_as(%L, ''I would like to'')', :'alice'), '42501'),
    (format('SELECT warden.require_user(%L::uuid)', :'alice'), '42501'),
    (format('SELECT warden.share(''agents'', %L, %L, ''view'')', :'researcher', :'bob'), '42501'),
    (format('SELECT warden.unshare(''agents'', %L, %L)', :'researcher', :'alice'), '42501'),
    (format('SELECT warden.transfer(''agents'', %L, %L)', :'researcher', :'mallory'), '42501'),
    (format('SELECT * FROM warden.explain_access(''agents'', %L, %L)', :'researcher', :'alice'), '42501'),
    (format('SELECT * FROM warden.explain_entity(''agent'', ''x'', %L)', :'alice'), '42501|P0002'),
    (format('SELECT warden.add_member(gen_random_uuid(), %L, ''{user}'')', :'mallory'), '42501|P0002|55000'),
    (format('SELECT warden.remove_member(gen_random_uuid(), %L)', :'alice'), '42501|P0002|55000'),
    (format('SELECT * FROM warden.create_invite(user_id => %L)', :'alice'), '42501'),
    (format('SELECT warden.set_current_user(%L)', :'alice'), '42501'),
    (format('SELECT * FROM warden.register_agent(''mine'', owner_id => %L)', :'alice'), '42501|P0002');
GRANT SELECT ON tried TO app;
-- Nothing is left out: whoever adds a function that clients may call with a user's id tries it here.
SELECT t.is((SELECT string_agg(DISTINCT p.proname, ', ' ORDER BY p.proname)
     FROM pg_proc p CROSS JOIN LATERAL unnest(p.proargnames, p.proargmodes) AS a (name, mode)
     WHERE p.pronamespace = 'warden'::regnamespace AND has_function_privilege('app', p.oid, 'EXECUTE')
       AND a.name IN ('user_id', 'owner_id', 'subject_id') AND coalesce(a.mode, 'i') = 'i'
       AND NOT EXISTS (SELECT FROM tried t WHERE t.statement LIKE '%warden.' || p.proname || '(%')), NULL, 'G11: every function with the id of a user is tried');

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.ok(t.error(statement) ->> 'sqlstate' ~ format('^(%s)$', code), 'G11: refused to mallory: ' || statement, t.error(statement)::text)
FROM tried WHERE code <> 'nothing' AND statement NOT LIKE '%warden.act_as(%';
SELECT t.rows(statement, 0, 'G11: shows nothing to mallory: ' || statement) FROM tried WHERE code = 'nothing';
SELECT t.is(warden.current_user_id(), :'mallory'::uuid, 'G11: and mallory she stays');
SELECT t.is((SELECT count(*) FROM warden.list_sessions(:'mallory')), 0, 'G11: her own she may name');
SELECT t.ok(t.error(statement) ->> 'sqlstate' ~ code, 'G11: refused to mallory: ' || statement) FROM tried WHERE statement LIKE '%warden.act_as(%';
COMMIT;
-- taOS F4: a credential that is none is nobody's.
SELECT t.refused(format('SELECT warden.authenticate(%L)', ''), '28000', 'taOS F4: an empty token');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'tampered_token'), '28000', 'taOS F4: one that was changed');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'expired_token'), '28000', 'taOS F4: one that has expired');
SELECT t.refused('SELECT warden.authenticate(NULL)', '28000', 'taOS F4: none');
BEGIN;
SELECT t.refused('SELECT warden.authenticate(''x'')', '28000', 'taOS F4: no token at all');
SELECT t.is(warden.current_user_id(), NULL, 'taOS F4: nobody, not the first user there is');
SELECT t.rows('SELECT * FROM agents', 0, 'taOS F4: and sees nothing');
COMMIT;
SELECT t.done();
