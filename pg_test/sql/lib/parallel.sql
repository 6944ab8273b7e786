-- For \ir after cast.sql: a table large enough to be read by parallel workers. many: 10000 rows each of alice and bob.
SET ROLE owner;
CREATE TABLE many (id int, user_id uuid, filler text);
INSERT INTO many SELECT i, CASE WHEN i % 2 = 0 THEN :'alice' ELSE :'bob' END::uuid, repeat('x', 50)
FROM generate_series(1, 20000) AS i;
ALTER TABLE many ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON many USING (user_id = warden.current_user_id());
GRANT SELECT ON many TO app, gateway;
RESET ROLE;
ANALYZE many;
\ir workers.sql
