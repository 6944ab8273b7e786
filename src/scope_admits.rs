//! What policies ask of scopes: `warden.scope_admits(scope)`.
//!
//! The statement has been asked already (`statements.rs`), so this is what stands in the catalogue for everybody to
//! see, and holds by itself. It is called for each row, and answered from memory from the second one on.

#![allow(unsafe_code)]

use crate::c_function::version_1;
use crate::readers::somebody;
use crate::scope_checks::{is_held, missing};
use crate::sealed::{self, Standing};
use pgrx::prelude::*;
use pgrx::{pg_getarg, pg_getarg_datum_raw};

version_1!(pg_finfo_warden_scope_admits);

/// `warden.scope_admits(scope)`. See the comment on the SQL function.
///
/// # Safety
/// Only Postgres calls it, with a call frame of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn warden_scope_admits(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres passes a valid call frame, whose `fn_extra` is null or what `remember` has put there. Without
    // a guard, which costs more than the rest: none of this can fail.
    unsafe {
        let admitted = (*(*fcinfo).flinfo).fn_extra.cast::<u64>();
        if !admitted.is_null() && *admitted == sealed::assigned() && matches!(sealed::standing(), Standing::Valid) {
            return pg_sys::Datum::from(true);
        }
        ask(fcinfo)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn ask(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above; the function is declared STRICT, with one text.
    unsafe {
        let Some(scope) = pg_getarg::<&str>(fcinfo, 0) else { return pg_sys::Datum::from(false) };
        let admits = somebody();
        if admits && !is_held(scope) {
            missing(scope).raise();
        }
        if admits && asks_for_a_constant((*fcinfo).flinfo) {
            remember((*fcinfo).flinfo);
        }
        pg_sys::Datum::from(admits)
    }
}

/// Whether this place in a query asks for the same scope whenever it is asked, as a policy does. A parameter may be
/// another one the next time.
///
/// # Safety
/// `function` is that of a valid call frame.
unsafe fn asks_for_a_constant(function: *const pg_sys::FmgrInfo) -> bool {
    // SAFETY: promised by the caller; a node is of the type that its tag says, and the arguments are nodes.
    unsafe {
        let call = (*function).fn_expr;
        if call.is_null() || (*call).type_ != pg_sys::NodeTag::T_FuncExpr {
            return false;
        }
        let arguments = (*call.cast::<pg_sys::FuncExpr>()).args;
        !arguments.is_null() && {
            let first = (*(*arguments).elements).ptr_value.cast::<pg_sys::Node>();
            (*first).type_ == pg_sys::NodeTag::T_Const
        }
    }
}

/// Notes of which identity it is true: until another one is assigned, by a rollback too.
///
/// # Safety
/// `function` is that of a valid call frame, within a transaction.
unsafe fn remember(function: *mut pg_sys::FmgrInfo) {
    // SAFETY: promised by the caller; the memory lives as long as what points to it.
    unsafe {
        let mut admitted = (*function).fn_extra.cast::<u64>();
        if admitted.is_null() {
            admitted = pg_sys::MemoryContextAlloc((*function).fn_mcxt, size_of::<u64>()).cast();
            (*function).fn_extra = admitted.cast();
        }
        *admitted = sealed::assigned();
    }
}

version_1!(pg_finfo_warden_scope_admits_support);

/// Planner support of `warden.scope_admits()`: it is true of every row or of none, so an estimate of rows is the one
/// without it; by itself Postgres would take it for true of a third.
///
/// # Safety
/// Only Postgres calls it, with a call frame of its own.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn warden_scope_admits_support(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a support function is passed a node, which is of this type where its tag says so.
    unsafe {
        let request = pg_getarg_datum_raw(fcinfo, 0).cast_mut_ptr::<pg_sys::Node>();
        if (*request).type_ == pg_sys::NodeTag::T_SupportRequestSelectivity {
            (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
            return pg_sys::Datum::from(request);
        }
    }
    pg_sys::Datum::null()
}
