-- B1, B5: addresses and networks banned for hours, for days and for good; found, counted, listed, lifted, cleaned up.
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT t.is(warden.is_banned('203.0.113.7'), false, 'B1: nobody is banned');
SELECT t.is(warden.ban_ip('203.0.113.7', '2 hours', 'login flood'), 1, 'B1: by hours');
SELECT t.is(warden.ban_ip('203.0.113.8', interval '7 days', 'scanner', source => 'scan detector', fingerprint => 'ja3:77'), 1, 'B1: by days, as an interval');
SELECT t.is(warden.ban_ip('2001:db8::/48', ' Permanent', 'abuse', fingerprint => 'ja3:77'), 1, 'B1: for good');
SELECT t.is(string_agg(a || ' ' || warden.is_banned(a::inet), ', ' ORDER BY a COLLATE "C"), '2001:db8:0:1::5 true, 2001:db8:1::5 false, 203.0.113.7 true, 203.0.113.8 true, 203.0.113.9 false',
    'B1: who is banned')
FROM (VALUES ('203.0.113.7'), ('203.0.113.8'), ('203.0.113.9'), ('2001:db8:0:1::5'), ('2001:db8:1::5')) AS v (a);
SELECT t.is(network, '203.0.113.7/32'::inet, 'B1: the ban is found'), t.is(reason, 'login flood', 'B1: its reason'), t.is(source, 'manual', 'B1: its source'),
    t.is(ban_count, 1, 'B1: its count'), t.is(is_permanent, false, 'B1: it has an end'), t.is(last_offense_at, banned_at, 'B1: the offence'),
    t.ok(expires_at BETWEEN clock_timestamp() + interval '1 hour 59 minutes' AND clock_timestamp() + interval '2 hours', 'B1: in two hours')
FROM warden.get_ban('203.0.113.7');
SELECT t.is(is_permanent, true, 'B1: a permanent one'), t.is(expires_at, NULL, 'B1: has no end') FROM warden.get_ban('2001:db8:0:ffff::1');
SELECT t.rows('SELECT * FROM warden.get_ban(''203.0.113.9'')', 0, 'B1: no ban, no row');

-- Lists.
SELECT t.is(string_agg(network || ' ' || reason || ' ' || source || ' ' || ban_count || ' ' || total, ', '),
    '2001:db8::/48 abuse manual 1 3, 203.0.113.8/32 scanner scan detector 1 3, 203.0.113.7/32 login flood manual 1 3', 'B1: listed, newest first')
FROM warden.list_bans();
SELECT t.is(string_agg(network || ' ' || total, ', '), '203.0.113.8/32 1', 'B1: by source') FROM warden.list_bans(source => 'scan detector');
SELECT t.is(string_agg(network || ' ' || total, ', '), '2001:db8::/48 2, 203.0.113.8/32 2', 'B1: by fingerprint') FROM warden.list_bans(fingerprint => 'ja3:77');
SELECT t.is(string_agg(network || ' ' || total, ', '), '203.0.113.8/32 3', 'B1: by pages, the total of all')
FROM warden.list_bans(page_size => 1, skip => 1);
SELECT t.rows('SELECT * FROM warden.list_bans(source => ''cli'')', 0, 'B1: none of that source');
SELECT t.is(warden.count_bans(), 3, 'B1: counted'), t.is(warden.count_bans(source => 'manual'), 2, 'B1: by source'),
    t.is(warden.count_bans(fingerprint => 'ja3:77', source => 'manual'), 1, 'B1: by both'), t.is(warden.count_bans('cli'), 0, 'B1: none');
SELECT t.refused('SELECT * FROM warden.list_bans(' || arguments || ')', '22023', 'B1: refused: ' || arguments)
FROM (VALUES ('page_size => 0'), ('page_size => 101'), ('page_size => NULL'), ('skip => -1'), ('skip => NULL')) AS r (arguments);

