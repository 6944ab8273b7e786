"""What protects tables, as a value to compare: before a tool has been at the schema, and after."""

import psycopg

# For each protected table: what protected_tables says of it, and the catalogue's own words on everything that
# `protect` writes. Other columns, indexes and tables may come and go.
PROTECTION = """
SELECT p.schema_name || '.' || p.table_name,
       jsonb_build_object(
           'protected_tables', to_jsonb(p) - '{relation,protected_at,protected_by}'::text[],
           'flags', jsonb_build_array(c.relrowsecurity, c.relforcerowsecurity),
           'owner', c.relowner::regrole,
           'grants', c.relacl::text,
           'owner column', (
               SELECT jsonb_build_array(a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
               FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
               WHERE a.attrelid = c.oid AND a.attname = coalesce(p.owner_column, p.parent_column)),
           'indexes of the owner column', (
               SELECT jsonb_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid::regclass::text)
               FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = c.oid AND a.attname = coalesce(p.owner_column, p.parent_column)),
           'policies', (
               SELECT jsonb_agg(to_jsonb(l) ORDER BY l.policyname) FROM pg_policies l
               WHERE (l.schemaname, l.tablename) = (p.schema_name, p.table_name)),
           'triggers', (
               SELECT jsonb_agg(jsonb_build_array(pg_get_triggerdef(t.oid), t.tgenabled) ORDER BY t.tgname)
               FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal))
FROM warden.protected_tables p JOIN pg_class c ON c.oid = p.relation
"""


def protection(connection: psycopg.Connection) -> dict:
    """By table, for every table that is protected; each of them has to be intact."""
    found = dict(connection.execute(PROTECTION).fetchall())
    assert all(table["protected_tables"]["intact"] for table in found.values()), found
    return found
