-- A10: CREATE EXTENSION by a superuser whose search_path has a schema in which somebody else has put operators, functions,
-- casts and types: nothing of it runs as the superuser, and nothing of the extension refers to it.
GRANT CREATE ON SCHEMA public TO mallory_login;
SELECT format('GRANT CREATE ON DATABASE %I TO mallory_login', current_database()) \gexec
SET ROLE mallory_login;
CREATE TABLE public.ran_as (who text, what text);
GRANT INSERT ON public.ran_as TO PUBLIC;
CREATE FUNCTION public.note(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ran_as VALUES (current_user, what);
    RETURN true;
END $$;
-- Closer matches than those of pg_catalog, where a script leaves an argument's type open.
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql AS $$SELECT public.note('text = text')$$;
CREATE OPERATOR public.= (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.~ (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.<> (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION public.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$SELECT public.note('uuid = uuid')$$;
CREATE OPERATOR public.= (FUNCTION = public.always, LEFTARG = uuid, RIGHTARG = uuid);
-- Where pg_catalog has no exact match an exact one of another schema wins, though pg_catalog comes first.
DO $$
DECLARE
    l text;
    r text;
    o text;
BEGIN
    FOR l, r, o IN
        SELECT x, y, z FROM unnest('{regclass,regrole,regprocedure,regnamespace,oid,name,int4,"\"char\""}'::pg_catalog.text[]) AS x,
            unnest('{regclass,regrole,regnamespace,int4,text}'::pg_catalog.text[]) AS y, unnest('{=,<>}'::pg_catalog.text[]) AS z
    LOOP
        EXECUTE pg_catalog.format('CREATE OR REPLACE FUNCTION public.planted(%s, %s) RETURNS boolean LANGUAGE sql AS $f$SELECT public.note(%L)$f$', l, r, l || o || r);
        EXECUTE pg_catalog.format('CREATE OPERATOR public.%s (FUNCTION = public.planted, LEFTARG = %s, RIGHTARG = %s)', o, l, r);
    END LOOP;
END $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM public.note('now'); RETURN pg_catalog.now(); END$$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM public.note('clock'); RETURN pg_catalog.now(); END$$;
CREATE FUNCTION public.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS $$BEGIN PERFORM public.note('uuid'); RETURN pg_catalog.gen_random_uuid(); END$$;
CREATE FUNCTION public.pg_extension_config_dump(regclass, text) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM public.note('dump'); END$$;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM public.note('format'); RETURN $1; END$$;
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.note('type text'));
CREATE DOMAIN public.uuid AS pg_catalog.uuid CHECK (public.note('type uuid'));
CREATE DOMAIN public.inet AS pg_catalog.inet CHECK (public.note('type inet'));
CREATE DOMAIN public.jsonb AS pg_catalog.jsonb CHECK (public.note('type jsonb'));
CREATE DOMAIN public.regrole AS pg_catalog.regrole CHECK (public.note('type regrole'));
RESET ROLE;

SET search_path = public, pg_catalog;
SELECT t.ok('a'::pg_catalog.text = 'b'::pg_catalog.text, 'the trap is set');
TRUNCATE public.ran_as;
CREATE EXTENSION pg_warden;
SELECT t.is(pg_catalog.count(*), 0::bigint, 'nothing planted ran during CREATE EXTENSION') FROM public.ran_as;
SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway');
SET search_path = pg_catalog;
SELECT t.is(string_agg(what, ', '), NULL, 'nor in functions of the superuser''s') FROM public.ran_as WHERE what NOT LIKE 'type %';

-- What the extension consists of refers to pg_catalog and to itself alone.
SELECT t.is(string_agg(pg_describe_object(d.classid, d.objid, d.objsubid) || ' refers to '
        || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), '; '), NULL,
    'no object of the extension refers to anything planted')
FROM pg_depend d
JOIN pg_depend e ON e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS i
WHERE i.schema = 'public';

-- And every function that runs as its owner says where its names are.
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'every SECURITY DEFINER function pins its search_path')
FROM pg_proc p
WHERE p.pronamespace = 'warden'::regnamespace AND p.prosecdef
  AND NOT coalesce(p.proconfig && ARRAY['search_path=pg_catalog, pg_temp'], false);
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'and every function written in PL/pgSQL')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'warden'::regnamespace AND l.lanname = 'plpgsql'
  AND NOT coalesce(p.proconfig && ARRAY['search_path=pg_catalog, pg_temp'], false);
DROP OWNED BY mallory_login;
SELECT t.done();
