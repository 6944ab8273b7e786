-- G8: who invites whom to what; what is listed, revoked, recorded and cleaned up, and that no code is among it.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/invites.sql
SELECT warden.define_role('support', '{user,docs:read}');
\ir lib/as_attacker.sql

-- Nobody, and who may not.
SELECT t.refused('SELECT warden.create_invite()', '28000', 'G8: nobody invites nobody', 'nobody is signed in');
SELECT t.rows('SELECT FROM warden.list_invites()', 0, 'G8: and has none to list');
SELECT t.refused('SELECT warden.revoke_invite(gen_random_uuid())', '28000', 'G8: nor to revoke', 'nobody is signed in');
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.refused('SELECT warden.create_invite()', '42501', 'G8: a user without the scope invites nobody', 'more than the acting user holds');
COMMIT;

-- An admin.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT id AS long_id, code AS long_code, expires_at - now() BETWEEN '6 days 23:59' AND '7 days 00:01' AS in_a_week FROM warden.create_invite() \gset
SELECT t.matches(:'long_code', '^wi_[A-Za-z0-9_-]{43}$', 'G8: a code of 256 bits');
SELECT t.ok(:'in_a_week', 'G8: good for a week');
SELECT id AS short_id, code AS short_code, expires_at - now() BETWEEN '14 min' AND '16 min' AS in_a_quarter FROM warden.create_invite(short => true) \gset
SELECT t.matches(:'short_code', '^[0-9]{8}$', 'G8: eight digits on request');
SELECT t.ok(:'in_a_quarter', 'G8: good for a quarter of an hour');
SELECT t.succeeds(format('SELECT warden.create_invite(role => %L)', role), 'G8: an admin invites to role ' || role) FROM unnest('{viewer,user,admin}'::text[]) AS r (role);
SELECT t.refused(format('SELECT warden.create_invite(role => %L)', role), '42501', 'G8, F5: not above his own: ' || role, 'more than the acting user holds') FROM unnest('{owner}'::text[]) AS r (role);
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'mallory'), '42501', 'G8: nor does a client reset a user', 'not allowed to invite a user back');
SELECT t.refused(format('SELECT warden.create_invite(tenant_id => %L)', gen_random_uuid()), 'P0002', 'G8: nor invite to a tenant that is none of his', 'tenant not found');
SELECT t.refused('SELECT warden.create_invite(' || arguments || ')', '22023', 'unusable: ' || arguments)
FROM unnest('{"role => ''nonsense''","role => NULL","email => ''no address''","expires_in => ''0''","expires_in => ''-1 day''","expires_in => ''1 year 1 day''","short => true, expires_in => ''25 hours''","tenant_id => gen_random_uuid(), tenant_roles => ''{}''","tenant_id => gen_random_uuid(), tenant_roles => ''{nonsense}''","tenant_id => gen_random_uuid(), tenant_roles => ''{NULL}''","user_id => gen_random_uuid(), email => ''a@example.com''","user_id => gen_random_uuid(), role => ''viewer''"}'::text[]) AS a (arguments);
SELECT t.succeeds('SELECT warden.create_invite(short => NULL, expires_in => ''1 year'')', 'a year it is, and NULL is not short');
ROLLBACK;

-- Whatever became of that transaction.
SELECT t.is(kept(:'long_id'), 'pending', 'G8: a client''s invite is there all the same');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(string_agg(concat_ws(' ', status, short, role), ', ' ORDER BY created_at), 'pending f user, pending t user, pending f viewer, pending f user, pending f admin, pending f user',
    'G8: they are listed') FROM warden.list_invites();
