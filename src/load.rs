//! What happens when the library is loaded into a process: settings and hooks, nothing else.
//!
//! It runs in the postmaster (shared_preload_libraries), at the start of a backend
//! (session_preload_libraries), in parallel workers, or at the first call of one of our functions.

#![allow(unsafe_code)]

use crate::{hooks, mirrors, sealed, settings};
use pgrx::prelude::*;

#[cfg(not(panic = "unwind"))]
compile_error!("pg_warden must be built with panic = \"unwind\": a panic has to become an error of the transaction");

/// Called by Postgres.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    sealed::define();
    mirrors::define();
    settings::define();
    hooks::install();
}
