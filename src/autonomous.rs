//! A write that outlives the rollback of the transaction that makes it.
//!
//! A client can undo whatever its own transaction wrote, so what must be remembered all the same is
//! handed to a dynamic background worker that commits it alone, while the client's transaction
//! waits; and so is what a transaction that was begun READ ONLY has to write. No worker to be had,
//! or no answer in time, is an error: what cannot be recorded does not happen. The record travels in
//! dynamic shared memory, so its size is bounded only by the sender (`record_event`: 1 MiB).
//!
//! Whoever signs in, refreshes or counts a guess does it this way too, by one of the [`Task`]s: a client
//! that rolls back takes nothing of it back, and one that idles in its transaction holds no lock.

#![allow(unsafe_code)]

use crate::audit::{Record, Who};
use crate::error::{Error, Result, or_raise};
use crate::spi;
use pgrx::JsonB;
use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, BackgroundWorkerStatus, DynamicBackgroundWorker};
use pgrx::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long the client's transaction waits for the write at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long of that it waits for a free worker. Each is busy for milliseconds only, so whoever finds
/// none in this time will not find one soon: they are all stuck, or others' for good.
const PATIENCE_FOR_WORKER: Duration = Duration::from_secs(2);

/// How long a task takes at most: longer than it waits for one lock.
const LONGEST_TASK: Duration = Duration::from_secs(3);

/// Of the enum `TimeoutId`, in every major version.
const STATEMENT_TIMEOUT: c_int = 3;

unsafe extern "C-unwind" {
    fn enable_timeout_after(id: c_int, milliseconds: c_int);
}

const PENDING: u32 = 0;
const COMMITTED: u32 = 1;

/// What stands at the beginning of the shared memory, before the write as JSON and room for the answer.
#[repr(C)]
struct Header {
    outcome: AtomicU32,
    database: pg_sys::Oid,
    length: u32,
    answer_length: AtomicU32,
}

/// The longest answer, as JSON: the most scopes that a session may have are in it.
const ROOM_FOR_ANSWER: usize = 32 * 1024;

/// What can be written this way.
#[derive(Serialize, Deserialize)]
pub enum Write {
    Record(Record),
    Task { task: Task, arguments: Value, who: Who },
}

/// A function of the extension that a worker may run: it takes and answers a jsonb, and raises for nothing a client
/// can cause. No argument holds a secret, but for hashes.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Signs a user in by a password.
    SignIn,
    /// Begins a session on another ground.
    BeginSession,
    /// Uses a refresh token up, and gives the next one.
    RotateRefreshToken,
    /// Ends sessions of a user.
    EndSessions,
    /// Counts a guess of a secret before it is looked at.
    CountAttempt,
    /// Keeps the hash of a password.
    StorePassword,
    /// Keeps the hash of an API key.
    StoreKey,
    /// Enrolls the certificate of a device.
    StoreCertificate,
    /// Revokes the certificate of a device.
    RevokeCertificate,
    /// Makes the first user.
    SetUpOwner,
    /// Revokes a token by its name.
    RememberRevokedToken,
    /// Revokes an API key.
    RevokeKey,
    /// Notes that an API key is in use.
    TouchKey,
    /// Makes a user of whom an issuer has named for the first time.
    ProvisionUser,
    /// Registers an agent.
    AddAgent,
    /// Changes what is registered of an agent.
    ChangeAgent,
    /// Makes somebody a member of a tenant, or ends that.
    ChangeMember,
    /// Keeps an invite.
    StoreInvite,
    /// Redeems an invite, or counts a wrong guess at one.
    UseInvite,
    /// Revokes an invite.
    WithdrawInvite,
}