SELECT t.is((SELECT count(*) FROM warden.list_invites() AS l WHERE l::text LIKE '%' || :'short_code' || '%' OR l::text LIKE '%' || substr(:'long_code', 4) || '%'), 0, 'G8: and none of them in clear');
SELECT t.is(attribute, NULL, 'G8: nor by its hash') FROM (SELECT string_agg(a.attname, ' ') AS attribute FROM pg_attribute a WHERE a.attrelid = 'warden.listed_invite'::regclass AND a.attname ~ 'code|hash') AS a;
-- Pages.
SELECT id AS second FROM warden.list_invites(page_size => 2) OFFSET 1 \gset
SELECT t.is((SELECT array_agg(id) FROM warden.list_invites(page_size => 2, after_invite => :'second')), (SELECT array_agg(id) FROM (SELECT id FROM warden.list_invites() OFFSET 2 LIMIT 2) AS p), 'G8: by pages');
SELECT t.is(count(*), 0, 'by status') FROM warden.list_invites(status => 'dead');
SELECT t.refused('SELECT warden.list_invites(status => ''nonsense'')', '22023', 'an unknown status');
SELECT t.refused('SELECT warden.list_invites(page_size => 101)', '22023', 'a page too large');
SELECT t.refused('SELECT warden.list_invites(after_invite => gen_random_uuid())', 'P0002', 'an unknown invite');
SELECT t.ok(warden.revoke_invite(:'short_id'), 'G8: an invite is revoked');
SELECT t.ok(NOT warden.revoke_invite(:'short_id'), 'G8: once');
SELECT t.ok(NOT warden.revoke_invite(gen_random_uuid()), 'an unknown one is not'), t.ok(NOT warden.revoke_invite(NULL), 'nor none');
SELECT t.is(status, 'revoked', 'and is listed so') FROM warden.list_invites() WHERE id = :'short_id';
ROLLBACK;
SELECT t.is(kept(:'short_id'), 'revoked', 'G8: a rollback does not bring it back');
SELECT t.is(redeemed(:'short_code', invite_id => :'short_id'), 'invalid_grant', 'G8: nobody redeems it');

-- Another one's.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('SELECT FROM warden.list_invites()', 0, 'G8: another user lists none of them');
SELECT t.ok(NOT warden.revoke_invite(:'long_id'), 'and revokes none, though he is an owner');
SELECT t.refused(format('SELECT warden.list_invites(after_invite => %L)', :'long_id'), 'P0002', 'nor is told that it is there');
SELECT t.succeeds('SELECT warden.create_invite(role => ''owner'')', 'G8: an owner invites an owner');
COMMIT;
SELECT t.is(kept(:'long_id'), 'pending', 'it is pending still');

-- Whoever is given the scope, and no more than he holds.
\connect - boss
SELECT warden.grant_scope(:'mallory', 'users:invite');
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.succeeds('SELECT warden.create_invite()', 'G8: a user with the scope invites a user');
SELECT t.refused(format('SELECT warden.create_invite(role => %L)', role), '42501', 'G8: and no ' || role, 'more than the acting user holds') FROM unnest('{admin,owner,support}'::text[]) AS r (role);
SELECT key AS narrow_key FROM warden.create_api_key('narrow', '{user}') \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'narrow_key');
SELECT t.refused('SELECT warden.create_invite()', '42501', 'G8: nor by a key without the scope', 'more than the acting user holds');
COMMIT;

-- A bound for each inviter.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT count(*) FROM generate_series(1, 10) AS i CROSS JOIN LATERAL warden.create_invite(short => i > 0);
SELECT t.refused('SELECT warden.create_invite(short => true)', '53400', 'G8: ten short ones of a user are pending at a time', 'too many invites');
SELECT t.succeeds('SELECT warden.create_invite()', 'and others besides');
SELECT t.is(count(warden.revoke_invite(id)), 1, 'one is revoked') FROM (SELECT id FROM warden.list_invites(page_size => 100) WHERE short AND status = 'pending' LIMIT 1) AS i;
SELECT t.succeeds('SELECT warden.create_invite(short => true)', 'G8: and makes room for another');
COMMIT;

-- A credential that has been revoked invites nobody in a transaction that was open before.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT warden.revoke_all_sessions();
SELECT t.refused('SELECT warden.create_invite()', '28000', 'G8: who has been signed out elsewhere invites nobody', 'authentication failed');
COMMIT;

