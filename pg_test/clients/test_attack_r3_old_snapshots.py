"""Features R3, G3: a role that was narrowed is narrow in the next transaction, and a share that was revoked counts no more,
whatever older snapshot a backend has read them with."""

# No worker to be had, so a query runs in the backend itself, with the snapshot of its transaction.
PARALLEL = ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost", "max_parallel_workers")


def test_r3_a_parallel_query_with_an_old_snapshot_brings_no_scope_back(database, superuser):
    superuser.execute("SELECT warden.add_trusted_role('gateway')")
    user = superuser.execute("SELECT warden.create_user(email => 'ann@example.com')").fetchone()[0]
    with database.connect("gateway") as gateway:
        gateway.execute("SELECT warden.set_current_user(%s)", [user])
        assert gateway.execute("SELECT warden.has_scope('tools:execute')").fetchone() == (True,)
        gateway.commit()

        gateway.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        gateway.execute("SELECT 1")
        superuser.execute("SELECT warden.define_role('user', '{user}')")
        for setting in PARALLEL:
            gateway.execute(f"SET LOCAL {setting} = 0")
        plan = gateway.execute("EXPLAIN SELECT count(*) FROM pg_class WHERE warden.has_scope('tools:execute') OR relpages < 0")
        assert "Gather" in str(plan.fetchall())
        gateway.execute("SELECT count(*) FROM pg_class WHERE warden.has_scope('tools:execute') OR relpages < 0")
        gateway.commit()

        gateway.execute("SELECT warden.set_current_user(%s)", [user])
        assert gateway.execute("SELECT warden.has_scope('tools:execute'), warden.has_scope('user')").fetchone() == (False, True)


def test_g3_a_parallel_query_with_an_old_snapshot_brings_no_share_back(database, superuser):
    superuser.execute("SELECT warden.add_trusted_role('gateway')")
    carol, dave = (superuser.execute("SELECT warden.create_user(email => %s)", [f"{name}@example.com"]).fetchone()[0] for name in ("carol", "dave"))
    superuser.execute("SET ROLE owner")
    superuser.execute("CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL)")
    superuser.execute("INSERT INTO notes VALUES (1, %s)", [carol])
    superuser.execute("SELECT count(*) FROM warden.protect('notes', shareable => true)")
    superuser.execute("RESET ROLE")
    superuser.execute("GRANT SELECT ON notes TO gateway")
    superuser.execute("SELECT warden.share('notes', '1', %s, 'view')", [dave])
    superuser.execute("ANALYZE notes")
    with database.connect("gateway") as gateway:
        def seen():
            return gateway.execute("SELECT count(*) FROM notes").fetchone()[0]

        gateway.execute("SELECT warden.set_current_user(%s)", [dave])
        assert seen() == 1
        gateway.commit()

        gateway.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        gateway.execute("SELECT warden.set_current_user(%s)", [dave])
        # As unshare() does where somebody holds a lock on the row of the share.
        superuser.execute("INSERT INTO warden.revoked_shares SELECT id FROM warden.shares")
        for setting in PARALLEL:
            gateway.execute(f"SET LOCAL {setting} = 0")
        assert "Gather" in str(gateway.execute("EXPLAIN SELECT count(*) FROM notes").fetchall())
        seen()
        gateway.commit()

        gateway.execute("SELECT warden.set_current_user(%s)", [dave])
        assert seen() == 0
