"""R4: what it costs the owner of rows that the table asks for a scope."""

import twins

# The twin of documents, which asks nobody for a scope.
TABLE = """
SELECT warden.define_role('user', '{user,agents:read,tools:execute,documents:read}');
CREATE TABLE scoped_documents (LIKE documents INCLUDING ALL);
INSERT INTO scoped_documents SELECT * FROM documents ORDER BY id;
GRANT SELECT ON scoped_documents TO app;
SELECT warden.protect('scoped_documents', read_scope => 'documents:read');
"""


def measure(database):
    with database.connect("postgres") as admin:
        admin.execute(TABLE)
        admin.execute("VACUUM (ANALYZE) scoped_documents")
    return twins.measure(database, "R4", ("with a read_scope", "without"), "scoped_documents")
