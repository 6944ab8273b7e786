-- G1, G6: which tables are shareable, what that needs, and what becomes of shares when it ends; transfer() and assign().
\ir lib/cast.sql
\ir lib/agents.sql
SELECT warden.add_admin_role('boss');
SET ROLE owner;
CREATE TABLE badges (id uuid PRIMARY KEY, user_id uuid NOT NULL, code text UNIQUE);
CREATE TABLE pairs (a int, b int, user_id uuid NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE dated (id date PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE parted (id int PRIMARY KEY, user_id uuid NOT NULL) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE own (user_id uuid PRIMARY KEY);
GRANT SELECT, INSERT, UPDATE, DELETE ON badges TO app;
SELECT t.refused(statement, code, 'G1: refused: ' || statement, message)
FROM (VALUES
    ('SELECT warden.protect(''pairs'', shareable => true)', '22023', 'no primary key of one column'),
    ('SELECT warden.protect(''dated'', shareable => true)', '22023', 'type date cannot be shared'),
    ('SELECT warden.protect(''parted'', shareable => true)', '22023', 'partitions or children'),
    ('SELECT warden.protect(''own'', shareable => true)', '22023', 'two things at once'),
    ('SELECT warden.protect(''messages'', NULL, parent_column => ''conversation_id'', shareable => true)', '22023', 'have no owner'),
    ('SELECT warden.protect(''badges'', reference_level => ''use'')', '22023', 'reference_level is for shareable'),
    ('SELECT warden.protect(''badges'', shareable => true, reference_level => ''owner'')', '22023', 'unknown level'),
    ('SELECT warden.protect(''badges'', read_level => ''edit'')', '22023', 'parent column'),
    ('SELECT warden.protect(''agents'', public_column => ''is_public'')', '55000', 'protected with shareable'),
    ('ALTER TABLE agents DROP CONSTRAINT agents_pkey CASCADE', '55000', 'primary key')) AS s (statement, code, message);
SELECT t.rows('SELECT * FROM warden.protect(''badges'')', 12, 'G1: without sharing it is protected as ever');
SELECT t.is((SELECT count(*) FROM warden.protect('agents', shareable => true, public_column => 'is_public')), 0, 'G1: protected so, nothing is left to do');
-- What is declared and stands in no policy is written down as well, whatever else the call finds to do.
SELECT t.rows('SELECT * FROM warden.protect(''projects'', shareable => true, reference_level => ''edit'', dry_run => true)', 0, 'G1: a level for references alone is no step');
RESET ROLE;
SELECT t.is((SELECT reference_level FROM warden.protected_tables WHERE table_name = 'projects'), NULL, 'G1: and a dry run declares nothing');
SET ROLE owner;
SELECT t.rows('SELECT * FROM warden.protect(''projects'', shareable => true, reference_level => ''edit'')', 0, 'G1: raised on a table that is shareable already');
RESET ROLE;
SELECT t.is((SELECT reference_level || ' ' || intact FROM warden.protected_tables WHERE table_name = 'projects'), 'edit true', 'G1: it is declared');
SELECT count(*) AS recorded FROM warden.audit_log WHERE action = 'protect' \gset
SET ROLE owner;
SELECT t.rows('SELECT * FROM warden.protect(''projects'', shareable => true, reference_level => ''edit'')', 0, 'G1: declared so, nothing is left to do');
RESET ROLE;
SELECT t.is((SELECT count(*) FROM warden.audit_log WHERE action = 'protect'), :recorded, 'G1: nor to record');
SET ROLE owner;
SELECT t.refused('SELECT warden.protect(''projects'', shareable => true)', '55000', 'G1: it is not lost by a call without it', 'reference_level');
SELECT t.rows('SELECT * FROM warden.protect(''projects'', shareable => true, reference_level => ''use'')', 0, 'G1: it is lowered by name');
RESET ROLE;
SELECT t.is((SELECT intact FROM warden.protected_tables WHERE table_name = 'agents'), true, 'G1: and it is intact');
\set VERBOSITY terse
SET ROLE owner;
-- In a session of its own, whose notices are read.
\set said `psql -XqAt -U owner -d :'DBNAME' -c "SELECT count(*) > 0 FROM warden.protect('badges', shareable => true)" 2>&1`
SELECT t.is(:'said', E'NOTICE:  public.badges_code_key is unique among the rows of all users of public.badges: warden.doctor() has the statement by which it is so for each owner\nt',
    'G1: a table becomes shareable, with a notice on names that are unique for all, and on no other');
RESET ROLE;
SELECT t.is((SELECT string_agg(remedy, E'\n') FROM warden.doctor() WHERE object = 'badges_code_key of public.badges'),
    'ALTER TABLE public.badges DROP CONSTRAINT badges_code_key, ADD CONSTRAINT badges_code_key UNIQUE (user_id, code);', 'G1: and doctor() has that statement');
SET ROLE owner;
\set said `psql -XqAt -U owner -d :'DBNAME' -c "SELECT count(*) FROM warden.protect('agents', shareable => true, public_column => 'is_public')" 2>&1`
SELECT t.is(:'said', '0', 'G1: names that are unique for each owner are no reason for one');
ALTER TABLE agents RENAME COLUMN id TO agent_id;
RESET ROLE;
SELECT t.is((SELECT key_column || ' ' || intact FROM warden.protected_tables WHERE table_name = 'agents'), 'agent_id true', 'G1: a key that is renamed is followed');
SET ROLE owner;
ALTER TABLE agents RENAME COLUMN agent_id TO id;
RESET ROLE;

-- By an administrator, without being anybody; and taken back.
\connect - boss
SELECT t.ok(warden.assign('agents', :'researcher', :'mallory', 'view') IS NOT NULL, 'G6: an administrator assigns an agent to a user');
SELECT t.is((SELECT string_agg(grantee || ' ' || access, ', ' ORDER BY access) FROM warden.who_can('agents', :'researcher')),
    'user:' || :'alice' || ' owner, user:' || :'mallory' || ' view', 'G6: and sees who can');
SELECT t.refused(format('SELECT warden.assign(''agents'', gen_random_uuid(), %L, ''view'')', :'bob'), 'P0002', 'G6: a row that is not there', 'row not found');
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is((SELECT string_agg(name, ',') FROM agents), 'researcher', 'G6: who has it assigned sees it');
COMMIT;

-- Transfer: by the owner alone; the new owner's share goes, what he shared on stays, the former one keeps what is said.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', :'writer', :'bob', 'share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share('agents', :'writer', :'mallory', 'view');
SELECT t.refused(format('SELECT warden.transfer(''agents'', %L, %L)', :'writer', :'bob'), '42501', 'D3: nobody takes a row', 'only its owner');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.transfer(''agents'', %L, gen_random_uuid())', :'writer'), 'P0002', 'G6: to nobody', 'user not found');
SELECT t.refused(format('SELECT warden.transfer(''agents'', %L, %L)', :'researcher', :'bob'), '23505', 'G6: a name that the new owner has', 'cannot be given');
SELECT t.is(warden.transfer('agents', :'writer', :'alice'), false, 'G6: to oneself changes nothing');
SELECT t.is(warden.transfer('agents', :'writer', :'bob', 'view'), true, 'G6: alice gives it to bob');
SELECT t.is(warden.access_level('agents', :'writer'), 'view', 'G6: and keeps what she asked for');
SELECT t.refused(format('SELECT warden.transfer(''agents'', %L, %L)', :'writer', :'alice'), '42501', 'G6: she does not take it back', 'only its owner');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(grantee || ' ' || access, ', ' ORDER BY grantee) FROM warden.who_can('agents', :'writer')),
    'user:' || :'mallory' || ' view, user:' || :'alice' || ' view, user:' || :'bob' || ' owner', 'G6: what bob had shared on stays');
