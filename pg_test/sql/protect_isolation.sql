-- A1, A2, A5, A14: from the client's side, each user has its own rows, and nobody has none.
\ir lib/people.sql

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, body text, UNIQUE (user_id, body));
CREATE TABLE folders (id int PRIMARY KEY, user_id uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON documents, folders TO app, gateway;
CREATE VIEW mine WITH (security_invoker) AS SELECT * FROM documents;
GRANT SELECT ON mine TO gateway;
INSERT INTO documents VALUES (1, :alice, 'a'), (2, :bob, 'b'), (3, :bob, 'c');
INSERT INTO folders VALUES (1, :alice), (2, :bob);
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('folders');

-- The owner is bound too.
SELECT t.refused('TABLE documents', '42501', 'the owner of the table is not shown less than there is without a word');
SELECT t.refused($$ INSERT INTO documents VALUES (9, gen_random_uuid(), 'x') $$, '42501', 'and adds nothing');

-- A2, B1: nobody.
\connect - app
SELECT t.rows('TABLE documents', 0, 'nobody reads no rows');
SELECT t.rows('UPDATE documents SET body = body', 0, 'nobody changes none');
SELECT t.rows('DELETE FROM documents', 0, 'nobody deletes none');
SELECT t.refused($$ INSERT INTO documents VALUES (9, NULL, 'x') $$, '42501', 'nobody inserts without an owner');
SELECT t.refused(format($$ INSERT INTO documents VALUES (9, %L, 'x') $$, :alice), '42501', 'nor with one');
SELECT t.refused($$ INSERT INTO documents (id) VALUES (9) $$, '42501', 'nor by the default');

-- A14, A1.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 1, 'alice counts her own') FROM documents;
SELECT t.is(count(*), 1, 'a view with security_invoker shows her own') FROM mine;
SELECT t.is(count(*), 0, 'her query for a row of bob''s finds none') FROM documents WHERE id = 2;
SELECT t.is(count(*), 1, 'a join is of her rows') FROM documents d JOIN folders f ON f.user_id = d.user_id;
SELECT t.is((SELECT count(*) FROM (SELECT * FROM documents) s), 1, 'a subquery too');
SELECT t.rows('UPDATE documents SET body = ''z'' RETURNING *', 1, 'UPDATE without WHERE reaches her own');
SELECT t.rows('DELETE FROM documents WHERE id = 3', 0, 'bob''s row cannot be deleted by key');

-- A5.
SELECT t.is((INSERTED.user_id)::text, :alice, 'a row without an owner is hers') FROM (SELECT 1) x, LATERAL (SELECT user_id FROM documents LIMIT 1) INSERTED;
INSERT INTO documents (id, body) VALUES (10, 'default');
INSERT INTO documents (id, user_id, body) VALUES (11, NULL, 'an ORM sends NULL');
INSERT INTO documents (id, user_id, body) VALUES (12, :alice, 'stated');
SELECT t.is(count(*), 4, 'left out, NULL and stated are all hers') FROM documents WHERE user_id = :alice;
SELECT t.refused(format($$ INSERT INTO documents VALUES (13, %L, 'x') $$, :bob), '42501', 'a row of bob''s is refused');
SELECT t.refused(format('UPDATE documents SET user_id = %L WHERE id = 10', :bob), '42501', 'a row cannot be given away');

-- MERGE and ON CONFLICT.
SELECT t.rows($$ MERGE INTO documents d USING (VALUES (1), (2), (20)) v (id) ON d.id = v.id
    WHEN MATCHED THEN UPDATE SET body = 'merged' WHEN NOT MATCHED AND v.id = 20 THEN INSERT (id, body) VALUES (v.id, 'new') $$, 2,
    'MERGE changes her row, adds hers, and meets none of bob''s');
SELECT t.refused($$ MERGE INTO documents d USING (VALUES (2)) v (id) ON d.id = v.id WHEN NOT MATCHED THEN INSERT (id, user_id)
    VALUES (30, 'bbbbbbbb-0000-4000-8000-000000000002') $$, '42501', 'MERGE does not insert for bob');
SELECT t.rows($$ INSERT INTO documents (id, body) VALUES (10, 'again') ON CONFLICT (id) DO UPDATE SET body = excluded.body $$, 1,
    'ON CONFLICT updates her row');
SELECT t.refused($$ INSERT INTO documents (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.body $$, '42501',
    'ON CONFLICT does not update bob''s');
SELECT t.rows($$ INSERT INTO documents (id, body) VALUES (2, 'x') ON CONFLICT DO NOTHING $$, 0, 'nor replace it');
COMMIT;

BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(string_agg(id || body, ' ' ORDER BY id), '2b 3c', 'bob''s rows are untouched') FROM documents;
COMMIT;
SELECT t.rows('TABLE documents', 0, 'after COMMIT there is nobody again');
SELECT t.done();
