//! The hooks into the server: two notice expiry, and one of them what a statement may not touch; three end what foreign
//! keys are exempt from where a client acts; one sees what is reported, keeps secrets out of the server log, and gives
//! errors the SQLSTATE of the style that the client has chosen.

#![allow(unsafe_code)]

use crate::redaction::{self, executed, holds_secret, names_function_with_password};
use crate::{clock, error, exemption, refusals, sealed, statements, unguarded};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};

static mut PREVIOUS_EXECUTOR_START: pg_sys::ExecutorStart_hook_type = None;
static mut PREVIOUS_ANALYZED: pg_sys::post_parse_analyze_hook_type = None;
static mut PREVIOUS_PLANNER: pg_sys::planner_hook_type = None;
static mut PREVIOUS_PROCESS_UTILITY: pg_sys::ProcessUtility_hook_type = None;
static mut PREVIOUS_EMIT_LOG: pg_sys::emit_log_hook_type = None;

thread_local! {
    /// When the client message arrived in which a function last took a secret.
    static SECRET_TAKEN_AT: Cell<i64> = const { Cell::new(i64::MIN) };
    /// The same of a password.
    static PASSWORD_TAKEN_AT: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// Installs the hooks. Called once when the library is loaded into a process.
pub fn install() {
    // SAFETY: runs once, before any other thread could exist; earlier hooks are kept and called.
    unsafe {
        PREVIOUS_EXECUTOR_START = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(executor_start);
        PREVIOUS_ANALYZED = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analyzed);
        PREVIOUS_PLANNER = pg_sys::planner_hook;
        pg_sys::planner_hook = Some(planner);
        PREVIOUS_PROCESS_UTILITY = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(process_utility);
        PREVIOUS_EMIT_LOG = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit_log);
    }
}

/// Marks the client's current message as holding a secret: until the next message no error and no
/// notice writes the statement, or the parameters and context that quote it, to the server log.
///
/// Marked for success too: in `SELECT warden.authenticate('…'), 1/0` the error is another's.
pub fn hide_statement() {
    SECRET_TAKEN_AT.set(unguarded::statement_timestamp());
}

/// The same for a message that holds a password.
pub fn hide_password() {
    hide_statement();
    PASSWORD_TAKEN_AT.set(unguarded::statement_timestamp());
}

/// Every statement that reads a table starts here, nested ones in functions too. Without a guard: what
/// is done here cannot fail or has its own, and an error of Postgres passes over a frame in which nothing
/// waits to be dropped.
unsafe extern "C-unwind" fn executor_start(query: *mut pg_sys::QueryDesc, eflags: c_int) {
    // SAFETY: reads a variable; then passes on what Postgres passed.
    unsafe {
        // A worker goes by the time of its leader. What a statement may touch is asked there, too: of one within a
        // function, that is, since the leader has asked of its own.
        if pg_sys::ParallelWorkerNumber < 0 {
            sealed::notice_expiry(clock::now);
        }
        exemption::end_for_clients();
        if statements::concerns(query, eflags) {
            statements::refuse(query);
        }
        match PREVIOUS_EXECUTOR_START {
            Some(previous) => previous(query, eflags),
            None => unguarded::raising::standard_ExecutorStart(query, eflags),
        }
        if statements::writes(query, eflags) {
            statements::remember(query);
        }
    }
}

/// A statement is rewritten after this, which is where policies come in.
unsafe extern "C-unwind" fn analyzed(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    exemption::end_for_clients();
    // SAFETY: passes on what Postgres passed.
    if let Some(previous) = unsafe { PREVIOUS_ANALYZED } {
        unsafe { previous(state, query, jumble) }
    }
}

/// The planner calls functions whose result it takes for a constant.
unsafe extern "C-unwind" fn planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    options: c_int,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    exemption::end_for_clients();
    // SAFETY: passes on what Postgres passed.
    unsafe { PREVIOUS_PLANNER.unwrap_or(unguarded::raising::standard_planner)(query, text, options, parameters) }
}

