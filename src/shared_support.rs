//! Planner support of `warden.shared()`: which index answers it, and how many rows it is true of.
//!
//! `warden.shared(tableoid, id, level)` is `id = ANY (warden.shared_ids(…))` wherever an index has the key: beside the
//! owner's comparison that gives one bitmap of both indexes, where a function for each row would read the whole table.

#![allow(unsafe_code)]

use crate::c_function::version_1;
use crate::catalog;
use crate::error::{Error, Result, or_raise};
use crate::{row_keys, sealed, shares};
use pgrx::pg_sys::{self, Datum, Node, NodeTag, Oid};
use pgrx::prelude::*;
use pgrx::{IntoDatum, PgList, pg_getarg_datum_raw};
use std::cell::Cell;

version_1!(pg_finfo_warden_shared_support);

/// # Safety
/// Only Postgres calls it, with a call frame of its own.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn warden_shared_support(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: a support function is passed a node, which is of the type that its tag says.
    unsafe {
        let request = pg_getarg_datum_raw(fcinfo, 0).cast_mut_ptr::<Node>();
        match (*request).type_ {
            NodeTag::T_SupportRequestIndexCondition => {
                let condition = or_raise(condition(&*request.cast()));
                condition.map_or(Datum::null(), Datum::from)
            }
            NodeTag::T_SupportRequestSelectivity => {
                let request = request.cast::<pg_sys::SupportRequestSelectivity>();
                match or_raise(selectivity(&*request)) {
                    Some(selectivity) => {
                        (*request).selectivity = selectivity;
                        Datum::from(request)
                    }
                    None => Datum::null(),
                }
            }
            _ => Datum::null(),
        }
    }
}

/// A call of `warden.shared()` in a query: which table it is about, and its arguments.
struct Call {
    table: Oid,
    rows: f64,
    key: *mut Node,
    level: *mut Node,
}

