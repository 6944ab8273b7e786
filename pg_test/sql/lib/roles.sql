-- The logins every test may use. Roles belong to the whole cluster, so they are made once, and none has any privilege:
-- what a role is to pg_warden, each test says in its own database.
CREATE ROLE app LOGIN;            -- the pooled login of the application
CREATE ROLE app2 LOGIN;           -- a second application
CREATE ROLE gateway LOGIN;        -- for add_trusted_role
CREATE ROLE keymaster LOGIN;      -- for add_key_role
CREATE ROLE boss LOGIN;           -- for add_admin_role
CREATE ROLE owner LOGIN;          -- owns the tables; may create in schema public
CREATE ROLE mallory_login LOGIN;  -- is nothing to anybody
