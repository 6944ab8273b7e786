-- A10, F13: owners of every supported type and awkward name; what an identity is compared with.
\ir lib/people.sql
SELECT warden.create_user('07');
SELECT warden.create_user('ALICE');
SELECT warden.create_user('alice');
SELECT warden.create_user('99999');

\connect - owner
CREATE TABLE by_uuid (id int, user_id uuid);
CREATE TABLE by_text (id int, user_id text);
CREATE TABLE by_varchar (id int, user_id varchar(40));
CREATE TABLE by_smallint (id int, user_id smallint);
CREATE TABLE by_int (id int, user_id int);
CREATE TABLE by_bigint (id int, user_id bigint);
CREATE TABLE "Odd ""table'" (id int, "user ""id' \ =" varchar, "tenant!" uuid);
INSERT INTO by_uuid VALUES (1, :alice), (2, :bob);
INSERT INTO by_text VALUES (1, '7'), (2, '8'), (3, '07'), (4, ' 7'), (5, 'ALICE'), (6, 'alice');
INSERT INTO by_varchar SELECT * FROM by_text;
INSERT INTO by_smallint VALUES (1, 7), (2, 8);
INSERT INTO by_int VALUES (1, 7), (2, 8);
INSERT INTO by_bigint VALUES (1, 7), (2, 8);
SELECT count(*) FROM unnest('{by_uuid,by_text,by_varchar,by_smallint,by_int,by_bigint}'::regclass[]) name, warden.protect(name);
SELECT count(*) FROM warden.protect('"Odd ""table''"', 'user "id'' \ =', 'tenant!');
SELECT t.rows(format('SELECT * FROM warden.protect(%L)', name), 0, 'protecting again: ' || name)
FROM unnest('{by_uuid,by_text,by_varchar,by_smallint,by_int,by_bigint}'::regclass[]) name;
SELECT t.rows($$ SELECT warden.protect('"Odd ""table''"', 'user "id'' \ =', 'tenant!') $$, 0, 'protecting again: awkward names');
GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway;

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(string_agg(id::text, ''), '1', 'uuid: her row') FROM by_uuid;
SELECT t.is(string_agg(id::text, ''), '1', 'text: her row') FROM by_text;
SELECT t.is(string_agg(id::text, ''), '1', 'varchar: her row') FROM by_varchar;
SELECT t.is(string_agg(id::text, ''), '1', 'smallint: her row') FROM by_smallint;
SELECT t.is(string_agg(id::text, ''), '1', 'int: her row') FROM by_int;
SELECT t.is(string_agg(id::text, ''), '1', 'bigint: her row') FROM by_bigint;
INSERT INTO by_text (id) VALUES (10);
INSERT INTO by_text VALUES (11, NULL);
INSERT INTO by_varchar (id) VALUES (10);
INSERT INTO by_varchar VALUES (11, NULL);
INSERT INTO by_smallint (id) VALUES (10);
INSERT INTO by_smallint VALUES (11, NULL);
INSERT INTO by_int VALUES (11, NULL);
INSERT INTO by_bigint VALUES (11, NULL);
SELECT t.is(count(*), 11, 'defaults and filled NULLs are her own')
FROM (SELECT user_id::text FROM by_text UNION ALL SELECT user_id FROM by_varchar UNION ALL SELECT user_id::text FROM by_smallint
      UNION ALL SELECT user_id::text FROM by_int) u WHERE user_id = '7';
SELECT t.refused('UPDATE by_varchar SET user_id = ''8''', '42501', 'varchar: a row cannot be given away');
SELECT t.refused('UPDATE by_int SET user_id = 8', '42501', 'int: a row cannot be given away');
SELECT t.refused($$ INSERT INTO "Odd ""table'" (id) VALUES (1) $$, '42501', 'without a tenant nothing is inserted where rows have one');
COMMIT;
BEGIN;
SELECT warden.set_current_external_user('07');
SELECT t.is(string_agg(id::text, ''), '3', 'text: 07 is its own user') FROM by_text;
SELECT t.is(count(*), 0, 'int: 07 is nobody') FROM by_int;
COMMIT;
BEGIN;
SELECT warden.set_current_external_user('ALICE');
SELECT t.is(string_agg(id::text, ''), '5', 'text: case matters') FROM by_text;
SELECT t.is(string_agg(id::text, ''), '5', 'varchar: case matters') FROM by_varchar;
COMMIT;
BEGIN;
SELECT warden.set_current_external_user('99999');
SELECT t.rows('TABLE by_smallint', 0, 'smallint: a number out of range is no error');
SELECT t.refused('INSERT INTO by_smallint VALUES (1, NULL)', '42501', 'and owns nothing');
INSERT INTO by_int VALUES (20, NULL);
SELECT t.is(string_agg(id::text, ''), '20', 'int: in range') FROM by_int;
COMMIT;

-- Two dimensions.
\set one '''10000000-0000-4000-8000-000000000001'''
\set two '''20000000-0000-4000-8000-000000000002'''
BEGIN;
SELECT warden.set_current_user(:alice, tenant_id => :one);
INSERT INTO "Odd ""table'" VALUES (1, NULL, NULL), (2, '7', :one);
SELECT t.refused(format($$ INSERT INTO "Odd ""table'" VALUES (3, '7', %L) $$, :two), '42501', 'another tenant''s row is refused');
SELECT t.refused(format($$ UPDATE "Odd ""table'" SET "tenant!" = %L $$, :two), '42501', 'a row does not move to another tenant');
SELECT t.is(count(*), 2, 'her rows in this tenant') FROM "Odd ""table'";
COMMIT;
BEGIN;
SELECT warden.set_current_user(:alice, tenant_id => :two);
SELECT t.rows($$ TABLE "Odd ""table'" $$, 0, 'the same user in another tenant sees none of them');
COMMIT;
SELECT t.done();