impl Task {
    fn statement(self) -> &'static str {
        match self {
            Self::SignIn => "SELECT warden.sign_in($1)",
            Self::BeginSession => "SELECT warden.begin_session($1)",
            Self::RotateRefreshToken => "SELECT warden.rotate_refresh_token($1)",
            Self::EndSessions => "SELECT warden.end_sessions($1)",
            Self::CountAttempt => "SELECT warden.count_attempt($1)",
            Self::StorePassword => "SELECT warden.store_password($1)",
            Self::StoreKey => "SELECT warden.store_key($1)",
            Self::StoreCertificate => "SELECT warden.store_certificate($1)",
            Self::RevokeCertificate => "SELECT warden.revoke_certificate($1)",
            Self::SetUpOwner => "SELECT warden.set_up_owner($1)",
            Self::RememberRevokedToken => "SELECT warden.remember_revoked_token($1)",
            Self::RevokeKey => "SELECT warden.revoke_key($1)",
            Self::TouchKey => "SELECT warden.touch_key($1)",
            Self::ProvisionUser => "SELECT warden.provision_user($1)",
            Self::AddAgent => "SELECT warden.add_agent($1)",
            Self::ChangeAgent => "SELECT warden.change_agent($1)",
            Self::ChangeMember => "SELECT warden.change_member($1)",
            Self::StoreInvite => "SELECT warden.store_invite($1)",
            Self::UseInvite => "SELECT warden.use_invite($1)",
            Self::WithdrawInvite => "SELECT warden.withdraw_invite($1)",
        }
    }

    /// Runs the task in the current transaction, which has the rights of the extension.
    fn run(self, arguments: Value) -> Result<Value> {
        let answers = spi::change(self.statement(), &[JsonB(arguments).into()], |row| Ok(row.get::<JsonB>(1)?))?;
        Ok(answers.into_iter().flatten().next().map_or(Value::Null, |answer| answer.0))
    }
}

impl Write {
    fn execute(self) -> Result<Value> {
        match self {
            Self::Record(record) => record.write().map(|()| Value::Null),
            Self::Task { task, arguments, who } => {
                who.speak_for();
                // Whoever holds a user or a session for longer is an administrator with an open transaction: the client
                // is told, and the worker is another's again.
                set(c"lock_timeout", c"2s");
                // However many locks it waits for. A worker has no client's statement that the setting would bound.
                // SAFETY: Postgres has registered the timeout, whose signal every worker with a database handles.
                unsafe { enable_timeout_after(STATEMENT_TIMEOUT, LONGEST_TASK.as_millis() as _) };
                task.run(arguments)
            }
        }
    }
}

/// Runs a task in a transaction of its own. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn autonomously(task: &str, arguments: JsonB) -> JsonB {
    or_raise((|| {
        let task = serde_json::from_value(Value::from(task)).map_err(|_| Error::internal("there is no such task"))?;
        run(task, arguments.0).map(JsonB)
    })())
}

/// Runs a task in a transaction of its own, on behalf of whoever acts here.
///
/// # Errors
/// As [`commit`].
pub fn run(task: Task, arguments: Value) -> Result<Value> {
    commit(&Write::Task { task, arguments, who: Who::now() })
}

/// Commits a write in a transaction of its own, and returns its answer when it has; null but for a task.
///
/// # Errors
/// 55000 on a standby, and where no background worker is free or none has committed the record
/// within ten seconds.
pub fn commit(write: &Write) -> Result<Value> {
    commit_by_worker(write, PATIENCE_FOR_WORKER)
}

/// As [`commit`], where a worker is free at once.
///
/// # Errors
/// As [`commit`].
pub fn commit_if_free(write: &Write) -> Result<Value> {
    commit_by_worker(write, Duration::ZERO)
}

