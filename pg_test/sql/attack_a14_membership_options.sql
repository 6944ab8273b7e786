-- A14: memberships WITH INHERIT, SET and ADMIN (PostgreSQL 16 and later): each of them alone is a way in, none of them is
-- not. Before 16 every membership is.
CREATE ROLE attack_a14_m_bypass BYPASSRLS;
CREATE ROLE attack_a14_m_plain LOGIN;
SELECT :SERVER_VERSION_NUM >= 160000 AS has_options \gset
\if :has_options
CREATE ROLE attack_a14_m_none LOGIN;
GRANT attack_a14_m_bypass TO attack_a14_m_none WITH INHERIT FALSE, SET FALSE, ADMIN FALSE;
CREATE ROLE attack_a14_m_set LOGIN;
GRANT attack_a14_m_bypass TO attack_a14_m_set WITH INHERIT FALSE, SET TRUE, ADMIN FALSE;
CREATE ROLE attack_a14_m_inherit LOGIN;
GRANT attack_a14_m_bypass TO attack_a14_m_inherit WITH INHERIT TRUE, SET FALSE, ADMIN FALSE;
CREATE ROLE attack_a14_m_admin LOGIN;
GRANT attack_a14_m_bypass TO attack_a14_m_admin WITH INHERIT FALSE, SET FALSE, ADMIN TRUE;
SELECT t.is(warden.add_client_role('attack_a14_m_none'), true, 'a membership that gives nothing');
SELECT t.refused(format('SELECT warden.add_client_role(''attack_a14_m_%s'')', way), '55000', 'a membership WITH ' || way)
FROM (VALUES ('set'), ('inherit'), ('admin')) AS w (way);
\connect - attack_a14_m_none
SELECT t.refused('SET ROLE attack_a14_m_bypass', '42501', 'which indeed is no way in');
\connect - postgres
SELECT warden.remove_database_role('attack_a14_m_none');
DROP ROLE attack_a14_m_none, attack_a14_m_set, attack_a14_m_inherit, attack_a14_m_admin;
\else
GRANT attack_a14_m_bypass TO attack_a14_m_plain;
SELECT t.refused('SELECT warden.add_client_role(''attack_a14_m_plain'')', '55000', 'every membership is a way in');
REVOKE attack_a14_m_bypass FROM attack_a14_m_plain;
\endif
SELECT t.is(warden.add_client_role('attack_a14_m_plain'), true, 'no membership');
SELECT warden.remove_database_role('attack_a14_m_plain');
DROP ROLE attack_a14_m_plain, attack_a14_m_bypass;
SELECT t.done();
