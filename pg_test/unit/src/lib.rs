//! The pure modules of the extension, for `cargo test -p pg_warden_unit`.

#[path = "../../../src/jwt/mod.rs"]
pub mod jwt;

#[path = "../../../src/access_level.rs"]
pub mod access_level;

#[path = "../../../src/address.rs"]
pub mod address;

#[path = "../../../src/authorization.rs"]
pub mod authorization;

#[path = "../../../src/entity_rules.rs"]
pub mod entity_rules;

#[path = "../../../src/forwarded.rs"]
pub mod forwarded;

#[path = "../../../src/http_status.rs"]
pub mod http_status;

#[path = "../../../src/identity.rs"]
pub mod identity;

#[path = "../../../src/ids.rs"]
pub mod ids;

#[path = "../../../src/scopes.rs"]
pub mod scopes;

#[path = "../../../src/protect"]
pub mod protect {
    pub mod checks;
    pub mod columns;
    pub mod facts;
    pub mod options;
    pub mod original;
    pub mod owned;
    pub mod plan;
    pub mod policy;
    pub mod step;
    pub mod trigger;
    pub mod undo;
}

#[path = "../../../src/passwords.rs"]
pub mod passwords;

#[path = "../../../src/redaction.rs"]
pub mod redaction;
