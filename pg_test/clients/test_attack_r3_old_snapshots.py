"""Feature R3: a role that was narrowed is narrow in the next transaction, whatever older snapshot a backend has read it with."""


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
        # No worker to be had, so the query runs in the backend itself, with the snapshot of its transaction.
        for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost", "max_parallel_workers"):
            gateway.execute(f"SET LOCAL {setting} = 0")
        plan = gateway.execute("EXPLAIN SELECT count(*) FROM pg_class WHERE warden.has_scope('tools:execute') OR relpages < 0")
        assert "Gather" in str(plan.fetchall())
        gateway.execute("SELECT count(*) FROM pg_class WHERE warden.has_scope('tools:execute') OR relpages < 0")
        gateway.commit()

        gateway.execute("SELECT warden.set_current_user(%s)", [user])
        assert gateway.execute("SELECT warden.has_scope('tools:execute'), warden.has_scope('user')").fetchone() == (False, True)
