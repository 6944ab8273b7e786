-- allow() and disallow(): rows that a command may reach although they are not the user's own. The code
-- is in src/protect/allow.rs and src/protect/expression.rs.

CREATE TABLE warden.allowances (
    relation regclass NOT NULL,
    command text NOT NULL CHECK (command IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')),
    predicate text NOT NULL,
    reason text NOT NULL,
    allowed_at timestamptz NOT NULL DEFAULT now(),
    allowed_by text NOT NULL,
    PRIMARY KEY (relation, command, predicate)
);

COMMENT ON TABLE warden.allowances IS
    'What the policies of protected tables let through besides a user''s own rows; partitions and children follow their root. Written by allow() and disallow(); what binds a client are the policies themselves.';
COMMENT ON COLUMN warden.allowances.predicate IS
    'As Postgres prints it with every name qualified, which is how it stands in the policy.';

SELECT pg_extension_config_dump('warden.allowances', '');

-- The policy is made by src/protect/expression.rs, and dropped again.
CREATE FUNCTION warden.probed_predicate(relation oid) RETURNS TABLE (printed text, nodes text, client_function text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT pg_get_expr(p.polqual, p.polrelid), p.polqual::text, (
        SELECT f.oid::regprocedure::text
        FROM pg_depend d
        LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        JOIN pg_proc f ON f.oid = CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
          AND f.proowner IN (SELECT r.reached FROM warden.client_reach() r)
        LIMIT 1)
    FROM pg_policy p
    WHERE p.polrelid = probed_predicate.relation AND p.polname = 'warden_probe';
END
$$;

COMMENT ON FUNCTION warden.probed_predicate(oid) IS
    'The condition of the policy by which allow() has Postgres read a predicate: as text, as node tree, and a function in it that a client role owns or could come to own.';

CREATE FUNCTION warden.allow(table_name regclass, command text, predicate text, reason text) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'allow_wrapper';

COMMENT ON FUNCTION warden.allow(regclass, text, text, text) IS
    'Lets a command reach rows of a protected table besides those of the user: every role that has the privilege, signed in or not. command: SELECT, INSERT, UPDATE or DELETE; predicate: an expression over the columns of the table, every name outside of pg_catalog with its schema; without sub-selects, volatile functions and the row as a whole. It stands beside the owner inside the policy of that one command; a tenant_column still has to be the current tenant. UPDATE and DELETE with a WHERE need the rows allowed for SELECT, too. Whose a row is does not change by it. reason: why, for those who read protected_tables. Returns the predicate as it is listed there. For the table''s owner. Errors: 42501 for anybody else; 22023 and the errors of the parser for what is no such expression; 55000 for a table that is not protected, or a partition or child.';

CREATE FUNCTION warden.disallow(table_name regclass, command text, predicate text DEFAULT NULL) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'disallow_wrapper';

COMMENT ON FUNCTION warden.disallow(regclass, text, text) IS
    'Takes back what allow() let through. predicate: as it was given or as it is listed; NULL: everything for that command. Returns how many were taken back. For the table''s owner. Errors: as allow().';
