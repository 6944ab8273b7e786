//! Attempts at a secret that can be guessed: counted before it is looked at, by a transaction of its own.

use crate::autonomous::{self, Task};
use crate::caller::{self, Kind};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::spi;
use pgrx::Inet;
use serde_json::json;

/// By what attempts are counted.
pub struct Attempts {
    keys: Vec<String>,
    /// What the client may not learn of, that it has to wait.
    unsaid: Vec<String>,
}

/// What becomes of an attempt.
pub enum Counted {
    Allowed,
    /// With the seconds to wait.
    TooEarly(i32),
    /// It fails, whatever it is, and nobody is told why.
    Refused,
}

impl Attempts {
    /// At an account and at the person it is of, as `sign_in_candidate()` names them; and from an address where a trusted
    /// role states it. What an ordinary client says is its own word: it could name another address for each guess, or
    /// somebody else's.
    ///
    /// From one address as from all: who guesses at one keeps nobody out who comes from another.
    pub fn at_account(account: &str, person: &str, address: Option<&Inet>) -> Result<Self> {
        let mut attempts = Self::from_address(address)?;
        let from = attempts.keys.first().and_then(|key| key.strip_prefix(ADDRESS)).unwrap_or_default().to_owned();
        let here = |key: &str| if from.is_empty() { key.to_owned() } else { format!("{key} {from}") };
        let person = format!("login:{person}");
        attempts.keys.splice(0..0, [here(account), format!("everywhere:{account}")]);
        attempts.unsaid = vec![here(&person), format!("everywhere:{person}")];
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
        Ok(Self { keys, unsaid: Vec::new() })
    }

    /// Of somebody who is signed in.
    pub fn of_user(user_id: UserId) -> Self {
        Self { keys: vec![format!("user:{user_id}")], unsaid: Vec::new() }
    }

    /// All of them, in the order in which they are counted.
    pub fn keys(&self) -> Vec<&str> {
        self.keys.iter().chain(&self.unsaid).map(String::as_str).collect()
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// 55000 where it cannot be counted: then there is none.
    pub fn count(&self) -> Result<Counted> {
        if self.keys.is_empty() {
            return Ok(Counted::Allowed);
        }
        let answer = autonomous::run(Task::CountAttempt, json!({ "keys": self.keys, "unsaid": self.unsaid }))?;
        match (answer["retry_after"].as_i64(), answer["refused"].as_bool()) {
            (Some(seconds), _) => Ok(Counted::TooEarly(i32::try_from(seconds).unwrap_or(i32::MAX))),
            (None, Some(true)) => Ok(Counted::Refused),
            (None, Some(false)) => Ok(Counted::Allowed),
            (None, None) => Err(Error::internal("an attempt was not counted")),
        }
    }
}

const ADDRESS: &str = "address:";
