-- The schema. Created plainly: where somebody has planted a schema of this name, installation fails
-- instead of adopting it and what is in it.
CREATE SCHEMA warden;

COMMENT ON SCHEMA warden IS 'pg_warden: row-level security keyed on a verified identity';

-- Whatever the installing session has in its path, the rest of this script resolves names, operators
-- and casts in pg_catalog alone.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Identifiers are compared byte by byte, in the one encoding that tokens have.
DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'pg_warden needs a database in UTF8, this one is in %', current_setting('server_encoding')
            USING ERRCODE = '55000', HINT = 'CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;
