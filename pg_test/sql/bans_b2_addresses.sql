-- B2: one address is banned however it is written, a network with all that is in it, and garbage is no address.
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT warden.ban_ip('198.51.100.7', '1 day', 'x'), warden.ban_ip('::ffff:198.51.100.8', '1 day', 'x'),
    warden.ban_ip('2001:DB8:0:0:0:0:0:A', '1 day', 'x'), warden.ban_ip('203.0.113.77/24', '1 day', 'x'),
    warden.ban_ip('::FFFF:192.0.2.130/121', '1 day', 'x'), warden.ban_ip('2001:db8:f00d::1/48', '1 day', 'x');
SELECT t.is(string_agg(network::text, ', ' ORDER BY network),
    '192.0.2.128/25, 198.51.100.7/32, 198.51.100.8/32, 203.0.113.0/24, 2001:db8::a/128, 2001:db8:f00d::/48', 'B2: one form of each')
FROM warden.list_bans();
SELECT t.is(warden.is_banned(address::inet), banned, 'B2: ' || address)
FROM (VALUES ('198.51.100.7', true), ('::ffff:198.51.100.7', true), ('::FFFF:c633:6407', true), ('0:0:0:0:0:ffff:198.51.100.7', true),
    ('198.51.100.8', true), ('::ffff:198.51.100.8', true), ('198.51.100.9', false), ('::ffff:198.51.100.9', false),
    ('2001:db8::a', true), ('2001:0DB8:0000::000A', true), ('2001:db8::b', false),
    ('203.0.113.0', true), ('203.0.113.255', true), ('::ffff:203.0.113.1', true), ('203.0.112.255', false), ('203.0.114.0', false),
    ('192.0.2.128', true), ('192.0.2.127', false), ('::ffff:192.0.2.255', true),
    ('2001:db8:f00d:ffff::', true), ('2001:db8:f00e::', false),
    -- A network is banned when all of it is.
    ('203.0.113.64/26', true), ('203.0.113.9/24', true), ('203.0.112.0/23', false), ('0.0.0.0/0', false), ('::/0', false),
    -- Neither the deprecated IPv4-compatible form nor what merely contains the mapped addresses is IPv4.
    ('::198.51.100.7', false)) AS v (address, banned);
SELECT t.is(warden.ban_ip('::ffff:198.51.100.7', '1 day', 'again'), 2, 'B2: another spelling is the same ban');
SELECT t.is(warden.unban_ip('2001:db8:0::000a'), true, 'B2: and lifts it');
SELECT t.is(warden.count_bans(), 5, 'B2: no ban was doubled');

-- Around the mapped addresses.
SELECT warden.ban_ip('::/0', '1 day', 'IPv6');
SELECT t.is(warden.is_banned('2001:db8::b'), true, 'B2: all of IPv6'), t.is(warden.is_banned('198.51.100.9'), false, 'B2: is not IPv4'),
    t.is(warden.is_banned('::ffff:198.51.100.9'), false, 'B2: nor in its mapped form');
SELECT t.is(warden.unban_ip('::/0'), true, 'B2: lifted');
SELECT warden.ban_ip('::ffff:0:0/96', '1 day', 'IPv4');
SELECT t.is(network, '0.0.0.0/0'::inet, 'B2: all mapped addresses are all of IPv4') FROM warden.list_bans() WHERE reason = 'IPv4';
SELECT t.is(warden.is_banned('255.255.255.255'), true, 'B2: to the last');
SELECT t.is(warden.unban_ip('0.0.0.0/0'), true, 'B2: by its other name');

SELECT t.refused(format('SELECT warden.%s(%L%s)', function, address, more), '22P02', 'B2: refused: ' || function || ' ' || address)
FROM (VALUES ('is_banned', ''), ('ban_ip', ', ''1 day'', ''x'''), ('unban_ip', '')) AS f (function, more),
    (VALUES (''), ('garbage'), ('1.2.3.4.5'), ('256.0.0.1'), ('1.2.3.4/33'), ('2001:db8::/129'), ('fe80::1%eth0'), ('1.2.3.4:443'), ('localhost')) AS a (address);
SELECT t.done();
