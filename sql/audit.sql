-- The record of what was changed, and by whom.

CREATE TABLE warden.audit_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL CHECK (source IN ('pg_warden', 'application')),
    action text NOT NULL,
    object text,
    detail jsonb NOT NULL DEFAULT '{}',
    database_role text NOT NULL,
    user_id uuid,
    actor_id uuid,
    tenant_id uuid,
    session_id text
);

COMMENT ON TABLE warden.audit_records IS
    'What was changed, by whom and when: records are added and never changed. Readable by superusers only; everybody else reads the view audit_log.';

CREATE INDEX audit_records_user_id_idx ON warden.audit_records (user_id, id);

-- Without its sequence, which would go back in a database that has records already.
SELECT pg_extension_config_dump('warden.audit_records', '');

CREATE FUNCTION warden.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '42501';
END
$$;

COMMENT ON FUNCTION warden.refuse_audit_change() IS
    'Trigger of the audit log: records are added and never changed. A guard against mistakes of a superuser; nobody else may write the table at all.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON warden.audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION warden.refuse_audit_change();

-- Runs as its owner, and names nobody's table but ours; security_barrier keeps a leaky function in
-- the reader's WHERE away from rows the reader may not see.
CREATE VIEW warden.audit_log WITH (security_barrier) AS
    SELECT r.id, r.recorded_at, r.source, r.action, r.object, r.detail, r.database_role,
           r.user_id, r.actor_id, r.tenant_id, r.session_id
    FROM warden.audit_records r
    -- CASE, since current_user_id() may raise where nobody is signed in, and an administrator need not be.
    WHERE CASE WHEN (SELECT warden.caller_administers()) THEN true ELSE r.user_id = warden.current_user_id() END;

COMMENT ON VIEW warden.audit_log IS
    'What was changed, by whom and when. Superusers and admin roles see all of it, a signed-in user the records of what was done in its name.';
COMMENT ON COLUMN warden.audit_log.source IS
    'pg_warden for what the extension recorded itself, application for record_event().';
COMMENT ON COLUMN warden.audit_log.database_role IS 'The role of the client that did it.';

-- In src/events.rs, with a Rust argument that takes the jsonb as it is.
CREATE FUNCTION warden.record_event(
    action text,
    object text DEFAULT NULL,
    detail jsonb DEFAULT '{}',
    outlive_rollback boolean DEFAULT false
) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'record_event_wrapper';

COMMENT ON FUNCTION warden.record_event(text, text, jsonb, boolean) IS
    'Writes an event of the application to the audit log, with the identity of the transaction; returns true. action: what happened, in at most 255 bytes; object: to what, in at most 2000 bytes; detail: more, no secrets, at most 1 MiB and 100 levels. outlive_rollback: commit the record at once, whatever becomes of the transaction (trusted and admin roles; 4 to 6 ms). Errors: 22023 for an empty action and for what is too large, 42501, 55000 where the record could not be committed.';
COMMENT ON FUNCTION warden.autonomously(text, jsonb) IS
    'Runs a task in a transaction of its own, committed when this returns, whatever becomes of the caller''s; returns what it answers. Takes some milliseconds. Not callable by clients. Errors: 55000 on a standby, and where no background worker is free or it has not committed within ten seconds.';
COMMENT ON FUNCTION warden.caller_administers() IS 'Whether the client runs as a superuser or an admin role.';
COMMENT ON FUNCTION warden.client_administers() IS 'Whether the client runs as a superuser or an admin role, in a statement and not in a trigger; for functions that are SECURITY DEFINER. Not callable by clients.';
COMMENT ON FUNCTION warden.require_administrator() IS 'Raises 42501 unless the client runs as a superuser or an admin role; for functions that are SECURITY DEFINER.';
COMMENT ON FUNCTION warden.require_superuser() IS 'Raises 42501 unless the client runs as a superuser; for functions that are SECURITY DEFINER.';
COMMENT ON FUNCTION warden.write_audit(text, text, jsonb) IS
    'Writes a record of the extension''s own to the audit log. Not callable by clients.';