-- Administrators, in their transaction.
\connect - boss
BEGIN;
SELECT id AS gone_id FROM warden.create_invite(role => 'owner') \gset
ROLLBACK;
SELECT t.is(kept(:'gone_id'), NULL, 'G8: an administrator''s invite is undone with the transaction');
SELECT t.is(count(*), 1, 'G8: an administrator lists all') FROM warden.list_invites(page_size => 100) WHERE id = :'long_id';
BEGIN;
SELECT t.ok(warden.revoke_invite(:'long_id'), 'and revokes any');
ROLLBACK;
SELECT t.is(kept(:'long_id'), 'pending', 'unless that is rolled back');
BEGIN;
SELECT warden.begin_admin('G8', :'alice_token');
SELECT t.refused('SELECT warden.create_invite(role => ''owner'')', '42501', 'G8: a person behind an admin role neither invites above himself', 'more than the acting user holds');
SELECT t.is(invited_by, :'alice', 'and is named') FROM warden.create_invite() AS c JOIN warden.list_invites() AS l ON l.id = c.id;
ROLLBACK;
SELECT t.refused('SELECT warden.create_invite(tenant_id => gen_random_uuid())', 'P0002', 'G8: an unknown tenant', 'tenant not found');

-- On the record, without secrets.
\connect - postgres
SELECT t.is(string_agg(DISTINCT action || ' ' || (user_id IS NOT NULL), ', '), 'create_invite true, revoke_invite true', 'G8: each step is recorded, with who did it')
FROM warden.audit_log WHERE action LIKE '%invite%' AND database_role = 'app';
SELECT t.is(detail - 'expires_at' - 'invited_by', '{"role": "user", "short": true, "tenant_roles": [], "bound_to_email": false}', 'with what it was for') FROM warden.audit_log WHERE action = 'create_invite' AND object = :'short_id';
SELECT t.is(count(*), 0, 'G8: no code is in the record') FROM warden.audit_log a WHERE a::text LIKE '%' || :'short_code' || '%' OR a::text LIKE '%' || substr(:'long_code', 4) || '%';
SELECT t.is(i.code_hash, sha256(convert_to(substr(:'long_code', 4), 'UTF8')), 'G8: a long code is kept as SHA-256') FROM warden.invites i WHERE i.id = :'long_id';
SELECT t.is(count(*), 0, 'G8: a short one is no plain hash of it') FROM warden.invites i,
    unnest(ARRAY[sha256(convert_to(:'short_code', 'UTF8')), sha256(uuid_send(i.id) || convert_to(:'short_code', 'UTF8')), sha256(convert_to(i.id || :'short_code', 'UTF8'))]) AS h (hash)
WHERE i.code_hash = h.hash AND i.short;

-- Upkeep.
SELECT warden.cleanup_sessions(dry_run => false);
SELECT t.is(kept(:'short_id'), 'revoked', 'G8: cleanup_sessions() leaves what is over for less than a month');
UPDATE warden.invites SET revoked_at = now() - interval '31 days' WHERE id = :'short_id';
SELECT warden.cleanup_sessions(dry_run => false);
SELECT t.is(kept(:'short_id'), NULL, 'and removes the rest'), t.is(kept(:'long_id'), 'pending', 'but nothing pending');
SELECT t.is(detail ->> 'invites', '1', 'on the record') FROM warden.audit_log WHERE action = 'cleanup_sessions' ORDER BY id DESC LIMIT 1;

-- The tables are nobody's.
\connect - app
SELECT t.refused(command, '42501', command, 'permission denied')
FROM unnest('{SELECT FROM warden.invites,SELECT FROM warden.invite_key,UPDATE warden.invites SET failed_attempts = 0,DELETE FROM warden.invites}'::text[]
    || '{"SELECT warden.generate_invite_code(gen_random_uuid(), true)","SELECT warden.store_invite(''{}'')","SELECT warden.use_invite(''{}'')","SELECT warden.withdraw_invite(''{}'')","SELECT warden.short_invites_meant(NULL, ''a@example.com'')","SELECT warden.autonomously(''use_invite'', ''{}'')","SELECT warden.user_may_grant(gen_random_uuid(), ''{}'', ''{}'')"}'::text[]) AS c (command);
SELECT t.done();
