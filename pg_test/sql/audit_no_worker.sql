-- A record that must outlive rollback and cannot be committed is an error, not a silence.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
\setenv LOCK 'BEGIN; LOCK TABLE warden.audit_records IN EXCLUSIVE MODE; SELECT pg_sleep(120)'
\connect - gateway
\set locked `"$WARDEN_BIN_DIR/psql" -X -q -A -t -U postgres -d audit_no_worker -c "$LOCK" >/dev/null 2>&1 &`
SELECT t.ok(wait_until_locked('warden.audit_records'), 'the log is locked');
SET statement_timeout = '1 s';
\set ON_ERROR_STOP off
SELECT warden.record_event('waits', outlive_rollback => true);
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '57014', 'a cancel ends the wait for a record that is held up');
RESET statement_timeout;
SELECT t.ok(unlock('warden.audit_records'), 'the lock is gone');
SELECT t.is(warden.record_event('afterwards', outlive_rollback => true), true, 'and the next one is committed');
\connect - postgres
SELECT t.is(count(*), 1, 'once') FROM warden.audit_log WHERE action = 'afterwards';
SELECT t.done();