-- What is no ban.
SELECT t.refused('SELECT warden.ban_ip(' || arguments || ')', '22023', 'B1: refused: ' || arguments)
FROM (VALUES ('''192.0.2.1'', ''0 hours'', ''x'''), ('''192.0.2.1'', ''-1 days'', ''x'''), ('''192.0.2.1'', interval ''0'', ''x'''),
    ('''192.0.2.1'', interval ''-1 hour'', ''x'''), ('''192.0.2.1'', ''1 day -25 hours'', ''x'''), ('''192.0.2.1'', NULL::text, ''x'''),
    ('''192.0.2.1'', NULL::interval, ''x'''), ('''192.0.2.1'', ''soon'', ''x'''), ('''192.0.2.1'', '''', ''x'''),
    ('''192.0.2.1'', ''9999999 years'', ''x'''), ('''192.0.2.1'', interval ''9999999 years'', ''x'''), ('NULL, ''1 day'', ''x'''),
    ('''192.0.2.1'', ''1 day'', NULL'), ('''192.0.2.1'', ''1 day'', '''''), ('''192.0.2.1'', ''1 day'', repeat(''x'', 256)'),
    ('''192.0.2.1'', ''1 day'', ''x'', source => NULL'), ('''192.0.2.1'', ''1 day'', ''x'', source => repeat(''x'', 51)')) AS r (arguments);
SELECT t.is(warden.is_banned('192.0.2.1'), false, 'B1: nothing of that is banned');
SELECT t.refused('SELECT warden.is_banned(NULL)', '22023', 'B1: no address is not an answer');
SELECT t.refused('SELECT warden.unban_ip(NULL)', '22023', 'B1: no address is not lifted');

-- Lifted.
SELECT t.is(warden.unban_ip('203.0.113.7'), true, 'B1: lifted');
SELECT t.is(warden.unban_ip('203.0.113.7'), false, 'B1: once');
SELECT t.is(warden.is_banned('203.0.113.7'), false, 'B1: and not banned any more');
SELECT t.is(warden.unban_ip('203.0.113.9'), false, 'B1: what was never banned');
SELECT t.is(warden.unban_ip('2001:db8::1'), false, 'B1: a member of a banned network is not lifted on its own');
SELECT t.is(warden.is_banned('2001:db8::1'), true, 'B1: it stays banned');
SELECT t.is(warden.unban_ip('2001:db8::/48'), true, 'B1: a permanent ban is lifted, too');
SELECT t.is(warden.is_banned('2001:db8::1'), false, 'B1: and its members with it');
SELECT t.is(string_agg(action || ' ' || object || coalesce(' ' || (detail ->> 'reason'), ''), ', ' ORDER BY id),
    'ban_ip 203.0.113.7/32 login flood, ban_ip 203.0.113.8/32 scanner, ban_ip 2001:db8::/48 abuse, unban_ip 203.0.113.7/32, unban_ip 2001:db8::/48',
    'B1: all of it is recorded')
FROM warden.audit_log WHERE action LIKE '%ban_ip';

-- B5: until exactly the end, whether anything was cleaned up or not.
SELECT t.is(warden.ban_ip('198.51.100.1', '0.3 seconds', 'short'), 1, 'B5: a short one');
SELECT t.is(warden.is_banned('198.51.100.1'), true, 'B5: banned before its end');
SELECT expires_at AS end FROM warden.get_ban('198.51.100.1') \gset
DO $$
DECLARE
    before timestamptz;
    banned boolean;
    wrong int := 0;
    ending timestamptz := (SELECT expires_at FROM warden.get_ban('198.51.100.1'));
BEGIN
    LOOP
        before := clock_timestamp();
        banned := warden.is_banned('198.51.100.1');
        -- What falls between two readings of the clock proves nothing.
        IF banned AND before >= ending OR NOT banned AND clock_timestamp() < ending THEN
            wrong := wrong + 1;
        END IF;
        EXIT WHEN before > ending + interval '20 ms';
    END LOOP;
    PERFORM t.is(wrong, 0, 'B5: banned up to its end, and not at it');
END $$;
SELECT t.is(warden.is_banned('198.51.100.1'), false, 'B5: over');
SELECT t.rows('SELECT * FROM warden.get_ban(''198.51.100.1'')', 0, 'B5: not found');
SELECT t.rows('SELECT * FROM warden.list_bans() WHERE reason = ''short''', 0, 'B5: not listed');
SELECT t.rows('SELECT * FROM warden.list_bans(with_expired => true) WHERE reason = ''short''', 1, 'B5: but where it is asked for');
SELECT t.is(warden.count_bans(), 1, 'B5: not counted');
SELECT t.is(warden.unban_ip('198.51.100.1'), false, 'B5: not lifted');
SELECT t.is(warden.ban_ip('198.51.100.2', '1 microsecond', 'short'), 1, 'B5: another'), t.is(warden.ban_ip('198.51.100.3', '1 microsecond', 'short'), 1, 'B5: and another');
SELECT t.is(warden.ban_ip('198.51.100.4', 'permanent', 'long'), 1, 'B5: one that has no end');
SELECT t.is(warden.cleanup_bans(dry_run => true), 3, 'B5: three are over'), t.is(warden.cleanup_bans(dry_run => NULL), 3, 'B5: an unknown dry_run only counts');
SELECT t.is(warden.cleanup_bans(2), 2, 'B5: at most so many'), t.is(warden.cleanup_bans(), 1, 'B5: the rest'), t.is(warden.cleanup_bans(), 0, 'B5: once');
SELECT t.is(string_agg(network::text, ', '), '198.51.100.4/32, 203.0.113.8/32', 'B5: what is in force stays') FROM warden.list_bans(with_expired => true);
SELECT t.refused('SELECT warden.cleanup_bans(0)', '22023', 'B5: none is no number'), t.refused('SELECT warden.cleanup_bans(NULL)', '22023', 'B5: nor is NULL');
SELECT t.done();
