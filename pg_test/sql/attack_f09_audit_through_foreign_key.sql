-- F9: a foreign key fires the BEFORE triggers of the referring table as that table's owner, within the superuser's DELETE.
-- To the owner's code it then looks as if the superuser asked; what it is shown is the owner's all the same.
SELECT warden.add_client_role('app');
\connect - owner
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int REFERENCES parents ON DELETE CASCADE);
CREATE TABLE found (administers boolean, records bigint);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO found SELECT warden.caller_administers(), count(*) FROM warden.audit_log; RETURN OLD; END $$;
CREATE TRIGGER look BEFORE DELETE ON children FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO parents VALUES (1);
INSERT INTO children VALUES (1);

\connect - postgres
SELECT t.ok(warden.caller_administers() AND EXISTS (SELECT FROM warden.audit_log), 'the superuser reads the audit log');
DELETE FROM parents;
SELECT t.is((SELECT format('%s %s', administers, records) FROM found), 'f 0', 'the owner''s code within its DELETE does not');
SELECT t.done();
