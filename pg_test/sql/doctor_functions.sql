-- N2, A13: doctor() finds functions that lend clients rights or an identity; its remedy mends it.
\ir lib/doctor.sql
SET ROLE owner;
CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM documents';
RESET ROLE;
SELECT t.is(found(), 'definer_without_search_path public.counted()', 'SECURITY DEFINER without a search_path');
\ir lib/mend.sql
\connect - app
SELECT t.succeeds('SELECT counted()', 'it still does what it did');
\connect - postgres
SET ROLE owner;
CREATE PROCEDURE halfway(a int) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, "odd, one" AS 'BEGIN END';
RESET ROLE;
SELECT t.is(found(), NULL, 'who cannot make temporary tables, cannot put one in the way');
GRANT TEMPORARY ON DATABASE :"database" TO app;
SELECT t.is(found(), 'definer_searches_temporary public.halfway(integer), temporary_granted ' || current_database(), 'a search_path without pg_temp');
\ir lib/mend.sql
SET ROLE owner;
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
REVOKE EXECUTE ON FUNCTION on_row() FROM PUBLIC;
RESET ROLE;
SELECT t.is(found(), NULL, 'a trigger function that no client may call, and no trigger has');
CREATE TABLE rows (id int);
CREATE TRIGGER on_row BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION on_row();
SELECT t.is(found(), 'definer_without_search_path public.on_row()', 'a trigger has it: who writes, calls');
\ir lib/mend.sql

CREATE FUNCTION everything() RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT * FROM public.documents';
SELECT t.is(found(), 'definer_bypasses_row_security public.everything()', 'one that runs as a superuser');
\ir lib/mend.sql
CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(*) FROM documents; END;
SELECT t.is(found(), 'definer_bypasses_row_security public.atomic()', 'BEGIN ATOMIC looks up no names, and reads as a superuser all the same');
\ir lib/mend.sql

-- A13: what set the identity before pg_warden came.
CREATE FUNCTION set_user(id uuid) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('app.current_user_id', id::text, true) $$;
SELECT t.is(found(), 'definer_sets_identity public.set_user(uuid)', 'A13: a superuser''s set_config');
\ir lib/mend.sql
CREATE FUNCTION set_user_too(id uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN EXECUTE format('SET app.current_user_id = %L', id); RETURN id; END $$;
SELECT t.is(found(), 'definer_sets_identity public.set_user_too(uuid), definer_without_search_path public.set_user_too(uuid)', 'A13: SET, in a string');
\ir lib/mend.sql

-- An identity that a plan could keep.
CREATE FUNCTION me() RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT warden.current_user_id()';
SELECT t.is(found(), 'immutable_identity public.me()', 'IMMUTABLE, over current_user_id()');
\ir lib/mend.sql
CREATE FUNCTION me_too() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_setting('app.current_user_id', true); END $$;
SELECT t.is(found(), 'immutable_identity public.me_too()', 'IMMUTABLE, over the setting');
\ir lib/mend.sql
SELECT t.is(string_agg(provolatile::text, ''), 'ss', 'both are STABLE now') FROM pg_proc WHERE proname IN ('me', 'me_too');
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
SELECT t.is(found(), NULL, 'what asks for no identity may be IMMUTABLE');

-- A policy of the time before, on a table that is not protected.
CREATE TABLE old (id int, tenant text, owner_id uuid);
ALTER TABLE old ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "Mine" ON old USING (owner_id = current_setting('app.current_user_id', true)::uuid
    AND 'read' = ANY (string_to_array(current_setting('app.current_scopes'), ' ')));
SELECT t.is(found(), 'policy_reads_setting "Mine" on public.old', 'a policy that reads the setting');
\ir lib/mend.sql
INSERT INTO old (id, owner_id) VALUES (1, :alice), (2, :bob);
GRANT SELECT ON old TO gateway;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('SELECT FROM public.old', 0, 'without the scope');
COMMIT;
\connect - postgres
ALTER POLICY "Mine" ON old USING (owner_id = (warden.current_user_id()::text)::uuid);
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('SELECT FROM public.old', 1, 'it asks for the same user');
COMMIT;
SELECT t.done();