/// DO and CALL evaluate what they are given without a query: `IF warden.require_user(…)` in a DO block,
/// `CALL pay(warden.current_user_id())`. Other utility statements start queries where they need the
/// identity, and FETCH is to finish a cursor that was open before.
#[allow(clippy::too_many_arguments)]
unsafe extern "C-unwind" fn process_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    use pg_sys::NodeTag::{T_CallStmt, T_DoStmt};
    // SAFETY: Postgres passes a statement with the node of its command; then all of it is passed on.
    unsafe {
        if [T_DoStmt, T_CallStmt].contains(&(*(*statement).utilityStmt).type_) {
            sealed::notice_expiry(clock::now);
        }
        let next = PREVIOUS_PROCESS_UTILITY.unwrap_or(unguarded::raising::standard_ProcessUtility);
        next(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
    }
}

/// Runs while an error is reported, so it must not fail, allocate or call into Postgres.
unsafe extern "C-unwind" fn emit_log(data: *mut pg_sys::ErrorData) {
    // SAFETY: Postgres passes the error it is about to write, and its variables are readable.
    unsafe {
        if !data.is_null() && (*data).elevel == PgLogLevel::ERROR as i32 {
            (*data).sqlerrcode =
                error::code_for_client((*data).sqlerrcode, bytes((*data).message), bytes((*data).context));
        }
        if !data.is_null() {
            keep_secrets_out(&mut *data);
        }
        if let Some(previous) = PREVIOUS_EMIT_LOG {
            pg_guard_ffi_boundary(|| previous(data));
        }
    }
}

/// Masks what is a secret, or may be one, in all that is written of a report.
unsafe fn keep_secrets_out(data: &mut pg_sys::ErrorData) {
    // SAFETY: as `bytes_mut`.
    unsafe {
        let holds_password = message_holds_password(data);
        if holds_password || statement_holds_secret() {
            if holds_password {
                mask_literals(data);
            }
            data.hide_stmt = true;
            data.hide_ctx = true;
            // The QUERY line, which quotes a statement inside a function.
            data.internalquery = std::ptr::null_mut();
            // debug_print_parse and its kin, in which a literal is the numbers of its bytes.
            if redaction::is_tree(bytes(data.detail)) {
                redaction::mask_from(bytes_mut(data.detail), |_| true);
            }
            // Postgres itself quotes a literal that does not fit: authenticate('…') with its arguments
            // swapped is an invalid address. And log_statement logs statements as messages.
            redaction::mask_secrets(bytes_mut(data.message));
            redaction::mask_secrets(bytes_mut(data.detail));
            redaction::mask_secrets(bytes_mut(data.hint));
        }
        // Whatever statement it was: the parameters of a bound one, which log_statement and auto_explain quote, and what an
        // application's own function logs or puts together.
        if data.output_to_server {
            for text in [data.message, data.detail, data.hint, data.context, data.internalquery] {
                redaction::mask_secrets(bytes_mut(text));
            }
            // For the log alone, of the statements of all who are in a deadlock, each cut after a kilobyte: known by their
            // text only, so where one may hold a secret of any kind, or execute what takes one, no literal is left.
            let others = bytes(data.detail_log);
            if holds_password || holds_secret(others) || executed(others).next().is_some() {
                redaction::mask_from(bytes_mut(data.detail_log), begins_literal);
            }
            redaction::mask_cut_secrets(bytes_mut(data.detail_log));
        }
    }
}

/// The text of an error, which may be absent.
unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the texts of an error are NUL-terminated and live as long as it.
    if text.is_null() { &[] } else { unsafe { CStr::from_ptr(text).to_bytes() } }
}

/// True in the message that called such a function, and in every message whose text names one or
/// holds a token: a statement that is refused before the function runs (a syntax error, a failed
/// transaction) holds the literal all the same.
unsafe fn statement_holds_secret() -> bool {
    // SAFETY: the query text is NUL-terminated and lives as long as the message.
    unsafe {
        if SECRET_TAKEN_AT.get() == unguarded::statement_timestamp() {
            return true;
        }
        let query = pg_sys::debug_query_string;
        !query.is_null() && holds_secret(CStr::from_ptr(query).to_bytes())
    }
}

