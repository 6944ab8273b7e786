//! What a C function that is written by hand declares of itself.

/// The calling convention of a function, version 1; `$info` is `pg_finfo_` and the name of the function.
macro_rules! version_1 {
    ($info:ident) => {
        #[unsafe(no_mangle)]
        #[doc(hidden)]
        pub extern "C" fn $info() -> &'static pgrx::pg_sys::Pg_finfo_record {
            const V1: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &V1
        }
    };
}

pub(crate) use version_1;