COMMIT;

-- Unprotected and protected again in one transaction the shares stay; otherwise they are gone, and nobody sees what was shared.
\connect - owner
BEGIN;
SELECT count(*) FROM warden.unprotect('prompts'); SELECT count(*) FROM warden.unprotect('agents'); SELECT count(*) FROM warden.protect('agents', shareable => true);
COMMIT;
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is((SELECT count(*) FROM agents), 2, 'G1: in one transaction what is shared stays shared');
COMMIT;
\connect - owner
SELECT count(*) FROM warden.unprotect('agents');
SELECT count(*) FROM warden.protect('agents', shareable => true);
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.is((SELECT count(*) FROM agents), 0, 'G1: of a table that was open in between nothing is left');
COMMIT;
\connect - postgres
SELECT t.rows('SELECT * FROM warden.shares WHERE relation = ''agents''::regclass', 0, 'G1: not a row');
SELECT count(*) FROM warden.shares;
INSERT INTO badges SELECT gen_random_uuid(), :'alice', 'x';
INSERT INTO warden.shares (relation, row_id, grantee, level) SELECT 'badges'::regclass, id::text, 'everyone', 'view' FROM badges;
DROP TABLE badges;
SELECT t.rows('SELECT FROM warden.shares s WHERE s.relation::oid NOT IN (SELECT oid FROM pg_class)', 0, 'G1: with a table that is dropped its shares go');
SELECT t.done();
