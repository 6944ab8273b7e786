//! One top-level transaction, one user, in one tenant.
//!
//! What is remembered here is kept outside the settings, by the transaction's local id, so that no
//! RESET, ROLLBACK TO or `sign_out()` opens the transaction to a second user. An attempt to
//! authenticate ends the identity first and restores it only when it succeeds: whatever interrupts
//! it (a refusal, a cancel, an error in a check) leaves nobody.

#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::ids::{TenantId, UserId};
use crate::{sealed, settings, statements, unguarded};
use pgrx::prelude::*;
use std::cell::Cell;

#[derive(Clone, Copy)]
struct Transaction {
    /// The local transaction id, unique within a backend.
    lxid: u32,
    /// The number that every identity of this transaction carries.
    serial: i32,
    user_id: Option<UserId>,
    /// In which the user acts; none until there is a user.
    tenant_id: Option<TenantId>,
    /// As whom the user has acted besides (`act_as`): one, whatever was rolled back since.
    subject_id: Option<UserId>,
    failed: bool,
}

impl Transaction {
    const fn new(lxid: u32, serial: i32) -> Self {
        Self { lxid, serial, user_id: None, tenant_id: None, subject_id: None, failed: false }
    }
}

thread_local! {
    static CURRENT: Cell<Transaction> =
        const { Cell::new(Transaction::new(0, 0)) };
}

/// An attempt to authenticate. Dropped without success or [`Attempt::decline`], it leaves the
/// transaction without an identity for good.
#[must_use]
pub struct Attempt {
    transaction: Transaction,
    previous_seal: i32,
}

impl Attempt {
    /// Begins an attempt; from here to its success there is no identity.
    ///
    /// # Errors
    /// 55000 where an earlier attempt of this transaction failed, and within a parallel query: what a
    /// worker learned the transaction would not remember.
    #[inline(always)]
    pub fn begin() -> Result<Self> {
        if unguarded::is_in_parallel_mode() {
            return Err(Error::wrong_state(
                "nobody can be authenticated during a parallel query",
                "Mark the function that calls this PARALLEL UNSAFE.",
            ));
        }
        let mut transaction = current();
        if transaction.failed && !settings::allow_identity_switch() {
            return Err(Error::wrong_state(
                "an authentication failed earlier in this transaction",
                "Roll back, and authenticate in a new transaction.",
            ));
        }
        let previous_seal = sealed::seal();
        sealed::set_seal(0);
        CURRENT.set(Transaction { failed: true, ..transaction });
        transaction.failed = false;
        Ok(Self { transaction, previous_seal })
    }

    /// The number that the identity has to carry.
    pub fn serial(&self) -> i32 {
        self.transaction.serial
    }

    /// Seals the identity.
    ///
    /// # Errors
    /// 55000 where the transaction acts for another user, or in another tenant, already, and where a user that only
    /// reads would come into the midst of a write: who was there stays.
    #[inline(always)]
    pub fn succeed(mut self, identity: &Identity) -> Result<()> {
        let someone = self.transaction.user_id.filter(|_| !settings::allow_identity_switch());
        if someone.is_some_and(|user_id| user_id != identity.user_id) {
            self.decline();
            return Err(Error::wrong_state(
                "this transaction already acts for another user",
                "One transaction has one user: commit or roll back before another user is authenticated.",
            ));
        }
        if someone.is_some() && self.transaction.tenant_id != identity.tenant_id {
            self.decline();
            return Err(Error::wrong_state(
                "this transaction already acts in another tenant, or in none",
                "One transaction has one tenant: commit or roll back before another one is chosen.",
            ));
        }
        if identity.reads_only && statements::write_is_under_way()? {
            self.decline();
            return Err(write_under_way());
        }
        sealed::set(identity)?;
        self.transaction.user_id = Some(identity.user_id);
        self.transaction.tenant_id = identity.tenant_id;
        CURRENT.set(self.transaction);
        Ok(())
    }