fn commit_by_worker(write: &Write, patience: Duration) -> Result<Value> {
    if cannot_write() {
        return Err(not_recorded("this server is a standby", "Connect to the primary server."));
    }
    let text = serde_json::to_vec(write)
        .map_err(|error| Error::internal(format!("a record could not be written: {error}")))?;
    let segment = Segment::create(&text)?;
    let begin = Instant::now();
    let worker = loop {
        match start_worker(&segment) {
            Some(worker) => break worker,
            None if begin.elapsed() >= patience => {
                return Err(not_recorded("no background worker is free", "Raise max_worker_processes, or try again."));
            }
            // Nobody tells when a worker of another session ends.
            None => wait_for_news(Duration::from_millis(10)),
        }
    };
    let too_long = loop {
        match worker.pid() {
            Err(BackgroundWorkerStatus::Stopped) => break false,
            _ if begin.elapsed() >= PATIENCE => {
                // Until it has ended: what is refused now is not committed a moment later.
                let _ = worker.terminate().wait_for_shutdown();
                break true;
            }
            _ => wait_for_news(Duration::from_millis(100)),
        }
    };
    match segment.header().outcome.load(Ordering::Acquire) {
        COMMITTED => serde_json::from_slice(segment.answer())
            .map_err(|error| Error::internal(format!("an answer could not be read: {error}"))),
        _ if too_long => Err(not_recorded("the write took too long", "Look for locks on the tables of schema warden.")),
        _ => Err(not_recorded("the background worker failed", "The server log says why.")),
    }
}

/// Whether this server is a standby.
pub fn cannot_write() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Asks the postmaster for a worker; `None` where max_worker_processes are running.
fn start_worker(segment: &Segment) -> Option<DynamicBackgroundWorker> {
    BackgroundWorkerBuilder::new("pg_warden autonomous write")
        .set_type("pg_warden autonomous write")
        .set_library("pg_warden")
        .set_function("warden_autonomous_main")
        .set_argument(Some(segment.handle()))
        .set_notify_pid(my_pid())
        .enable_spi_access()
        .load_dynamic()
        .ok()
}

fn not_recorded(reason: &str, hint: &str) -> Error {
    Error::wrong_state(format!("the record could not be committed: {reason}"), hint)
}

/// The worker: reads the record, commits it, says so, and ends.
///
/// # Safety
/// Only the postmaster starts it, with the handle that [`commit`] has passed.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn warden_autonomous_main(handle: pg_sys::Datum) {
    // SAFETY: the process is a fresh background worker.
    unsafe { pg_sys::BackgroundWorkerUnblockSignals() };
    let Some(segment) = Segment::attach(handle) else { return };
    let Ok(write) = serde_json::from_slice::<Write>(segment.text()) else { return };
    // As the bootstrap superuser, who can always log in: the owner of the extension may not.
    BackgroundWorker::connect_worker_to_spi_by_oid(Some(segment.header().database), None);
    undo_settings_of_database();
    let answer = BackgroundWorker::transaction(|| or_raise(write.execute().and_then(|answer| answer_text(&answer))));
    segment.set_answer(answer.as_bytes());
    segment.header().outcome.store(COMMITTED, Ordering::Release);
}

/// Before the commit: an answer that cannot be given undoes the write.
fn answer_text(answer: &Value) -> Result<String> {
    let text = answer.to_string();
    if text.len() > ROOM_FOR_ANSWER { Err(Error::internal("an answer is too long")) } else { Ok(text) }
}

/// The owner of a database may give it settings, which are in force here too: a search_path that would
/// lead a superuser astray, a role or session user that may not write the record, transactions that only read or that
/// see what was when they began: what a task counts once it has its lock is counted as of then.
fn undo_settings_of_database() {
    for (setting, value) in [
        (c"search_path", c"pg_catalog, pg_temp"),
        (c"role", c"none"),
        (c"default_transaction_read_only", c"off"),
        (c"default_transaction_isolation", c"read committed"),
    ] {
        set(setting, value);
    }
    // SAFETY: as this user the process has connected; with no role set, it is the current one as well.
    unsafe { pg_sys::SetSessionAuthorization(pg_sys::Oid::from(pg_sys::BOOTSTRAP_SUPERUSERID), true) };
}

