-- U6: finding, listing, searching. Filters come before paging, the total is of all pages, deleted users are in none.
SELECT warden.add_admin_role('boss');
INSERT INTO warden.users (id, name, email, full_name, status, kind, roles, created_at)
SELECT format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'user ' || n, 'user' || n || '@example.com', 'Number ' || n,
       CASE WHEN n % 10 = 0 THEN 'deleted' WHEN n % 10 = 1 THEN 'suspended' ELSE 'active' END, CASE WHEN n % 5 = 2 THEN 'anonymous' ELSE 'human' END,
       CASE WHEN n % 4 = 3 THEN '{user,admin}' ELSE '{user}' END::text[],
       -- Pairs of the same moment: the order is stable all the same.
       timestamptz '2026-01-01' + interval '1 day' * (n / 2)
FROM generate_series(1, 250) n;
INSERT INTO warden.users (name, full_name, created_at) VALUES
    ('100% pure', 'x', '2024-12-01'), ('a_b', 'x', '2025-01-01'), ('back\slash', 'x', '2025-01-01'), ('axb', '100 percent', '2025-01-01');
\connect - boss
-- By hand: 225 of the 250, and 4.
SELECT t.is(count(*) || ' ' || max(total), '20 229', 'U6: a page of 20, and the total of all') FROM warden.list_users();
SELECT t.is(string_agg(name, ', '), 'user 249, user 248, user 247', 'U6: newest first, then by id') FROM warden.list_users(page_size => 3);
WITH RECURSIVE pages AS (
    SELECT 1 AS page, (SELECT array_agg(l.id) FROM warden.list_users(page_size => 7) l) AS ids
    UNION ALL
    SELECT p.page + 1, (SELECT array_agg(l.id) FROM warden.list_users(page_size => 7, after_user => p.ids[cardinality(p.ids)]) l)
    FROM pages p WHERE p.ids IS NOT NULL
)
SELECT t.is(count(*) || ' ' || count(DISTINCT i.id), '229 229', 'U6: all pages together hold each user once')
FROM pages CROSS JOIN LATERAL unnest(ids) AS i (id);
SELECT t.is(count(*) || ' ' || max(total), '5 25', 'U6: a filter by status applies before paging') FROM warden.list_users(status => 'suspended', page_size => 5);
SELECT t.is(count(*) || ' ' || max(total), '10 62', 'U6: one by role pages too') FROM warden.list_users(role => 'admin', page_size => 10);
SELECT t.ok(count(*) = 10 AND bool_and('admin' = ANY (roles)), 'U6: and lists only these') FROM warden.list_users(role => 'admin', page_size => 10);
SELECT t.is(max(total), 50, 'U6: one by kind') FROM warden.list_users(kind => 'anonymous');
SELECT t.is(max(total), 4, 'U6: one by age') FROM warden.list_users(older_than => now() - timestamptz '2025-06-01');
SELECT t.ok(bool_and(total IS NULL) AND count(*) = 20, 'the total is left out on request') FROM warden.list_users(with_total => false);
SELECT t.rows('SELECT * FROM warden.list_users(page_size => ' || n || ')', n, 'U6: a page of ' || n) FROM (VALUES (1), (100)) AS b (n);
SELECT t.refused('SELECT * FROM warden.list_users(page_size => ' || n || ')', '22023', 'U6: no page of ' || n) FROM (VALUES ('0'), ('-1'), ('101'), ('NULL')) AS b (n);
SELECT t.refused('SELECT * FROM warden.list_users(' || f || ')', '22023', 'U6: refused: ' || f)
FROM (VALUES ('status => ''deleted'''), ('role => ''root'''), ('kind => ''cat'''), ('older_than => ''-1 day''')) AS r (f);
SELECT t.refused('SELECT * FROM warden.list_users(after_user => gen_random_uuid())', 'P0002', 'after an unknown user comes nobody');

SELECT t.is(name, 'user 7', 'U6: found by ' || i)
FROM (VALUES ('00000000-0000-4000-8000-000000000007'), ('USER7@example.com'), ('user 7')) AS f (i) CROSS JOIN LATERAL warden.find_user(i);
SELECT t.rows(format('SELECT * FROM warden.find_user(%L)', i), 0, 'U6: not found: ' || coalesce(i, 'NULL'))
FROM (VALUES ('00000000-0000-4000-8000-000000000010'), ('user10@example.com'), ('user 10'), ('User 7'), ('%'), (''), (NULL), (gen_random_uuid()::text)) AS f (i);

SELECT t.is(string_agg(name, ', '), names, format('U6: %L is searched for as it is', q))
FROM (VALUES ('%', '100% pure'), ('_', 'a_b'), ('\', 'back\slash'), ('A_B', 'a_b'), ('100%', '100% pure')) AS f (q, names)
CROSS JOIN LATERAL warden.search_users(q) GROUP BY q, names;
SELECT t.rows('SELECT * FROM warden.search_users(''user 100'')', 0, 'U6: deleted users are not searched');
SELECT t.rows('SELECT * FROM warden.search_users(''user 101'')', 1, 'U6: others are');
SELECT t.is(string_agg(name, ', '), '100% pure, axb', 'U6: who has it in the name comes first') FROM warden.search_users('100') WHERE name !~ '^user';
SELECT t.is(count(*) || ' ' || max(total), '20 225', 'U6: the total of a search is of all pages') FROM warden.search_users('USER');
SELECT t.is(count(*), 5, 'U6: the last page of a search') FROM warden.search_users('user', skip => 220);
SELECT t.refused('SELECT * FROM warden.search_users(' || f || ')', '22023', 'U6: refused: search ' || f)
FROM (VALUES (''''''), ('NULL'), ('''x'', 0'), ('''x'', 101'), ('''x'', 10, -1')) AS r (f);

-- By hand: user 1 is the oldest of the 250, user 3 the oldest admin; the four others are of the year before.
SELECT t.is(f.name, r.expected, 'U6: the first user' || coalesce(' with role ' || role, ''))
FROM (VALUES (NULL, '100% pure'), ('admin', 'user 3')) AS r (role, expected)
CROSS JOIN LATERAL (SELECT (warden.find_first_user(r.role)).name) AS f;
SELECT t.rows('SELECT * FROM warden.find_first_user(''owner'')', 0, 'U6: nobody holds it, nobody is found');
SELECT t.refused('SELECT * FROM warden.find_first_user(''root'')', '22023', 'U6: an unknown role');
SELECT warden.set_user_status(id, 'suspended') FROM warden.find_user('user 3');
SELECT t.is(name, 'user 3', 'U6: a suspended one is there still') FROM warden.find_first_user('admin');
SELECT warden.delete_user(id) FROM warden.find_user('user 3');
SELECT t.is(name, 'user 7', 'U6: a deleted one is not') FROM warden.find_first_user('admin');
\connect - postgres
SELECT warden.add_client_role('app');
\connect - app
SELECT t.refused('SELECT * FROM warden.find_first_user()', '42501', 'U6: not for clients');
SELECT t.done();
