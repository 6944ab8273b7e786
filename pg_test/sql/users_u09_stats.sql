-- U9: counts and statistics equal those by hand on a thousand random users, windows to the boundary.
SELECT warden.add_admin_role('boss');
SELECT setseed(0.5);
BEGIN;
INSERT INTO warden.users (name, status, kind, roles, is_bot, created_at)
SELECT 'user ' || n, (warden_statuses)[1 + floor(random() * 6)], ('{human,anonymous,service,agent}'::text[])[1 + floor(random() * 4)],
       CASE floor(random() * 4) WHEN 0 THEN '{user}' WHEN 1 THEN '{user,admin}' WHEN 2 THEN '{anonymous}' ELSE '{}' END::text[],
       random() < 0.1, now() - random() * interval '60 days'
FROM generate_series(1, 1000) n, (VALUES ('{active,inactive,suspended,pending,deleted,temporary}'::text[])) AS s (warden_statuses);
-- On each boundary, which belongs to the window, and just outside.
INSERT INTO warden.users (name, created_at)
SELECT w || ' ' || d, now() - w::interval - d FROM unnest('{24 hours,7 days,30 days}'::text[]) w, unnest('{0,1 microsecond}'::interval[]) d;
GRANT SELECT ON warden.users TO boss;
SET ROLE boss;
SELECT t.is((to_jsonb(s) - 'by_status' - 'by_role')::text, to_jsonb(h)::text, 'U9: the eleven statistics')
FROM warden.user_stats() s, (
    SELECT count(*) AS total, sum((created_at >= now() - interval '24 hours')::int) AS created_24h,
        sum((created_at >= now() - interval '168 hours')::int) AS created_7d, sum((created_at >= now() - interval '30 days')::int) AS created_30d,
        sum((status = 'active')::int) AS active, sum((status = 'suspended')::int) AS suspended,
        sum((roles @> '{admin}')::int) AS admins, sum((kind = 'anonymous')::int) AS anonymous, sum(is_bot::int) AS bots,
        min(created_at) AS oldest_user, max(created_at) AS newest_user
    FROM warden.users WHERE status IN ('active', 'inactive', 'suspended', 'pending', 'temporary')) h;
SELECT t.is((SELECT created_24h FROM warden.user_stats()), count(*), 'U9: exactly 24 hours old is within the 24 hours')
FROM warden.users WHERE status <> 'deleted' AND created_at > now() - interval '24 hours 1 microsecond';
SELECT t.is(sum(e.value::int), s.total, 'U9: the statuses add up to the total') FROM warden.user_stats() s, jsonb_each_text(s.by_status) e GROUP BY s.total;
SELECT t.is(warden.count_users(role => e.key), e.value::bigint, 'U9: by role: ' || e.key) FROM warden.user_stats() s, jsonb_each_text(s.by_role) e;
SELECT t.is(warden.count_users(status => e.key), e.value::bigint, 'U9: by status: ' || e.key) FROM warden.user_stats() s, jsonb_each_text(s.by_status) e;
SELECT t.is(warden.count_users(), s.total, 'U9: count_users counts all that are not deleted') FROM warden.user_stats() s;
SELECT t.is(warden.count_users('active', 'admin', 'human', '10 days'), count(*), 'U9: every filter at once') FROM warden.users
WHERE status = 'active' AND 'admin' = ANY (roles) AND kind = 'human' AND created_at < now() - interval '10 days' HAVING count(*) > 3;
SELECT t.refused('SELECT warden.count_users(status => ''deleted'')', '22023', 'deleted users are not counted');
ROLLBACK;
SELECT t.is((total, created_24h, oldest_user, by_status)::text, '(0,0,,{})', 'U9: of nobody there are none') FROM warden.user_stats();
SELECT t.done();
