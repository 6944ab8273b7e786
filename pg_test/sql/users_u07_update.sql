-- U7: a change of fields happens whole or not at all, and the time of it is kept.
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT warden.create_user(name => 'ann', email => 'ann@b.c', full_name => 'Ann Ash') AS ann \gset
SELECT warden.create_user(name => 'ben') AS ben \gset
SELECT updated_at AS before FROM warden.find_user('ann') \gset
SELECT t.is(full_name || ', ' || display_name || ', ' || email || ', ' || is_bot, 'Ann Oak, Ann Ash, ann@b.c, true', 'U7: only what is named changes')
FROM warden.update_user(:'ann', full_name => 'Ann Oak', is_bot => true);
SELECT t.ok(updated_at > :'before', 'U7: updated_at advances') FROM warden.find_user('ann');
BEGIN;
SELECT updated_at AS first FROM warden.update_user(:'ann', full_name => '1') \gset
SELECT t.ok(updated_at > :'first', 'U7: within one transaction too') FROM warden.update_user(:'ann', full_name => '2');
ROLLBACK;
SELECT t.is(coalesce(full_name, '-') || display_name, '-Ann Ash', 'U7: an empty text clears a field') FROM warden.update_user(:'ann', full_name => '');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L, full_name => ''Ann Elm'', email => ''no address'')', :'ann'), '22023', 'U7: one field is refused');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L, full_name => ''Ann Elm'', name => ''ben'')', :'ann'), '23505', 'U7: or taken');
SELECT t.is(coalesce(full_name, '-') || name || email, '-annann@b.c', 'U7: then none has changed') FROM warden.find_user('ann');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L)', :'ann'), '22023', 'U7: nothing to change', 'no field');
SELECT t.refused('SELECT * FROM warden.update_user(gen_random_uuid(), name => ''x'')', 'P0002', 'U7: an unknown user');
SELECT t.is(warden.delete_user(:'ben'), true, 'deleted');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L, name => ''x'')', :'ben'), 'P0002', 'U7: a deleted user');
SELECT t.ok(bool_and(detail::text !~ 'Oak'), 'the audit log names fields, not what stands in them')
FROM warden.audit_log WHERE action = 'update_user' AND object = :'ann' HAVING count(*) = 2;
SELECT t.done();
