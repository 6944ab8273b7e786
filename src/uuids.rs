//! An id as Postgres passes it, and as this library keeps it. The one is pgrx's type, which is a datum, the other
//! parses and prints.

#![forbid(unsafe_code)]

use crate::ids::{TenantId, UserId};
use uuid::Uuid;

/// What Postgres has passed, as this library keeps it.
pub fn from_pgrx(id: pgrx::Uuid) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// What this library keeps, to be passed to Postgres.
pub fn to_pgrx(id: Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

/// The same for ids of one kind.
macro_rules! passed {
    ($($name:ident),*) => {
        $(impl $name {
            pub fn from_pgrx(id: pgrx::Uuid) -> Self {
                from_pgrx(id).into()
            }

            pub fn to_pgrx(self) -> pgrx::Uuid {
                to_pgrx(*self.as_uuid())
            }
        })*
    };
}

passed!(UserId, TenantId);
