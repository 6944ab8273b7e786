-- B3, B4: banned again: counted, never weakened, with what is known of the offender, and the history of all of it.
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT t.is(warden.ban_ip('203.0.113.7', '2 days', 'flood'), 1, 'B3: first');
SELECT banned_at AS first, expires_at AS first_end FROM warden.get_ban('203.0.113.7') \gset
SELECT t.is(warden.ban_ip('203.0.113.7', '1 hour', 'scan', source => 'detector'), 2, 'B3: a shorter one');
SELECT t.is(reason || ' ' || source || ' ' || ban_count, 'scan detector 2', 'B3: reason, source and count are the last'),
    t.is(expires_at, :'first_end'::timestamptz, 'B3: the longer one stays'), t.is(banned_at, :'first'::timestamptz, 'B3: it began when it began'),
    t.ok(last_offense_at > banned_at, 'B3: the last offence is later')
FROM warden.get_ban('203.0.113.7');
SELECT t.is(warden.ban_ip('203.0.113.7', '3 days', 'x'), 3, 'B3: a longer one');
SELECT t.ok(expires_at > :'first_end'::timestamptz, 'B3: lengthens it') FROM warden.get_ban('203.0.113.7');
SELECT t.is(warden.ban_ip('203.0.113.7', '1 hour', 'x', allow_shorter => true), 4, 'B3: a shorter one, forced');
SELECT t.ok(expires_at < clock_timestamp() + interval '2 hours', 'B3: shortens it') FROM warden.get_ban('203.0.113.7');
SELECT t.is(warden.ban_ip('203.0.113.7', '2 hours', 'x', allow_shorter => NULL), 5, 'B3: an unknown wish is none'),
    t.is(warden.ban_ip('203.0.113.7', '1 hour', 'x', allow_shorter => NULL), 6, 'B3: nor here');
SELECT t.ok(expires_at > clock_timestamp() + interval '1 hour 30 minutes', 'B3: the longer one stays') FROM warden.get_ban('203.0.113.7');

-- For good, and nothing but unban_ip() ends that.
SELECT t.is(warden.ban_ip('203.0.113.7', 'permanent', 'enough'), 7, 'B3: a temporary ban made permanent');
SELECT t.is(expires_at, NULL, 'B3: never ends'), t.is(is_permanent, true, 'B3: and says so') FROM warden.get_ban('203.0.113.7');
SELECT t.is(warden.ban_ip('203.0.113.7', '1 hour', 'less'), 8, 'B3: banned for an hour'),
    t.is(warden.ban_ip('203.0.113.7', '1 microsecond', 'less', allow_shorter => true), 9, 'B3: also where a shorter one is allowed');
SELECT t.is(expires_at, NULL, 'B3: stays permanent'), t.is(reason, 'less', 'B3: with the reason of the last') FROM warden.get_ban('203.0.113.7');
SELECT t.is(warden.cleanup_bans(), 0, 'B3: nothing to clean up'), t.is(warden.is_banned('203.0.113.7'), true, 'B3: and banned');

-- A ban that is over, cleaned up or not, is one more of the same network; one that was lifted is none.
SELECT t.is(warden.ban_ip('198.51.100.1', '1 microsecond', 'a'), 1, 'B3: over at once'), t.is(warden.ban_ip('198.51.100.1', '1 microsecond', 'b'), 2, 'B3: again');
SELECT t.is(warden.cleanup_bans(), 1, 'B3: cleaned up'), t.is(warden.ban_ip('198.51.100.1', '1 microsecond', 'c'), 3, 'B3: counted on');
SELECT t.is(warden.ban_ip('198.51.100.1', '1 hour', 'd'), 4, 'B3: and on');
SELECT t.is(last_offense_at, banned_at, 'B3: a ban that was over begins anew') FROM warden.get_ban('198.51.100.1');
SELECT t.is(warden.unban_ip('198.51.100.1'), true, 'B3: lifted'), t.is(warden.ban_ip('198.51.100.1', '1 hour', 'e'), 1, 'B3: the count begins again');
SELECT t.is(string_agg(reason || CASE WHEN unbanned_at IS NOT NULL THEN ' lifted' ELSE '' END, ', '), 'e, d lifted, c lifted, b lifted, a lifted',
    'B3: the history has every one, newest first')