fn set(setting: &CStr, value: &CStr) {
    // SAFETY: both texts are NUL-terminated and copied by Postgres.
    unsafe {
        pg_sys::SetConfigOption(
            setting.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_OVERRIDE,
        );
    }
}

/// A piece of dynamic shared memory that holds a header, a text and room for an answer.
struct Segment {
    segment: *mut pg_sys::dsm_segment,
}

impl Segment {
    fn create(text: &[u8]) -> Result<Self> {
        let length = u32::try_from(text.len()).map_err(|_| Error::internal("a record is too long"))?;
        // SAFETY: the segment is as large as what is written to it, and Postgres aligns it for any
        // type. It belongs to the current resource owner, which detaches it should we raise.
        unsafe {
            let segment = pg_sys::dsm_create(size_of::<Header>() + text.len() + ROOM_FOR_ANSWER, 0);
            let start = pg_sys::dsm_segment_address(segment).cast::<Header>();
            let (outcome, answer_length) = (AtomicU32::new(PENDING), AtomicU32::new(0));
            start.write(Header { outcome, database: pg_sys::MyDatabaseId, length, answer_length });
            start.add(1).cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
            Ok(Self { segment })
        }
    }

    fn attach(handle: pg_sys::Datum) -> Option<Self> {
        let handle = u32::try_from(handle.value()).ok()?;
        // SAFETY: an unknown handle (the client has given up) answers null.
        let segment = unsafe { pg_sys::dsm_attach(handle) };
        (!segment.is_null()).then_some(Self { segment })
    }

    fn handle(&self) -> pg_sys::Datum {
        // SAFETY: the segment is attached while `self` lives.
        pg_sys::Datum::from(unsafe { pg_sys::dsm_segment_handle(self.segment) })
    }

    fn header(&self) -> &Header {
        // SAFETY: as above; `create` has written a header before the handle was passed on, and after
        // that only the atomics change.
        unsafe { &*pg_sys::dsm_segment_address(self.segment).cast::<Header>() }
    }

    fn text(&self) -> &[u8] {
        let header: *const Header = self.header();
        // SAFETY: `create` has written this many bytes behind the header.
        unsafe { std::slice::from_raw_parts(header.add(1).cast::<u8>(), (*header).length as usize) }
    }

    /// The worker's answer, once the outcome says that it has committed.
    fn answer(&self) -> &[u8] {
        let header: *const Header = self.header();
        // SAFETY: `create` has left this room behind the text, and `set_answer` has written no more than fits.
        unsafe {
            let length = (*header).answer_length.load(Ordering::Acquire) as usize;
            let start = header.add(1).cast::<u8>().add((*header).length as usize);
            std::slice::from_raw_parts(start, length.min(ROOM_FOR_ANSWER))
        }
    }

    /// For the worker, before it says that it has committed: until then nobody reads here.
    fn set_answer(&self, answer: &[u8]) {
        let header: *const Header = self.header();
        let answer = &answer[..answer.len().min(ROOM_FOR_ANSWER)];
        // SAFETY: as `answer`; only this process writes.
        unsafe {
            let start = header.add(1).cast::<u8>().cast_mut().add((*header).length as usize);
            start.copy_from_nonoverlapping(answer.as_ptr(), answer.len());
            (*header).answer_length.store(answer.len() as u32, Ordering::Release);
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: attached, and not used after this.
        unsafe { pg_sys::dsm_detach(self.segment) }
    }
}

fn my_pid() -> i32 {
    // SAFETY: reads a variable.
    unsafe { pg_sys::MyProcPid }
}

/// Sleeps until the postmaster reports about the worker, or for so long; a cancel of the client ends
/// the wait.
fn wait_for_news(longest: Duration) {
    // SAFETY: the latch is this process' own.
    unsafe {
        let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
        let milliseconds = longest.as_millis() as _;
        pg_sys::WaitLatch(pg_sys::MyLatch, events as i32, milliseconds, pg_sys::PG_WAIT_EXTENSION);
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    pgrx::check_for_interrupts!();
}
