-- Included by tests of doctor() (\ir lib/doctor.sql): a database without findings, and tables of the owner's in it.
-- Each hole is planted, found alone, and mended by its remedy as it stands:
--
--   GRANT TRUNCATE ON documents TO app;
--   SELECT t.is(found(), 'privilege_granted public.documents', 'TRUNCATE granted');
--   \ir lib/mend.sql
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET session_preload_libraries = 'pg_warden';
REVOKE TEMPORARY ON DATABASE :"database" FROM PUBLIC;
\ir people.sql

-- What doctor() finds, but for the server itself: no test can plant its version, nor mend it.
CREATE FUNCTION found() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(code || ' ' || object, ', ' ORDER BY code, object)
    FROM warden.doctor() WHERE code <> 'server_outdated'
$$;

SET ROLE owner;
CREATE TABLE documents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, body text);
CREATE TABLE messages (id uuid PRIMARY KEY, document_id bigint NOT NULL REFERENCES documents, body text);
CREATE TABLE parted (id uuid, user_id uuid NOT NULL, year int, PRIMARY KEY (user_id, id, year)) PARTITION BY LIST (year);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
GRANT SELECT, INSERT, UPDATE, DELETE ON documents, messages, parted TO app;
RESET ROLE;
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('messages', owner_column => NULL, parent_column => 'document_id');
SELECT count(*) FROM warden.protect('parted');
SELECT t.is(found(), NULL, 'before: nothing is found');