    /// Whether the transaction's own user may act as this one, which comes to nothing before it is recorded.
    ///
    /// # Errors
    /// 55000 where it has acted as another, where somebody else is signed in (`prove`), and where a subject that
    /// only reads would come into the midst of a write.
    pub fn require_subject(&self, actor_id: UserId, subject_id: UserId, reads_only: bool) -> Result<()> {
        let switches = settings::allow_identity_switch();
        if !switches && self.transaction.subject_id.is_some_and(|known| known != subject_id) {
            return Err(Error::wrong_state(
                "this transaction has acted as another user already",
                "One transaction has one user, and one as whom that acts: commit or roll back first.",
            ));
        }
        if !switches && self.transaction.user_id != Some(actor_id) {
            return Err(Error::wrong_state("nobody acts for a user of a rehearsal", ""));
        }
        if reads_only && statements::write_is_under_way()? {
            return Err(write_under_way());
        }
        Ok(())
    }

    /// Seals the identity of a user as whom the transaction's own acts; the transaction stays that one's.
    pub fn succeed_as(mut self, identity: &Identity) -> Result<()> {
        sealed::set(identity)?;
        self.transaction.subject_id = Some(identity.user_id);
        CURRENT.set(self.transaction);
        Ok(())
    }

    /// Ends the attempt without effect: who was there stays.
    fn decline(self) {
        CURRENT.set(self.transaction);
        sealed::set_seal(self.previous_seal);
    }
}

fn write_under_way() -> Error {
    Error::wrong_state(
        "a statement that writes began before this user, who only reads, was signed in",
        "Authenticate in a statement of its own.",
    )
}

/// Runs `work` for somebody, or nobody, else than this transaction acts for: `prove`, whose users do not exist.
///
/// Whoever was there is there again when the subtransaction of the caller is rolled back; without that
/// there is nobody. The transaction's own user is another matter, and is not touched.
pub fn rehearse<R>(identity: Option<&Identity>, work: impl FnOnce() -> R) -> Result<R> {
    let _restored = Seal(sealed::seal());
    match identity {
        Some(identity) => sealed::set(&Identity { serial: REHEARSAL, ..identity.clone() })?,
        None => sealed::set_seal(0),
    }
    Ok(work())
}

/// The seal in force before, which no rollback restores.
struct Seal(i32);

impl Drop for Seal {
    fn drop(&mut self) {
        sealed::set_seal(self.0);
    }
}

fn current() -> Transaction {
    let lxid = local_id();
    let known = CURRENT.get();
    if known.lxid == lxid {
        return known;
    }
    // Numbers repeat after 2^31 transactions of one backend; an identity never lives that long.
    let serial = known.serial % (REHEARSAL - 1) + 1;
    Transaction::new(lxid, serial)
}

/// Whether somebody was signed in in this transaction, or was refused, whoever is there now.
pub fn had_somebody() -> bool {
    let Transaction { user_id, failed, .. } = current();
    (user_id.is_some() || failed) && !settings::allow_identity_switch()
}

/// The local id of the transaction under way, unique within a backend.
pub fn local_id() -> u32 {
    // SAFETY: every backend that runs a function has a PGPROC of its own.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return (*pg_sys::MyProc).lxid;
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        return (*pg_sys::MyProc).vxid.lxid;
    }
}

/// What lasts until the end of the transaction is gone with the statement outside of a block. Only a
/// warning: in a pipeline, or among several statements of one message, the call works in one round trip.
#[inline(always)]
pub fn warn_outside_block(function: &str) {
    if !unguarded::is_transaction_block() {
        ereport!(
            PgLogLevel::WARNING,
            PgSqlErrorCode::ERRCODE_NO_ACTIVE_SQL_TRANSACTION,
            format!("{function}() outside a transaction block lasts only for this statement")
        );
    }
}

/// The number of identities that are no transaction's.
const REHEARSAL: i32 = i32::MAX;
