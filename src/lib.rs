//! pg_warden: PostgreSQL decides who sees what.
//!
//! The modules, and the parts of the install script in their order. Nothing else is here; where to
//! begin reading is said in `src/README.md`.

mod access_level;
mod act_as;
mod address;
mod agents;
mod api_keys;
mod attempts;
mod audit;
mod authenticate;
mod authorization;
mod autonomous;
mod bans;
mod bearer;
mod c_function;
mod caller;
mod catalog;
mod clock;
mod device_certificates;
mod directory;
mod door;
mod elevated;
mod entities;
mod entity_rules;
mod error;
mod events;
mod exchange_token;
mod exemption;
mod forwarded;
mod gateway;
mod grant;
mod held_settings;
mod hooks;
mod http_status;
mod identity;
mod ids;
mod invites;
mod issuers;
// A library of its own: unit tests and the fuzzer use what the extension does not.
#[allow(dead_code, unused_imports)]
mod jwt;
mod kept;
mod load;
mod login;
mod logout;
mod lookup;
mod memory;
mod memory_context;
mod mirrors;
mod named_roles;
mod passwords;
mod permissions;
mod protect;
mod readers;
mod redaction;
mod refresh;
mod refusals;
mod row_keys;
mod scope_admits;
mod scope_checks;
mod scopes;
mod sealed;
mod secret;
mod sessions;
mod set_password;
mod settings;
mod shared_rows;
mod shared_support;
mod shares;
mod shown;
mod signing_keys;
mod spi;
mod statements;
mod sync_users;
mod tenants;
mod tokens;
mod transaction;
mod unguarded;
mod uuids;

::pgrx::pg_module_magic!(name, version);

use pgrx::{extension_sql_file, pg_schema};

/// Named for pgrx, which places the functions; the bootstrap script has created the schema by then,
/// plainly, so that nobody's planted schema is adopted.
#[pg_schema]
mod warden {}

