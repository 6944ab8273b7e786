//! A predicate that somebody gives for a policy: is it one expression, is it one that a policy can
//! have, and how does Postgres print it?
//!
//! Postgres itself parses it, as the owner of the table: as the condition of a policy that is made and
//! dropped again under the lock we hold. Only what Postgres prints of it goes into the policies that
//! stay, so nothing of the caller's text does.

#![allow(unsafe_code)]

use super::facts::Table;
use super::{acting, table_owner};
use crate::error::{Error, Result};
use crate::spi::{self, Statement};
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CString, c_int};

/// The predicate as Postgres prints it, which is what it prints of that text again.
///
/// # Errors
/// 22023 for one that no policy should have; the errors of the parser.
pub fn canonical(table: &Table, predicate: &str) -> Result<String> {
    require_whole(predicate)?;
    let mut printed = printed(table, predicate)?;
    for _ in 0..3 {
        let again = self::printed(table, &printed)?;
        if again == printed {
            return Ok(printed);
        }
        printed = again;
    }
    Err(Error::invalid("Postgres prints this predicate differently each time", "Write it with fewer casts."))
}

/// Refuses text that is no whole expression, or more than one. What parses after SELECT has its
/// parentheses, quotes and comments closed; inside the parentheses of a policy's USING the grammar then
/// takes an expression and nothing else.
fn require_whole(predicate: &str) -> Result<()> {
    if predicate.trim().is_empty() || predicate.len() > LONGEST {
        return Err(Error::invalid(
            format!("a predicate has between 1 and {LONGEST} bytes"),
            "Give an expression over the columns of the table; put a long one into a function.",
        ));
    }
    let sql = CString::new(format!("SELECT {predicate}"))
        .map_err(|_| Error::invalid("a predicate holds a zero byte", "Give an expression."))?;
    // SAFETY: the text is NUL-terminated; the parser reads it, raises what it does not understand, and
    // answers with a list in our memory context.
    let statements = unsafe {
        let list = pg_sys::raw_parser(sql.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        if list.is_null() { 0 } else { (*list).length }
    };
    if statements == 1 {
        return Ok(());
    }
    Err(Error::invalid("a predicate is one expression", "Give what would stand after WHERE, without the word."))
}

/// What Postgres makes of the text.
fn printed(table: &Table, predicate: &str) -> Result<String> {
    let create = format!("CREATE POLICY warden_probe ON {} FOR SELECT TO PUBLIC USING ({predicate}\n)", table.name);
    as_owner(table, &create)?;
    let probed = probed(table)?;
    refuse_unsuitable(&probed)?;
    as_owner(table, &format!("DROP POLICY warden_probe ON {}", table.name))?;
    Ok(probed.printed)
}

fn as_owner(table: &Table, sql: &str) -> Result<usize> {
    acting::during(|| table_owner::act_as(Oid::from(table.owner), || spi::write(sql, &[])))
}

struct Probed {
    printed: String,
    /// `pg_node_tree`.
    nodes: String,
    /// A function in it that a client could replace.
    client_function: Option<String>,
}

fn probed(table: &Table) -> Result<Probed> {
    thread_local! {
        static PROBED: Statement = const { Statement::new(
            c"SELECT p.printed, p.nodes, p.client_function FROM warden.probed_predicate($1) p",
            &[pg_sys::OIDOID],
        ) };
    }
    let arguments = [Oid::from(table.oid).into_datum()];
    let found = PROBED.with(|statement| {
        statement.first(&arguments, |row| Ok((row.get::<String>(1)?, row.get::<String>(2)?, row.get::<String>(3)?)))
    })?;
    match found {
        Some((Some(printed), Some(nodes), client_function)) => Ok(Probed { printed, nodes, client_function }),
        _ => Err(Error::internal("a policy that was made is not there")),
    }
}

fn refuse_unsuitable(probed: &Probed) -> Result<()> {
    let traits = Traits::of(&probed.nodes)?;
    if traits.sub_select {
        return Err(Error::invalid(
            "a predicate has no sub-select",
            "It would be run for each row, with the rights of whoever asks. Call a STABLE function, or keep the answer in a column.",
        ));
    }
    if traits.volatile {
        return Err(Error::invalid(
            "a predicate calls no volatile function",
            "Whose a row is does not change while a statement runs, and no index could serve it. Declare a function of your own STABLE.",
        ));
    }
    if traits.whole_row {
        return Err(Error::invalid("a predicate names columns, not the whole row", "Pass the columns one by one."));
    }
    if let Some(function) = &probed.client_function {
        return Err(Error::invalid(
            format!("a client role could replace function {function}"),
            "Give it to a role that no client can become.",
        ));
    }
    Ok(())
}

/// What a policy's condition must not have.
struct Traits {
    sub_select: bool,
    volatile: bool,
    whole_row: bool,
}

impl Traits {
    fn of(nodes: &str) -> Result<Self> {
        let nodes = CString::new(nodes).map_err(|_| Error::internal("a condition holds a zero byte"))?;
        // SAFETY: the text was written by Postgres as a node tree, which is read back here; the walkers
        // only look at it, and the set is in our memory context.
        unsafe {
            let node = pg_sys::stringToNode(nodes.as_ptr()).cast::<pg_sys::Node>();
            let mut columns = std::ptr::null_mut();
            pg_sys::pull_varattnos(node, 1, &mut columns);
            let whole_row = -(pg_sys::FirstLowInvalidHeapAttributeNumber as c_int);
            Ok(Self {
                sub_select: pg_sys::contain_subplans(node),
                volatile: pg_sys::contain_volatile_functions(node),
                whole_row: pg_sys::bms_is_member(whole_row, columns),
            })
        }
    }
}

/// It is part of a key.
const LONGEST: usize = 2000;