/// True in the message that called a function that takes a password, which can look like anything, and in every message
/// whose text names one, or executes a prepared statement that does; and of every report that quotes such a text: a
/// cursor is opened in one message and read in another, and a function puts a statement together.
unsafe fn message_holds_password(data: &pg_sys::ErrorData) -> bool {
    // SAFETY: as above.
    unsafe {
        if PASSWORD_TAKEN_AT.get() == unguarded::statement_timestamp() {
            return true;
        }
        let query = bytes(pg_sys::debug_query_string);
        names_function_with_password(query)
            // How log_statement quotes a prepared statement, and auto_explain every one.
            || names_function_with_password(bytes(data.detail))
            || data.elevel < PgLogLevel::ERROR as i32 && names_function_with_password(bytes(data.message))
            || names_function_with_password(bytes(data.context))
            || names_function_with_password(bytes(data.internalquery))
            || executed(query).any(|name| names_function_with_password(prepared_statement(name)))
    }
}

/// The text of a prepared statement; empty where there is none.
unsafe fn prepared_statement<'a>(name: &[u8]) -> &'a [u8] {
    let mut terminated = [0; pg_sys::NAMEDATALEN as usize];
    let length = name.len().min(terminated.len() - 1);
    terminated[..length].copy_from_slice(&name[..length]);
    // SAFETY: looks the name, which ends with a NUL, up in a table of the backend, and raises nothing for an unknown one;
    // the text is NUL-terminated and lives as long as the statement, which no report deallocates.
    unsafe {
        let mut statement = unguarded::raising::FetchPreparedStatement(terminated.as_ptr().cast(), false);
        if statement.is_null() {
            terminated.make_ascii_lowercase();
            statement = unguarded::raising::FetchPreparedStatement(terminated.as_ptr().cast(), false);
        }
        if statement.is_null() { &[] } else { bytes((*(*statement).plansource).query_string) }
    }
}

/// Overwrites what may be a literal of the statement: where `log_statement` logs it, from the first literal on; where
/// Postgres quotes a value that does not fit or a name that is none, what it quotes. In every language of messages a
/// quotation follows a quotation mark or a colon.
unsafe fn mask_literals(data: &mut pg_sys::ErrorData) {
    const CLASS: i32 = 0xFFF;
    let quotes_value = data.sqlerrcode & CLASS == PgSqlErrorCode::ERRCODE_DATA_EXCEPTION as i32 & CLASS
        || data.sqlerrcode == PgSqlErrorCode::ERRCODE_SYNTAX_ERROR as i32
        || data.sqlerrcode == PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN as i32;
    // SAFETY: as `bytes_mut`.
    unsafe {
        if data.elevel <= PgLogLevel::LOG_SERVER_ONLY as i32
            // auto_explain.log_level
            || data.elevel < PgLogLevel::ERROR as i32 && names_function_with_password(bytes(data.message))
        {
            // Our own lines in the log hold no literal.
            if !bytes(data.message).starts_with(refusals::PREFIX) {
                redaction::mask_from(bytes_mut(data.message), |byte| matches!(byte, b'\'' | b'$'));
                redaction::mask_from(bytes_mut(data.detail), |byte| matches!(byte, b'\'' | b'$'));
            }
        } else if quotes_value {
            redaction::mask_from(bytes_mut(data.message), |byte| matches!(byte, b'"' | b':' | b'\x80'..));
            redaction::mask_from(bytes_mut(data.detail), |_| true);
        }
    }
}

/// Where a literal, or what is taken for a name and is none, may begin in a statement.
fn begins_literal(byte: u8) -> bool {
    matches!(byte, b'\'' | b'"' | b'$')
}

/// As `bytes`, to be overwritten in place.
unsafe fn bytes_mut<'a>(text: *mut c_char) -> &'a mut [u8] {
    if text.is_null() {
        return &mut [];
    }
    // SAFETY: the texts of an error are NUL-terminated copies that belong to it.
    unsafe {
        let length = CStr::from_ptr(text).to_bytes().len();
        std::slice::from_raw_parts_mut(text.cast::<u8>(), length)
    }
}
