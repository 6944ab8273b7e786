-- A10: CREATE EXTENSION where somebody has already made a schema warden, empty or with objects of ours: it fails and adopts
-- nothing. Without it, it succeeds.
CREATE ROLE install_a10_planter;
SELECT format('GRANT CREATE ON DATABASE %I TO install_a10_planter', current_database()) \gexec

SET ROLE install_a10_planter;
CREATE SCHEMA warden;
RESET ROLE;
SELECT t.refused('CREATE EXTENSION pg_warden', '42P06', 'an empty schema of somebody else''s');
SET ROLE install_a10_planter;
CREATE FUNCTION warden.current_user_id() RETURNS uuid LANGUAGE sql AS $$SELECT 'a11ce000-0000-4000-8000-000000000001'::uuid$$;
CREATE TABLE warden.trusted_issuers (issuer text);
RESET ROLE;
SELECT t.refused('CREATE EXTENSION pg_warden', '42P06', 'a schema with objects of our names');
SELECT t.refused('CREATE EXTENSION pg_warden SCHEMA warden', '42P06', 'named on the command');
SELECT t.is(count(*), 0, 'nothing was installed') FROM pg_extension WHERE extname = 'pg_warden';
DROP SCHEMA warden CASCADE;
CREATE SCHEMA warden;
SELECT t.refused('CREATE EXTENSION pg_warden', '42P06', 'the installing role''s own schema is not adopted either');
DROP SCHEMA warden;

SELECT t.succeeds('CREATE EXTENSION pg_warden', 'without a planted schema it installs');
SELECT t.ok(nspowner = current_user::regrole, 'the schema is the installing role''s') FROM pg_namespace WHERE nspname = 'warden';
SELECT t.refused('CREATE EXTENSION pg_warden', '42710', 'once');
SELECT t.succeeds('DROP EXTENSION pg_warden', 'it goes');
SELECT t.is(count(*), 0, 'with its schema') FROM pg_namespace WHERE nspname = 'warden';
SELECT t.succeeds('CREATE EXTENSION pg_warden', 'and comes back');

-- The extension, and what is in it, is a superuser's to make and to change.
GRANT CREATE ON SCHEMA public TO install_a10_planter;
SELECT t.succeeds('DROP EXTENSION pg_warden', 'gone again');
SET ROLE install_a10_planter;
SELECT t.refused('CREATE EXTENSION pg_warden', '42501', 'an ordinary role with CREATE on the database does not install it');
RESET ROLE;
CREATE EXTENSION pg_warden;
SET ROLE install_a10_planter;
CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT t.refused('ALTER EXTENSION pg_warden ADD FUNCTION public.mine()', '42501', 'nor adds to it');
SELECT t.refused('ALTER EXTENSION pg_warden DROP FUNCTION warden.version()', '42501', 'nor takes from it');
RESET ROLE;
DROP OWNED BY install_a10_planter;
DROP ROLE install_a10_planter;
SELECT t.done();
