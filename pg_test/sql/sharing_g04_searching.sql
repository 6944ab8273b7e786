-- G4, taOS F14: a search by words and one by distance, as one among vectors is, find what a list shows, and nothing else: one's
-- own rows and what is shared, whichever index they go by.
\ir lib/cast.sql
SET ROLE owner;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL, body text NOT NULL, place point NOT NULL);
INSERT INTO notes SELECT i, CASE WHEN i <= 3 THEN :'bob'::uuid ELSE :'alice' END, CASE WHEN i % 2 = 0 THEN 'apollo landed' ELSE 'gemini flew' END, point(i, 0)
FROM generate_series(1, 3000) i;
CREATE INDEX notes_words ON notes USING gin (to_tsvector('english', body));
CREATE INDEX notes_places ON notes USING gist (place);
GRANT SELECT ON notes TO app;
SELECT count(*) FROM warden.protect('notes', shareable => true);
ANALYZE notes;
RESET ROLE;
INSERT INTO warden.shares (relation, row_id, grantee, level) SELECT 'notes'::regclass, id, 'user:' || :'bob', 'view' FROM unnest('{2000,2001}'::text[]) id;
-- So that either index may be asked before the policy: its risk is that of a superuser who says so.
ALTER FUNCTION ts_match_vq(tsvector, tsquery) LEAKPROOF;
\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM notes), '1,2,3,2000,2001', 'G4: bob lists his notes, and two of alice''s');
\set words 'SELECT id FROM notes WHERE to_tsvector(''english'', body) @@ to_tsquery(''english'', ''landing'')'
\set near 'SELECT id FROM notes ORDER BY place <-> point(1500, 0) LIMIT 100'
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM (:words) n), '2,2000', 'taOS F14: by words he finds what of them has these');
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM (:near) n), '1,2,3,2000,2001', 'taOS F14: by distance, however many are nearer');
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off;
SELECT t.matches(t.plan(:'near'), 'Index Scan using notes_places on notes\s+Order By: .*\s+Filter: .*shared', 'by the index of places the policy is asked of each');
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM (:near) n), '1,2,3,2000,2001', 'taOS F14: and it finds the same');
SET LOCAL enable_bitmapscan = on;
SET LOCAL enable_indexscan = off;
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM (:words) n), '2,2000', 'taOS F14: likewise by that of words');
COMMIT;
SELECT t.rows(:'words', 0, 'taOS F14: nobody finds anything by words'), t.rows(:'near', 0, 'taOS F14: nor by distance');
SELECT t.done();
