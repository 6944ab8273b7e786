-- N11: declared exceptions keep the indexes in use, on 200,000 rows.
\ir lib/people.sql
\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid NOT NULL, is_public boolean, status text, title text);
INSERT INTO documents SELECT i, CASE WHEN i % 1000 = 0 THEN :alice::uuid ELSE gen_random_uuid() END, i % 2000 = 1, CASE WHEN i % 4000 = 3 THEN 'template' ELSE 'x' END, 'title ' || i
FROM generate_series(1, 200000) i;
CREATE INDEX ON documents (user_id);
CREATE INDEX public_documents ON documents (id) WHERE is_public;
CREATE INDEX templates ON documents (status) WHERE status <> 'x';
CREATE TABLE posts AS SELECT id, user_id, id % 10 = 0 AS is_public, title FROM documents;
CREATE INDEX ON posts (user_id, id);
CREATE INDEX ON posts (id) WHERE is_public;
CREATE TABLE messages (id int PRIMARY KEY, document_id int REFERENCES documents);
INSERT INTO messages SELECT i, i FROM generate_series(1, 200000) i;
CREATE INDEX ON messages (document_id);
GRANT SELECT, UPDATE, DELETE ON documents, messages, posts TO gateway, app;
SELECT count(*) FROM warden.protect('documents', public_column => 'is_public');
SELECT count(*) FROM warden.protect('messages', owner_column => NULL, parent_column => 'document_id');
SELECT count(*) FROM warden.protect('posts', public_column => 'is_public');
ANALYZE documents, messages, posts;


\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 300, 'alice reads her 200 rows and 100 public ones') FROM documents;
SELECT t.matches(t.plan('SELECT * FROM documents'), 'BitmapOr\s.*documents_user_id_idx.*public_documents', 'a list of everything uses both indexes');
SELECT t.matches(t.plan('SELECT * FROM documents WHERE id = 1'), 'Index Scan using documents_pkey', 'a read by key is a read by key');
SELECT t.matches(t.plan('SELECT * FROM documents WHERE user_id = warden.current_user_id()'), 'documents_user_id_idx', 'who asks for her own rows gets the plan of her own rows');
SELECT t.plan('SELECT * FROM posts WHERE user_id = warden.current_user_id() ORDER BY id DESC LIMIT 20') AS plan \gset
SELECT t.ok(:'plan' ~ 'posts_user_id_id_idx' AND :'plan' !~ 'BitmapOr|Seq', 'also where a tenth of all rows is public');
SELECT t.matches(t.plan('UPDATE documents SET title = title'), 'documents_user_id_idx', 'an UPDATE looks for her own');
SELECT t.ok(t.plan('UPDATE posts SET title = title WHERE true') ~ 'posts_user_id_id_idx' AND t.plan('UPDATE posts SET title = title WHERE true') !~ 'BitmapOr|Seq', 'and for nothing else');
SELECT t.matches(t.plan('DELETE FROM documents'), 'documents_user_id_idx', 'so does a DELETE');
SELECT t.matches(t.plan('SELECT * FROM messages WHERE id = 5'), 'messages_pkey', 'a child is found by its key');
COMMIT;
\connect - app
SELECT t.matches(t.plan('SELECT * FROM documents'), 'BitmapOr\s.*documents_user_id_idx.*public_documents', 'nobody, too');
SELECT t.is(count(*), 100, 'nobody reads the 100 public rows') FROM documents;

\connect - owner
SELECT warden.allow('documents', 'SELECT', $$ status <> 'x' $$, 'templates');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 350, '50 templates more') FROM documents;
SELECT t.matches(t.plan('SELECT * FROM documents'), 'BitmapOr\s.*documents_user_id_idx.*public_documents.*templates', 'an allowance uses its index, too');
SELECT t.matches(t.plan('SELECT * FROM documents WHERE id = 1'), 'Index Scan using documents_pkey', 'a read by key stays one');
SELECT t.matches(t.plan('DELETE FROM documents'), 'documents_user_id_idx', 'what is allowed for SELECT does not concern a DELETE');
COMMIT;
SELECT t.done();