impl Call {
    /// `None` for what is no question about one row of a table.
    ///
    /// # Safety
    /// `arguments` are those of the function, in a query that `root` plans.
    unsafe fn read(root: *mut pg_sys::PlannerInfo, arguments: *mut pg_sys::List) -> Option<Self> {
        // SAFETY: promised by the caller; nodes are of the types that their tags say, and a variable of this level
        // belongs to a table of the arrays, which have an entry for each.
        unsafe {
            let arguments = PgList::<Node>::from_pg(arguments);
            let (of, key, level) = (arguments.get_ptr(0)?, arguments.get_ptr(1)?, arguments.get_ptr(2)?);
            if root.is_null() || (*of).type_ != NodeTag::T_Var || (*level).type_ != NodeTag::T_Const {
                return None;
            }
            let of = &*of.cast::<pg_sys::Var>();
            let number = usize::try_from(of.varno).ok()?;
            let size = usize::try_from((*root).simple_rel_array_size).ok()?;
            if of.varlevelsup != 0 || i32::from(of.varattno) != pg_sys::TableOidAttributeNumber || number >= size {
                return None;
            }
            let entry = *(*root).simple_rte_array.add(number);
            let relation = *(*root).simple_rel_array.add(number);
            if entry.is_null() || relation.is_null() || (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION {
                return None;
            }
            Some(Self { table: (*entry).relid, rows: (*relation).tuples, key, level })
        }
    }
}

/// The condition that an index answers, as a list of one; `None` where this one does not.
///
/// # Safety
/// The request is what the planner has made.
unsafe fn condition(request: &pg_sys::SupportRequestIndexCondition) -> Result<Option<*mut pg_sys::List>> {
    // SAFETY: promised by the caller; the nodes made here belong to the planner's memory.
    unsafe {
        if request.indexarg != 1 || (*request.node).type_ != NodeTag::T_FuncExpr {
            return Ok(None);
        }
        let call = &*request.node.cast::<pg_sys::FuncExpr>();
        let Some(asked) = Call::read(request.root, call.args) else { return Ok(None) };
        let kind = pg_sys::exprType(asked.key);
        let Some(equals) = row_keys::equality(kind) else { return Ok(None) };
        if !pg_sys::op_in_opfamily(equals, request.opfamily) {
            return Ok(None);
        }
        let table = pg_sys::makeConst(pg_sys::OIDOID, -1, Oid::INVALID, 4, Datum::from(asked.table), false, true);
        let of_kind = pg_sys::makeNullConst(kind, -1, pg_sys::get_typcollation(kind));
        let mut arguments = PgList::<Node>::new();
        arguments.push(table.cast());
        arguments.push(asked.level);
        arguments.push(of_kind.cast());
        arguments.push(no_constant());
        let keys = pg_sys::makeFuncExpr(
            shared_ids()?,
            pg_sys::get_array_type(kind),
            arguments.into_pg(),
            pg_sys::get_typcollation(kind),
            pg_sys::get_typcollation(kind),
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        let any = pg_sys::palloc0(size_of::<pg_sys::ScalarArrayOpExpr>()).cast::<pg_sys::ScalarArrayOpExpr>();
        (*any).xpr.type_ = NodeTag::T_ScalarArrayOpExpr;
        (*any).opno = equals;
        (*any).opfuncid = pg_sys::get_opcode(equals);
        (*any).useOr = true;
        (*any).inputcollid = request.indexcollation;
        let mut sides = PgList::<Node>::new();
        sides.push(asked.key);
        sides.push(keys.cast());
        (*any).args = sides.into_pg();
        (*any).location = -1;
        let mut conditions = PgList::<Node>::new();
        conditions.push(any.cast());
        Ok(Some(conditions.into_pg()))
    }
}

/// An argument that is no constant to the planner, and NULL to the executor: the placeholder of a CASE, outside of one.
/// The planner evaluates a stable function of constants to estimate: it would read the whole list at each planning, also
/// for a query that looks up a single row.
///
/// # Safety
/// In the planner's memory.
unsafe fn no_constant() -> *mut Node {
    // SAFETY: promised by the caller.
    unsafe {
        let placeholder = pg_sys::palloc0(size_of::<pg_sys::CaseTestExpr>()).cast::<pg_sys::CaseTestExpr>();
        (*placeholder).xpr.type_ = NodeTag::T_CaseTestExpr;
        (*placeholder).typeId = pg_sys::BOOLOID;
        (*placeholder).typeMod = -1;
        placeholder.cast()
    }
}

/// The part of the table's rows that is shared with who asks now; `None` where that cannot be said.
///
/// # Safety
/// The request is what the planner has made.
unsafe fn selectivity(request: &pg_sys::SupportRequestSelectivity) -> Result<Option<f64>> {
    // SAFETY: promised by the caller.
    let Some(asked) = (unsafe { Call::read(request.root, request.args) }) else { return Ok(None) };
    let grantees = sealed::with_identity(shares::grantees).unwrap_or_default();
    let rows = match shares::about(&grantees, asked.table, COUNTED)? {
        // More than were counted; how many more is not worth finding out.
        COUNTED => 10 * COUNTED,
        counted => counted,
    };
    Ok(Some((rows as f64 / asked.rows.max(1.0)).clamp(0.0, 1.0)))
}

/// The function `warden.shared_ids()`, as of a state of the catalog.
fn shared_ids() -> Result<Oid> {
    thread_local! {
        static KNOWN: Cell<(u64, Oid)> = const { Cell::new((0, Oid::INVALID)) };
    }
    let catalog = catalog::state();
    let (as_of, known) = KNOWN.get();
    if as_of == catalog {
        return Ok(known);
    }
    // SAFETY: the function takes a text and answers with a regprocedure, or NULL.
    let found = unsafe {
        pgrx::direct_function_call::<Oid>(
            pg_sys::to_regprocedure,
            &["warden.shared_ids(oid,text,anyelement,boolean)".into_datum()],
        )
    };
    let found = found.ok_or_else(|| Error::internal("a function of the extension is missing"))?;
    KNOWN.set((catalog, found));
    Ok(found)
}

/// So many shares are counted for an estimate: about 20 µs.
const COUNTED: usize = 50;
