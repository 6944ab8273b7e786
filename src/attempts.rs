//! Attempts at a secret that can be guessed: counted before it is looked at, by a transaction of its own.

use crate::autonomous::{self, Task};
use crate::caller::{self, Kind};
use crate::error::Result;
use crate::spi;
use pgrx::Inet;
use serde_json::json;
use uuid::Uuid;

/// By what attempts are counted.
pub struct Attempts(Vec<String>);

impl Attempts {
    /// At an account, as `sign_in_candidate()` names it; and from an address where a trusted role states it. What an
    /// ordinary client says is its own word: it could name another address for each guess, or somebody else's.
    pub fn at_account(account: String, address: Option<&Inet>) -> Result<Self> {
        let mut attempts = Self::from_address(address)?;
        attempts.0.insert(0, account);
        Ok(attempts)
    }

    /// From an address alone, where a trusted role states one; else there is nothing to count by.
    pub fn from_address(address: Option<&Inet>) -> Result<Self> {
        let mut keys = Vec::new();
        if let Some(address) = address
            && caller::is(Kind::Trusted)?
        {
            let found =
                spi::read("SELECT warden.attempts_of_address($1::inet)", &[address.0.as_str().into()], |row| {
                    Ok(row.get::<String>(1)?)
                })?;
            keys.extend(found.into_iter().flatten());
        }
        Ok(Self(keys))
    }

    /// Of somebody who is signed in.
    pub fn of_user(user_id: Uuid) -> Self {
        Self(vec![format!("user:{user_id}")])
    }

    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// Counts an attempt; the seconds to wait where it comes too early.
    ///
    /// # Errors
    /// 55000 where it cannot be counted: then there is none.
    pub fn count(&self) -> Result<Option<i32>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let answer = autonomous::run(Task::CountAttempt, json!({ "keys": self.0 }))?;
        Ok(answer["retry_after"].as_i64().map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)))
    }
}
