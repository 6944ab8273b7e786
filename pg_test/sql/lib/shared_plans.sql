-- For \ir by sharing_g02_plans.sql: the plans for :user, who sees :seen rows.
BEGIN;
SELECT warden.set_current_user(:user);
SELECT t.is(count(*), :seen, format('%s rows are seen', :seen)) FROM agents;
SELECT t.matches(t.plan('SELECT * FROM agents'), :'both', 'a list uses the index of the owner and that of the key');
SELECT t.matches(t.plan('SELECT * FROM agents WHERE id = 2'), '^' || :'by_key', 'a point read is one by the key');
SELECT t.matches(t.plan('UPDATE agents SET name = ''x'' WHERE id = 2'), '^Update on agents\s+->\s+' || :'by_key', 'so is what changes a row');
SELECT t.matches(t.plan('UPDATE agents SET name = ''x'''), :'both', 'and what changes all of them is a list');
SELECT t.matches(t.plan('DELETE FROM agents WHERE id = 2'), '^Delete on agents\s+->\s+' || :'by_key', 'a row is deleted by its key');
SET LOCAL plan_cache_mode = force_custom_plan;
SELECT t.matches(t.plan('EXECUTE list'), :'both', 'prepared, planned for each: the list');
SELECT t.matches(t.plan('EXECUTE point(2)'), '^' || :'by_key', 'prepared, planned for each: a point read');
SELECT t.matches(t.plan('EXECUTE change(2)'), '^Update on agents\s+->\s+' || :'by_key', 'prepared, planned for each: a change');
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT t.matches(t.plan('EXECUTE list'), :'both', 'prepared, planned once: the list');
SELECT t.matches(t.plan('EXECUTE point(2)'), '^' || :'by_key', 'prepared, planned once: a point read');
SELECT t.matches(t.plan('EXECUTE change(2)'), '^Update on agents\s+->\s+' || :'by_key', 'prepared, planned once: a change');
ROLLBACK;
