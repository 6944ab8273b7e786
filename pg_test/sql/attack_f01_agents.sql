-- G6, G7, F1: an admin, acting as a person, who may not manage an owner does not get in as an agent of that owner.
\ir lib/cast.sql
\ir lib/principals.sql
UPDATE warden.users SET roles = '{admin,user}' WHERE id = :'alice';
UPDATE warden.users SET roles = '{owner}' WHERE id = :'bob';
SELECT warden.register_agent('helper', :'mallory') AS helper, warden.register_agent('other', :'mallory') AS other \gset
SELECT id AS bobs_key_id FROM warden.list_api_keys(:'bobs_agent') \gset
CREATE TABLE calls (call text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    ('warden.create_api_key(''k'', NULL, NULL, %1$L)'), ('warden.link_identity(%1$L, ''https://id.example.com'', ''me too'')'),
    ('warden.merge_users(%1$L, %2$L)'), ('warden.merge_users(%2$L, %1$L)'), ('warden.update_user(%1$L, display_name => ''mine'')'),
    ('warden.set_user_status(%1$L, ''suspended'')'), ('warden.delete_user(%1$L)'), ('warden.set_agent_status(%1$L, ''suspended'')');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused('SELECT ' || format(call, :'bobs_agent', :'other'), '42501', 'F1: an admin, of an owner''s agent: ' || call, 'more than the acting user holds') FROM calls;
SELECT t.refused(format('SELECT warden.revoke_api_key(%L)', :'bobs_key_id'), '42501', 'F1: nor is a key of it his to revoke', 'more than the acting user holds');
SELECT t.is(t.error('SELECT ' || format(call, :'helper', :'other')), NULL, 'F1: an admin, of a user''s agent: ' || call) FROM calls;
SELECT t.is(t.error('SELECT ' || format(call, :'scout', :'other')), NULL, 'F1: and of his own: ' || call) FROM calls;
ROLLBACK;
BEGIN;
SELECT warden.begin_admin('R7', :'bob_token');
SELECT t.is(t.error('SELECT ' || format(call, :'bobs_agent', :'other')), NULL, 'F1: the owner: ' || call) FROM calls;
ROLLBACK;
SELECT t.is(t.error('SELECT ' || format(call, :'bobs_agent', :'other')), NULL, 'the operator: ' || call) FROM calls;
-- Nor where its owner is more in a tenant.
\connect - postgres
SELECT warden.create_tenant('Acme') AS acme \gset
SELECT warden.add_member(:'acme', :'mallory', '{owner}');
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused('SELECT ' || format(call, :'helper', :'scout'), '42501', 'D2: an admin, of the agent of an owner of a tenant: ' || call, 'more than the acting user holds') FROM calls;
ROLLBACK;
SELECT t.done();
