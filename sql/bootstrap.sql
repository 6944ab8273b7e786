-- The schema. Created plainly: where somebody has planted a schema of this name, installation fails
-- instead of adopting it and what is in it.
CREATE SCHEMA warden;

COMMENT ON SCHEMA warden IS 'pg_warden: row-level security keyed on a verified identity';

-- Whatever the installing session has in its path, the rest of this script resolves names, operators
-- and casts in pg_catalog alone.
SET LOCAL search_path TO pg_catalog, pg_temp;
