-- What is protected, and by which columns; and the schemas whose new tables are protected.

CREATE TABLE warden.protections (
    relation regclass PRIMARY KEY,
    root regclass NOT NULL,
    owner_column text,
    tenant_column text,
    parent_column text,
    public_column text,
    manage_columns boolean NOT NULL,
    create_index boolean NOT NULL,
    changes jsonb NOT NULL DEFAULT '{}',
    protected_at timestamptz NOT NULL DEFAULT now(),
    protected_by text NOT NULL,
    read_scope text,
    write_scope text,
    key_column text,
    reference_level text,
    read_level text,
    write_level text,
    capability text,
    CHECK (num_nonnulls(owner_column, parent_column) = 1 OR (num_nonnulls(owner_column, parent_column) = 0 AND tenant_column IS NOT NULL))
);

CREATE INDEX protections_root_idx ON warden.protections (root);

COMMENT ON TABLE warden.protections IS
    'Protected tables, partitions and inheritance children, one row each. Written by protect(), unprotect() and the event triggers; what binds a client are the policies and triggers of the table itself.';
COMMENT ON COLUMN warden.protections.root IS
    'The table that protect() was called for: the relation itself, or the top of its partition or inheritance tree.';
COMMENT ON COLUMN warden.protections.changes IS
    'What the table was like before, as far as protect() changed it; unprotect() restores it.';

CREATE TABLE warden.watched_schemas (
    -- Not regnamespace, which pg_upgrade refuses in tables.
    schema_name name PRIMARY KEY,
    owner_column text NOT NULL,
    except_tables text[] NOT NULL DEFAULT '{}',
    action text NOT NULL CHECK (action IN ('protect', 'refuse')),
    manage_columns boolean NOT NULL,
    create_index boolean NOT NULL,
    watched_at timestamptz NOT NULL DEFAULT now(),
    watched_by text NOT NULL
);

COMMENT ON TABLE warden.watched_schemas IS
    'Schemas in which a new table that carries the owner column is protected, or refused. Written by watch_schema().';

SELECT pg_extension_config_dump('warden.protections', '');
SELECT pg_extension_config_dump('warden.watched_schemas', '');

CREATE FUNCTION warden.is_intact(relation regclass) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'is_intact_wrapper';

COMMENT ON FUNCTION warden.is_intact(regclass) IS
    'Whether row security, policies and triggers of a protected table are as protect() made them; NULL for a table that is not protected.';

CREATE VIEW warden.protected_tables AS
    SELECT p.relation,
           n.nspname AS schema_name,
           c.relname AS table_name,
           p.owner_column,
           p.tenant_column,
           p.parent_column,
           p.public_column,
           p.read_scope,
           p.write_scope,
           p.key_column,
           p.reference_level,
           p.read_level,
           p.write_level,
           p.capability,
           (SELECT jsonb_agg(jsonb_build_object('command', a.command, 'predicate', a.predicate, 'reason', a.reason)
                             ORDER BY a.command, a.predicate)
            FROM warden.allowances a WHERE a.relation = p.root) AS allowances,
           CASE WHEN p.root <> p.relation THEN p.root END AS follows,
           warden.is_intact(p.relation) AS intact,
           p.protected_at,
           p.protected_by
    FROM warden.protections p
    JOIN pg_class c ON c.oid = p.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace;

COMMENT ON VIEW warden.protected_tables IS 'The protected tables, with their partitions and children.';
COMMENT ON COLUMN warden.protected_tables.public_column IS
    'Where it is true, everybody may read the row.';
COMMENT ON COLUMN warden.protected_tables.read_scope IS
    'The scope without which a statement that reads the table is refused; NULL for none.';
COMMENT ON COLUMN warden.protected_tables.write_scope IS
    'The scope without which a statement that writes to the table is refused; NULL for none.';
COMMENT ON COLUMN warden.protected_tables.key_column IS
    'The primary key by which rows can be shared; NULL where they cannot.';
COMMENT ON COLUMN warden.protected_tables.reference_level IS
    'What a shared row takes to be referred to by a foreign key; NULL for use.';
COMMENT ON COLUMN warden.protected_tables.read_level IS
    'What a shared parent takes to read its rows here; NULL for view.';
COMMENT ON COLUMN warden.protected_tables.write_level IS
    'What a shared parent takes to write its rows here; NULL for edit.';
COMMENT ON COLUMN warden.protected_tables.capability IS
    'What an agent must have to read its owner''s rows here; NULL where none opens them.';
COMMENT ON COLUMN warden.protected_tables.allowances IS
    'What allow() lets through besides a user''s own rows: command, predicate and reason; NULL for nothing.';
COMMENT ON COLUMN warden.protected_tables.follows IS
    'The table that protect() was called for, where this one is a partition or child of it; NULL otherwise.';
COMMENT ON COLUMN warden.protected_tables.intact IS
    'Whether row security, policies and triggers are as protect() made them. Where they are not, protect() mends them.';