FROM warden.list_ban_history('::ffff:198.51.100.1');
SELECT t.is(count(*), 9, 'B3: as asked for'), t.is(count(*) FILTER (WHERE expires_at IS NULL), 1, 'B3: not as it came') FROM warden.list_ban_history('203.0.113.7');
SELECT warden.ban_ip('198.51.100.0/24', '1 microsecond', 'around');
SELECT t.is(string_agg(reason, ', '), 'around, e', 'B3: that of a network around it, too; by pages') FROM warden.list_ban_history('198.51.100.1', 2);
SELECT t.rows('SELECT * FROM warden.list_ban_history(''198.51.101.1'')', 0, 'B3: no history');
SELECT t.refused('SELECT warden.list_ban_history(''198.51.101.1'', 101)', '22023', 'B3: a page too large');

-- B4: what is known of the offender.
SELECT warden.ban_ip('192.0.2.1', '1 day', 'x', fingerprint => 'ja3', offense_path => '/wp-login.php', user_agent => 'curl', session_id => 's1');
SELECT warden.ban_ip('192.0.2.1', '1 day', 'x'), warden.ban_ip('192.0.2.1', '1 day', 'x', fingerprint => '', offense_path => '', user_agent => '', session_id => '');
SELECT t.is(source_fingerprint || ' ' || last_offense_path || ' ' || last_user_agent, 'ja3 /wp-login.php curl', 'B4: kept where nothing is given'),
    t.is(session_ids, '{s1}', 'B4: the session'), t.is(user_agents, '{curl}', 'B4: the agent')
FROM warden.get_ban('192.0.2.1');
SELECT warden.ban_ip('192.0.2.1', '1 day', 'x', offense_path => '/.env', user_agent => 'wget', session_id => 's2');
SELECT warden.ban_ip('192.0.2.1', '1 day', 'x', user_agent => 'curl', session_id => 's1');
SELECT t.is(last_offense_path || ' ' || last_user_agent, '/.env curl', 'B4: the last that were given'),
    t.is(session_ids, '{s2,s1}', 'B4: each session once'), t.is(user_agents, '{wget,curl}', 'B4: each agent once')
FROM warden.get_ban('192.0.2.1');
SELECT t.is(count(warden.ban_ip('192.0.2.1', '1 day', 'x', user_agent => 'agent ' || n, session_id => 's' || n)), 150, 'B4: many') FROM generate_series(1, 150) AS n;
SELECT t.is(cardinality(session_ids), 100, 'B4: a hundred sessions'), t.is(session_ids[1] || ' ' || session_ids[100], 's51 s150', 'B4: the last ones'),
    t.is(cardinality(user_agents), 20, 'B4: twenty agents'), t.is(user_agents[1] || ', ' || user_agents[20], 'agent 131, agent 150', 'B4: the last ones')
FROM warden.get_ban('192.0.2.1');
SELECT t.succeeds(format('SELECT warden.ban_ip(''192.0.2.1'', ''1 day'', ''x'', fingerprint => %1$L, offense_path => %1$L, user_agent => %1$L, session_id => %1$L)',
    repeat(E'ä\x1b', 5000)), 'B4: nobody escapes by what he sends');
SELECT t.is(length(source_fingerprint) || ' ' || length(last_offense_path) || ' ' || length(last_user_agent) || ' ' || length(session_ids[100]), '255 512 1000 255', 'B4: it is cut')
FROM warden.get_ban('192.0.2.1');
SELECT t.is(warden.count_bans(fingerprint => repeat(E'ä\x1b', 5000)), 1, 'B4: and found as it was sent');
SELECT t.done();
