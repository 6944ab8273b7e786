//! pg_warden: PostgreSQL decides who sees what.
//!
//! The modules, and the parts of the install script in their order. Nothing else is here; where to
//! begin reading is said in `src/README.md`.

mod audit;
mod authenticate;
mod autonomous;
mod caller;
mod clock;
mod directory;
mod error;
mod events;
mod hooks;
mod http_status;
mod identity;
mod issuers;
mod jwt;
mod load;
mod readers;
mod refusals;
mod sealed;
mod settings;
mod spi;
mod tokens;
mod transaction;

::pgrx::pg_module_magic!(name, version);

use pgrx::extension_sql_file;

extension_sql_file!("../sql/bootstrap.sql", name = "bootstrap", bootstrap);
extension_sql_file!("../sql/identity.sql", name = "identity", requires = ["bootstrap", readers]);
extension_sql_file!("../sql/audit.sql", name = "audit", requires = ["identity", events]);
extension_sql_file!("../sql/users.sql", name = "users", requires = ["audit"]);
extension_sql_file!("../sql/issuers.sql", name = "issuers", requires = ["users", issuers, authenticate]);
extension_sql_file!("../sql/authenticate.sql", name = "authenticate", requires = ["issuers"]);
extension_sql_file!("../sql/database_roles.sql", name = "database_roles", requires = ["authenticate"]);
extension_sql_file!("../sql/grants.sql", name = "grants", requires = ["database_roles"], finalize);
