-- doctor(): every hole in the isolation of this database, with the SQL that mends it.

CREATE FUNCTION warden.doctor() RETURNS TABLE (code text, severity text, object text, problem text, remedy text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
    -- The planner overrates these queries, and compiling them takes longer than running them.
    SET jit = off
AS $$
BEGIN
    PERFORM warden.require_administrator();
    RETURN QUERY
    SELECT f.code, c.severity, f.object, f.problem, f.remedy
    FROM (
        SELECT * FROM warden.findings_of_roles()
        UNION ALL SELECT * FROM warden.findings_of_tables()
        UNION ALL SELECT * FROM warden.findings_of_keys()
        UNION ALL SELECT * FROM warden.findings_of_search()
        UNION ALL SELECT * FROM warden.findings_of_code()
        UNION ALL SELECT * FROM warden.findings_of_server()
    ) AS f
    LEFT JOIN warden.finding_codes() c ON c.code = f.code
    ORDER BY array_position('{critical,warning,advice}'::text[], c.severity), f.code, f.object, f.problem;
END
$$;

COMMENT ON FUNCTION warden.doctor() IS
    'Every hole in the isolation of this database, one row each: code (stable, see docs/doctor.md), severity (critical: isolation can be void; warning: something leaks or can be found out; advice: speed and hygiene), object, problem, and remedy, SQL that can be executed as it stands. No row: none is known. It reads the catalogue only, changes nothing, and works on a standby. For superusers and admin roles. Errors: 42501 for anybody else.';
