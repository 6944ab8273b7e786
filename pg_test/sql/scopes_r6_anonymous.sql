-- R6: whoever has the role anonymous alone sees what is public, and writes nothing but what is declared.
\ir lib/cast.sql
SELECT warden.assign_role(:'alice', 'anonymous'), warden.revoke_role(:'alice', 'user');
CREATE TABLE posts (id int PRIMARY KEY, user_id uuid NOT NULL, published boolean NOT NULL);
INSERT INTO posts VALUES (1, :'bob', true), (2, :'bob', false);
CREATE TABLE feedback (id int PRIMARY KEY, user_id uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE feedback_1 PARTITION OF feedback FOR VALUES FROM (0) TO (1000);
GRANT ALL ON posts, feedback, feedback_1 TO app;
SELECT count(*) FROM warden.protect('posts', public_column => 'published');
SELECT count(*) FROM warden.protect('feedback');

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.current_scopes(), ARRAY['anonymous', 'user:' || :'alice'], 'R6: the scope anonymous is there');
SELECT t.is((SELECT string_agg(id::text, ',') FROM posts), '1', 'R6: what is public is seen');
SELECT t.refused(statement, '42501', 'R6: refused: ' || statement, 'only read')
FROM (VALUES ('INSERT INTO posts VALUES (3)'), ('UPDATE posts SET published = true'), ('DELETE FROM posts WHERE id = 1'), ('INSERT INTO feedback VALUES (1)'),
    ('INSERT INTO feedback_1 VALUES (1)')) AS s (statement);
COMMIT;

\connect - postgres
SELECT warden.allow('feedback', 'INSERT', 'user_id = warden.current_user_id()', 'visitors may say what they think');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('INSERT INTO feedback VALUES (1)', 1, 'R6: what is declared is written');
SELECT t.rows('INSERT INTO feedback_1 VALUES (2)', 1, 'R6: also in a partition');
SELECT t.refused('INSERT INTO feedback VALUES (3, ' || quote_literal(:'bob') || ')', '42501', 'R6: his own alone', 'row-level security');
SELECT t.refused(statement, '42501', 'R6: and no other command: ' || statement, 'only read')
FROM (VALUES ('UPDATE feedback SET id = 5'), ('DELETE FROM feedback'), ('INSERT INTO feedback VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 4'), ('INSERT INTO posts VALUES (3)')) AS s (statement);
COMMIT;
\connect - postgres
SELECT warden.disallow('feedback', 'INSERT');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused('INSERT INTO feedback VALUES (3)', '42501', 'R6: taken back, at once', 'only read');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('INSERT INTO feedback VALUES (4)', 1, 'a user writes');
COMMIT;
SELECT t.done();
