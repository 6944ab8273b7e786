-- D2: Postgres exempts foreign keys from FORCE ROW LEVEL SECURITY, with everything that their actions set off: code of a
-- client on tables of its own. What it reaches there by the rights of a table's owner, plain views and SECURITY DEFINER
-- functions, shows the user's own rows all the same, and so does what was planned meanwhile.
\ir lib/cast.sql
\connect - owner
CREATE TABLE papers (id int PRIMARY KEY, user_id uuid NOT NULL, title text);
INSERT INTO papers VALUES (1, :'alice', 'of alice'), (2, :'bob', 'of bob'), (3, :'mallory', 'of mallory');
GRANT SELECT, INSERT, UPDATE, DELETE ON papers TO app;
SELECT count(*) FROM warden.protect('papers', shareable => true);
CREATE VIEW by_owner AS SELECT * FROM papers;
CREATE VIEW by_invoker WITH (security_invoker) AS SELECT * FROM papers;
GRANT SELECT, UPDATE ON by_owner, by_invoker TO app;
CREATE FUNCTION by_definer() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN RETURN (SELECT string_agg(p.title, ', ' ORDER BY p.id) FROM public.papers p); END $$;

\ir lib/as_attacker.sql
CREATE TEMP TABLE up (i int PRIMARY KEY);
CREATE TEMP TABLE cascades (i int DEFAULT 0 REFERENCES up ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TEMP TABLE loot (way text, titles text);
CREATE FUNCTION pg_temp.reach(way text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.loot SELECT way || ', a view', string_agg(v.title, ', ' ORDER BY v.id) FROM public.by_owner v;
    INSERT INTO pg_temp.loot SELECT way || ', a view of the invoker', string_agg(v.title, ', ' ORDER BY v.id) FROM public.by_invoker v;
    INSERT INTO pg_temp.loot VALUES (way || ', a definer function', public.by_definer());
    UPDATE public.by_owner SET title = title || ', seen' WHERE id < 3;
    -- Not where nothing can be left behind.
    IF way <> 'deferred' THEN
        EXECUTE 'PREPARE kept AS SELECT string_agg(v.title, '', '' ORDER BY v.id) FROM public.by_owner v';
    END IF;
    RETURN true;
END $$;
CREATE FUNCTION pg_temp.fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_temp.reach(TG_ARGV[0]); RETURN coalesce(NEW, OLD); END $$;
CREATE FUNCTION pg_temp.constant() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_temp.reach('a constant'); RETURN 1; END $$;
-- Each way begins anew.
CREATE PROCEDURE pg_temp.arrange() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pg_temp.loot;
    IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'kept') THEN
        DEALLOCATE kept;
    END IF;
    INSERT INTO pg_temp.up VALUES (1) ON CONFLICT DO NOTHING;
    DELETE FROM pg_temp.cascades;
    INSERT INTO pg_temp.cascades VALUES (1);
END $$;

-- A trigger.
CREATE TRIGGER fired BEFORE DELETE ON cascades FOR EACH ROW EXECUTE FUNCTION pg_temp.fired('a trigger');
BEGIN;
ALTER TABLE cascades DISABLE TRIGGER fired;
CALL pg_temp.arrange();
ALTER TABLE cascades ENABLE TRIGGER fired;
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
DELETE FROM up;
SELECT t.is(titles, 'of mallory', 'a trigger of a cascade, by ' || way) FROM loot ORDER BY way;
SELECT t.is(count(*), 3, 'all three ways of it') FROM loot;
EXECUTE kept;
COMMIT;
SELECT t.is(by_definer(), NULL, 'nobody sees anything by a function that was planned there');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(by_definer(), 'of alice', 'and alice her own');
SELECT t.is(string_agg(title, ', '), 'of alice', 'by the view, too') FROM by_owner;
COMMIT;
-- Nobody is nobody there.
BEGIN;
ALTER TABLE cascades DISABLE TRIGGER fired;
CALL pg_temp.arrange();
ALTER TABLE cascades ENABLE TRIGGER fired;
DELETE FROM up;
SELECT t.is(count(titles), 0, 'nobody sees nothing there') FROM loot;
SELECT t.is(count(*), 3, 'by no way') FROM loot;
COMMIT;
DROP TRIGGER fired ON cascades;

-- A statement that a rule adds is rewritten with that of the foreign key: before it, and after it.
CREATE RULE reached AS ON DELETE TO cascades DO ALSO INSERT INTO loot SELECT 'a rule before', title FROM by_owner;
CREATE RULE reached_after AS ON UPDATE TO cascades DO ALSO INSERT INTO loot SELECT 'a rule after', title FROM by_owner;
ALTER TABLE cascades DISABLE RULE reached;
CALL pg_temp.arrange();
ALTER TABLE cascades ENABLE RULE reached;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
UPDATE up SET i = 2;
DELETE FROM up;
SELECT t.is(string_agg(way || ': ' || titles, ', ' ORDER BY way), 'a rule after: of mallory, a rule before: of mallory', 'what rules reach') FROM loot;
COMMIT;
DROP RULE reached ON cascades;
DROP RULE reached_after ON cascades;

-- A function that is called while the statement is planned.
CALL pg_temp.arrange();
CREATE RULE reached AS ON DELETE TO cascades DO ALSO INSERT INTO loot SELECT 'planned', 'x' WHERE pg_temp.constant() = 2;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
DELETE FROM up;
SELECT t.ok(count(*) > 0 AND count(*) FILTER (WHERE titles IS DISTINCT FROM 'of mallory') = 0, 'what the planner calls') FROM loot;
COMMIT;
CREATE FUNCTION pg_temp.kept() RETURNS text LANGUAGE plpgsql AS $$ DECLARE titles text; BEGIN EXECUTE 'EXECUTE kept' INTO titles; RETURN titles; END $$;
SELECT t.is(pg_temp.kept(), NULL, 'and what was prepared there');
DROP RULE reached ON cascades;

-- A default that is evaluated.
CREATE TEMP TABLE defaults (i int DEFAULT pg_temp.reach('a default')::int REFERENCES up ON DELETE SET DEFAULT);
CALL pg_temp.arrange();
INSERT INTO up VALUES (2);
INSERT INTO defaults VALUES (2);
BEGIN;
SELECT warden.authenticate(:'mallory_token');
DELETE FROM up WHERE i = 2;
SELECT t.is(titles, 'of mallory', 'a default, by ' || way) FROM loot ORDER BY way;
SELECT t.is(count(*), 3, 'is evaluated') FROM loot;
COMMIT;
DROP TABLE defaults;

-- transfer() makes constraints immediate: what was deferred fires as the client, and bound.
CREATE TEMP TABLE fuse (i int);
CREATE CONSTRAINT TRIGGER fired AFTER INSERT ON fuse DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.fired('deferred');
BEGIN;
CALL pg_temp.arrange();
SELECT warden.authenticate(:'mallory_token');
INSERT INTO fuse VALUES (1);
SELECT t.ok(warden.transfer('papers', 3, :'bob'::uuid), 'a row is given away');
SELECT t.is(titles, 'of mallory', 'what was deferred, by ' || way) FROM loot ORDER BY way;
SELECT t.is(count(*), 3, 'has fired') FROM loot;
SELECT t.is(by_definer(), NULL, 'and left no plan');
ROLLBACK;

\connect - postgres
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'of alice, of bob, of mallory', 'nothing was written') FROM papers;
SELECT t.done();