extension_sql_file!("../sql/bootstrap.sql", name = "bootstrap", bootstrap);
extension_sql_file!(
    "../sql/identity.sql",
    name = "identity",
    requires = [
        "bootstrap",
        readers::current_session_id,
        readers::current_actor_id,
        readers::current_roles,
        readers::current_scopes,
        readers::identity,
    ]
);
extension_sql_file!(
    "../sql/audit.sql",
    name = "audit",
    requires = [
        "identity",
        events::record_event,
        events::write_audit,
        events::caller_administers,
        events::client_administers,
        events::require_administrator,
        events::require_superuser,
        autonomous::autonomously,
    ]
);
extension_sql_file!("../sql/users.sql", name = "users", requires = ["audit"]);
extension_sql_file!("../sql/users_create.sql", name = "users_create", requires = ["users"]);
extension_sql_file!("../sql/users_provision.sql", name = "users_provision", requires = ["users_create"]);
extension_sql_file!("../sql/users_roles.sql", name = "users_roles", requires = ["users_provision"]);
extension_sql_file!(
    "../sql/scopes.sql",
    name = "scopes",
    requires = [
        "users_roles",
        scope_checks::has_scope,
        scope_checks::require_scope,
        scope_checks::unknown_scopes,
        scope_checks::covered_scopes,
        scope_checks::require_may_grant,
        scope_checks::acting_person,
        scope_checks::acting_people,
        scope_checks::user_may_grant,
    ]
);
extension_sql_file!("../sql/users_change.sql", name = "users_change", requires = ["scopes"]);
extension_sql_file!("../sql/users_status.sql", name = "users_status", requires = ["users_change"]);
extension_sql_file!("../sql/users_find.sql", name = "users_find", requires = ["users_status"]);
extension_sql_file!("../sql/users_stats.sql", name = "users_stats", requires = ["users_find"]);
extension_sql_file!("../sql/users_bulk.sql", name = "users_bulk", requires = ["users_stats"]);
extension_sql_file!("../sql/users_export.sql", name = "users_export", requires = ["users_bulk"]);
extension_sql_file!(
    "../sql/issuers.sql",
    name = "issuers",
    requires = ["users_export", issuers::trust_issuer, issuers::set_issuer_keys, issuers::distrust_issuer]
);
extension_sql_file!(
    "../sql/signing_keys.sql",
    name = "signing_keys",
    requires = ["issuers", signing_keys::generate_signing_key, signing_keys::issue_access_token]
);
extension_sql_file!("../sql/sessions.sql", name = "sessions", requires = ["signing_keys"]);
extension_sql_file!("../sql/sessions_find.sql", name = "sessions_find", requires = ["sessions"]);
extension_sql_file!("../sql/sessions_revoke.sql", name = "sessions_revoke", requires = ["sessions_find"]);
extension_sql_file!(
    "../sql/api_keys.sql",
    name = "api_keys",
    requires = ["sessions_revoke", api_keys::generate_api_key]
);
extension_sql_file!(
    "../sql/device_certificates.sql",
    name = "device_certificates",
    requires = ["api_keys", device_certificates::normalise_fingerprint]
);
extension_sql_file!("../sql/revoked_tokens.sql", name = "revoked_tokens", requires = ["device_certificates"]);
extension_sql_file!(
    "../sql/credentials.sql",
    name = "credentials",
    requires = ["revoked_tokens", shown::shown_credentials, shown::shown_key_ends_at, shown::is_shown_credential_good,]
);
extension_sql_file!("../sql/owned_rows.sql", name = "owned_rows", requires = ["credentials"]);
extension_sql_file!("../sql/users_anonymous.sql", name = "users_anonymous", requires = ["owned_rows"]);
extension_sql_file!("../sql/users_merge.sql", name = "users_merge", requires = ["users_anonymous"]);
extension_sql_file!("../sql/users_erase.sql", name = "users_erase", requires = ["users_merge"]);
extension_sql_file!("../sql/users_activity.sql", name = "users_activity", requires = ["users_erase"]);
extension_sql_file!("../sql/sessions_cleanup.sql", name = "sessions_cleanup", requires = ["users_activity"]);
extension_sql_file!("../sql/attempts.sql", name = "attempts", requires = ["sessions_cleanup"]);
extension_sql_file!(
    "../sql/passwords.sql",
    name = "passwords",
    requires = ["attempts", set_password::set_password, set_password::setup_owner]
);
extension_sql_file!(
    "../sql/login.sql",
    name = "login",
    requires = ["passwords", login::login, refresh::refresh, logout::logout, exchange_token::exchange_token]
);
extension_sql_file!("../sql/bans.sql", name = "bans", requires = ["login", bans::is_banned, bans::normalise_network]);
extension_sql_file!(
    "../sql/authenticate.sql",
    name = "authenticate",
    requires = [
        "bans",
        authenticate::authenticate,
        authenticate::set_current_user,
        authenticate::set_current_external_user,
        authenticate::set_current_device,
        authenticate::sign_out,
        authenticate::require_user,
        authenticate::require_user_text,
        authenticate::verify_token,
        authenticate::explain_token,
        events::http_status_of,
        events::version,
    ]
);
extension_sql_file!("../sql/delegation.sql", name = "delegation", requires = ["authenticate", act_as::act_as]);
extension_sql_file!("../sql/entities.sql", name = "entities", requires = ["delegation"]);
extension_sql_file!("../sql/entity_rules.sql", name = "entity_rules", requires = ["entities"]);
extension_sql_file!("../sql/gateway.sql", name = "gateway", requires = ["entity_rules", gateway::pre_request]);
extension_sql_file!(
    "../sql/sync_users.sql",
    name = "sync_users",
    requires = ["gateway", sync_users::require_source, sync_users::source_users]
);
extension_sql_file!("../sql/deployment.sql", name = "deployment", requires = ["sync_users"]);
extension_sql_file!("../sql/tenants.sql", name = "tenants", requires = ["deployment"]);
extension_sql_file!(
    "../sql/tenant_members.sql",
    name = "tenant_members",
    requires = ["tenants", named_roles::role_is_named]
);
extension_sql_file!("../sql/tenants_find.sql", name = "tenants_find", requires = ["tenant_members"]);
extension_sql_file!("../sql/agents.sql", name = "agents", requires = ["tenants_find"]);
extension_sql_file!(
    "../sql/agents_register.sql",
    name = "agents_register",
    requires = ["agents", scope_checks::scope_beyond]
);
extension_sql_file!("../sql/agents_change.sql", name = "agents_change", requires = ["agents_register"]);
extension_sql_file!("../sql/agents_find.sql", name = "agents_find", requires = ["agents_change"]);
extension_sql_file!(
    "../sql/shares.sql",
    name = "shares",
    requires = ["agents_find", shared_rows::share_counts, shared_rows::entitling_share, shared_rows::shares_with]
);
extension_sql_file!("../sql/sharing_rows.sql", name = "sharing_rows", requires = ["shares"]);
extension_sql_file!("../sql/sharing.sql", name = "sharing", requires = ["sharing_rows"]);
extension_sql_file!("../sql/access.sql", name = "access", requires = ["sharing", shared_rows::current_grantees]);
extension_sql_file!("../sql/sharing_keys.sql", name = "sharing_keys", requires = ["access"]);
extension_sql_file!("../sql/shares_leaving.sql", name = "shares_leaving", requires = ["sharing_keys"]);
extension_sql_file!(
    "../sql/invites.sql",
    name = "invites",
    requires = ["shares_leaving", invites::generate_invite_code]
);
extension_sql_file!(
    "../sql/invites_redeem.sql",
    name = "invites_redeem",
    requires = ["invites", invites::redeem_invite]
);
extension_sql_file!("../sql/granted_functions.sql", name = "granted_functions", requires = ["invites_redeem"]);
extension_sql_file!("../sql/database_roles.sql", name = "database_roles", requires = ["granted_functions"]);
extension_sql_file!("../sql/isolation_obstacles.sql", name = "isolation_obstacles", requires = ["database_roles"]);
extension_sql_file!("../sql/allowances.sql", name = "allowances", requires = ["isolation_obstacles"]);
extension_sql_file!("../sql/protections.sql", name = "protections", requires = ["allowances"]);
extension_sql_file!("../sql/door.sql", name = "door", requires = ["protections"]);
extension_sql_file!("../sql/client_reach.sql", name = "client_reach", requires = ["door"]);
extension_sql_file!("../sql/protect.sql", name = "protect", requires = ["client_reach"]);
extension_sql_file!("../sql/exemptions.sql", name = "exemptions", requires = ["protect"]);
extension_sql_file!("../sql/protect_schema.sql", name = "protect_schema", requires = ["exemptions"]);
extension_sql_file!("../sql/event_triggers.sql", name = "event_triggers", requires = ["protect_schema"]);
extension_sql_file!("../sql/findings.sql", name = "findings", requires = ["event_triggers"]);
extension_sql_file!("../sql/doctor_roles.sql", name = "doctor_roles", requires = ["findings"]);
extension_sql_file!("../sql/doctor_tables.sql", name = "doctor_tables", requires = ["doctor_roles"]);
extension_sql_file!("../sql/doctor_keys.sql", name = "doctor_keys", requires = ["doctor_tables"]);
extension_sql_file!("../sql/doctor_search.sql", name = "doctor_search", requires = ["doctor_keys"]);
extension_sql_file!("../sql/doctor_code.sql", name = "doctor_code", requires = ["doctor_search"]);
extension_sql_file!("../sql/doctor_server.sql", name = "doctor_server", requires = ["doctor_code"]);
extension_sql_file!("../sql/doctor.sql", name = "doctor", requires = ["doctor_server"]);
extension_sql_file!("../sql/prove_rows.sql", name = "prove_rows", requires = ["doctor"]);
extension_sql_file!("../sql/prove.sql", name = "prove", requires = ["prove_rows"]);
extension_sql_file!("../sql/grants.sql", name = "grants", requires = ["prove"], finalize);
