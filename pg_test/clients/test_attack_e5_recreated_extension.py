"""Attack E5: DROP and CREATE EXTENSION under a backend that has cached tokens, issuers and plans of the old one."""

import pytest
from psycopg import errors

from documents import DOCUMENTS_EACH, ROLES, owners_seen, trust

REFUSED = errors.InvalidAuthorizationSpecification


def test_nothing_cached_outlives_the_extension(documents, superuser):
    alice, bob = documents.users[:2]
    token = documents.token(alice)
    with documents.connect("app", autocommit=True, prepare_threshold=0) as app:
        for _ in range(7):
            with app.transaction():
                app.execute("SELECT warden.authenticate(%s)", (token,))
                assert owners_seen(app) == {alice}

        superuser.execute("DROP EXTENSION pg_warden CASCADE")
        with pytest.raises(errors.InvalidSchemaName):
            app.execute("SELECT warden.authenticate(%s)", (token,))
        # Row security stays on, without a policy: closed.
        assert owners_seen(app) == set()

        superuser.execute("CREATE EXTENSION pg_warden")
        superuser.execute(ROLES)
        with pytest.raises(REFUSED), app.transaction():
            app.execute("SELECT warden.authenticate(%s)", (token,))

        # The same issuer with another key: what the old one has signed stays refused.
        documents.eddsa.rotate()
        trust(superuser, documents.eddsa)
        superuser.execute("SELECT warden.create_user(id => %s), warden.create_user(id => %s)", (alice, bob))
        with documents.connect("owner", autocommit=True) as owner:
            owner.execute("SELECT warden.protect('documents')")
        with pytest.raises(REFUSED), app.transaction():
            app.execute("SELECT warden.authenticate(%s)", (token,))
        with app.transaction():
            documents.sign_in(app, bob)
            assert app.execute("SELECT user_id FROM documents").fetchall() == [(bob,)] * DOCUMENTS_EACH
