-- What is a client's own: the roles in which it could act, and its tables that refer to others.

-- Roles in which a client could act: client and trusted roles, and whatever these can become.
CREATE FUNCTION warden.client_reach() RETURNS TABLE (reached oid, client regrole)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.role, min(d.role::oid)::regrole
    FROM warden.database_roles d CROSS JOIN LATERAL warden.roles_within_reach(d.role) AS r (role)
    WHERE d.kind IN ('client', 'trusted')
    GROUP BY r.role;
END;

COMMENT ON FUNCTION warden.client_reach() IS
    'Every role that a client or trusted role is or can become, with that role.';

-- A cascade goes on as the owner of each table, and before PostgreSQL 18 the triggers of the last one fire as that of the first.
-- In PL/pgSQL, which keeps the plans: doctor() asks for hundreds of tables.
CREATE FUNCTION warden.client_tables_below(relation oid, clients oid[]) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nearly always no client has a foreign key, and none has to be followed; who owns what is found by an index here alone.
    IF NOT EXISTS (SELECT FROM pg_shdepend d JOIN pg_constraint o ON o.conrelid = d.objid AND o.contype = 'f'
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = ANY (clients) AND d.deptype = 'o'
                     AND d.classid = 'pg_class'::regclass
                     AND d.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE keys AS MATERIALIZED (
        SELECT o.conrelid, o.confrelid, o.confupdtype IN ('c', 'n', 'd') OR o.confdeltype IN ('c', 'n', 'd') AS acts
        FROM pg_constraint o WHERE o.contype = 'f' AND o.conrelid <> o.confrelid
    ), below (member, acts) AS (
        SELECT k.conrelid, k.acts FROM keys k WHERE k.confrelid = client_tables_below.relation
        UNION
        SELECT k.conrelid, true FROM below b JOIN keys k ON k.confrelid = b.member WHERE b.acts AND k.acts
    )
    SELECT DISTINCT b.member FROM below b JOIN pg_class c ON c.oid = b.member
    WHERE c.relowner = ANY (clients) AND b.member <> client_tables_below.relation;
END
$$;

COMMENT ON FUNCTION warden.client_tables_below(oid, oid[]) IS
    'The tables of these roles, those of client_reach(), that refer to a table by a foreign key, and those that its actions reach through others.';
