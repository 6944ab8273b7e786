-- exempt() and unexempt(): tables that need no protection, with the reason. The code is in src/protect/exempt.rs.

CREATE TABLE warden.exemptions (
    relation regclass PRIMARY KEY,
    reason text NOT NULL,
    exempted_at timestamptz NOT NULL DEFAULT now(),
    exempted_by text NOT NULL
);

COMMENT ON TABLE warden.exemptions IS
    'Tables that need no protection. Written by exempt() and unexempt(); a table that is protected or dropped leaves it.';

SELECT pg_extension_config_dump('warden.exemptions', '');

CREATE VIEW warden.exempt_tables AS
    SELECT e.relation, n.nspname AS schema_name, c.relname AS table_name, e.reason, e.exempted_at, e.exempted_by
    FROM warden.exemptions e
    JOIN pg_class c ON c.oid = e.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace;

COMMENT ON VIEW warden.exempt_tables IS
    'The tables that need no protection, and why; their partitions and inheritance children need none either.';

CREATE FUNCTION warden.lineage(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE above (member) AS (
        SELECT lineage.relation
        UNION
        SELECT i.inhparent FROM pg_inherits i JOIN above a ON i.inhrelid = a.member
    )
    SELECT a.member FROM above a;
END;

COMMENT ON FUNCTION warden.lineage(oid) IS 'The table, and the tables of which it is a partition or child.';

CREATE FUNCTION warden.is_exempt(relation oid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM warden.exemptions e JOIN warden.lineage(is_exempt.relation) AS l (member) ON e.relation::oid = l.member);
END;

COMMENT ON FUNCTION warden.is_exempt(oid) IS
    'Whether the table, or one of which it is a partition or child, was declared exempt().';

CREATE FUNCTION warden.exempt(table_name regclass, reason text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'exempt_wrapper';

COMMENT ON FUNCTION warden.exempt(regclass, text) IS
    'Declares that a table needs no protection: every role that it is granted to sees all of it. reason: why, for those who read the view exempt_tables. It changes nothing in the table itself; watch_schema(), protect_schema() and doctor() pass it over, with its partitions and children. Returns false where it was exempt before; the reason is replaced then. protect() ends it. For the table''s owner. Errors: 42501 for anybody else; 22023 without a reason, and for what is no table of the application or a partition or child; 55000 for a protected table.';

CREATE FUNCTION warden.unexempt(table_name regclass) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'unexempt_wrapper';

COMMENT ON FUNCTION warden.unexempt(regclass) IS
    'Takes back exempt(). It does not protect the table: call protect(). Returns false for a table that was not exempt. For the table''s owner. Errors: 42501 for anybody else.';
