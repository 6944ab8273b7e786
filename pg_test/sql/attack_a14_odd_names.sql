-- Roles and databases whose names would be SQL if somebody forgot to quote them.
CREATE ROLE "attack_a14 ""; DROP TABLE warden.users; --" LOGIN;
CREATE ROLE "attack_a14_Upper" LOGIN;
CREATE ROLE "attack_a14_ü 'x'" LOGIN BYPASSRLS;
SELECT t.is(warden.add_client_role('"attack_a14 ""; DROP TABLE warden.users; --"'), true, 'a name with quotes');
SELECT t.is(warden.add_client_role('"attack_a14_Upper"'), true, 'a name in upper case');
SELECT t.refused('SELECT warden.add_client_role(''attack_a14_Upper'')', '42704', 'which is another name without quotes');
SELECT t.is(t.error($$SELECT warden.add_client_role('"attack_a14_ü ''x''"')$$)->>'message', $$role "attack_a14_ü 'x'" would void isolation$$, 'a name in a message');
SELECT t.is(count(*), 0, 'warden.users is there') FROM warden.users;
SELECT t.is(string_agg(role::text, ', ' ORDER BY role::text COLLATE "C"), '"attack_a14 ""; DROP TABLE warden.users; --", "attack_a14_Upper"', 'they are added')
FROM warden.database_roles;
SELECT t.is(warden.remove_database_role('"attack_a14 ""; DROP TABLE warden.users; --"'), true, 'and removed');
SELECT t.is(warden.remove_database_role('"attack_a14_Upper"'), true, 'both');
SELECT t.refused('SELECT warden.add_client_role(''no_such_role'')', '42704', 'a role that does not exist');
DROP ROLE "attack_a14 ""; DROP TABLE warden.users; --", "attack_a14_Upper", "attack_a14_ü 'x'";
SELECT t.done();
