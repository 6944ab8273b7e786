//! Passwords: which are taken, and what is kept of one (argon2id, RFC 9106).
//!
//! Pure: the parameters and the salt are arguments.

#![forbid(unsafe_code)]

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// In KiB.
    pub memory: u32,
    pub iterations: u32,
    pub parallelism: u32,
}

/// A password as it is hashed: NFKC, so that it is one password however a keyboard composes it.
pub struct Password(String);

/// Why a text cannot become somebody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    TooShort,
    TooLong,
}

/// The parameters or a stored hash are none that argon2 takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unhashable;

impl Password {
    /// A password that somebody chooses. Length is all that is asked of it: NIST SP 800-63B wants no rule about kinds of
    /// characters.
    ///
    /// # Errors
    /// Fewer than 8 characters, or more than 1024 bytes.
    pub fn choose(text: &str) -> Result<Self, Unusable> {
        let password = Self::presented(text).ok_or(Unusable::TooLong)?;
        if password.0.chars().count() < FEWEST_CHARACTERS { Err(Unusable::TooShort) } else { Ok(password) }
    }

    /// A password that somebody presents; `None` for what is too long to be any.
    pub fn presented(text: &str) -> Option<Self> {
        // Before it is normalised, which can take it apart and put it together: nobody has us do that with a megabyte.
        if text.len() > MOST_BYTES {
            return None;
        }
        let normalised: String = text.nfkc().collect();
        (normalised.len() <= MOST_BYTES).then_some(Self(normalised))
    }

    /// What is kept of it, as a PHC string, which names the parameters.
    ///
    /// # Errors
    /// For parameters that argon2 does not take.
    pub fn hash(&self, cost: Cost, salt: [u8; SALT_BYTES]) -> Result<String, Unhashable> {
        let salt = SaltString::encode_b64(&salt).map_err(|_| Unhashable)?;
        let hash = cost.argon2()?.hash_password(self.0.as_bytes(), &salt).map_err(|_| Unhashable)?;
        Ok(hash.to_string())
    }

    /// Whether it is the one of which this is kept. Costs what a hash costs today, also where this one cost less: who has
    /// not been here since the settings rose shall not be told from nobody by the time.
    ///
    /// # Errors
    /// For what is no hash of a password, and parameters that argon2 does not take.
    pub fn matches(&self, hash: &str, today: Cost) -> Result<bool, Unhashable> {
        let hash = PasswordHash::new(hash).map_err(|_| Unhashable)?;
        if hash.algorithm != Algorithm::Argon2id.ident() {
            return Err(Unhashable);
        }
        let matches = Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok();
        let missing = Params::try_from(&hash).map_or(Some(today), |made_with| today.beyond(&made_with));
        missing.map_or(Ok(()), spend)?;
        Ok(matches)
    }
}

/// Takes as long as a comparison with a hash of this cost: where there is none, nobody shall see that by the time.
///
/// # Errors
/// For parameters that argon2 does not take.
pub fn spend(cost: Cost) -> Result<(), Unhashable> {
    let mut output = [0; 32];
    let spent = cost.argon2()?.hash_password_into(b"nobody's password", &[0; SALT_BYTES], &mut output);
    std::hint::black_box(output);
    spent.map_err(|_| Unhashable)
}

/// Whether a hash was made with less than this: a guess at it costs less than it should by now.
pub fn is_weaker(hash: &str, cost: Cost) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return true };
    let Ok(made_with) = Params::try_from(&hash) else { return true };
    made_with.m_cost() < cost.memory || made_with.t_cost() < cost.iterations || made_with.p_cost() < cost.parallelism
}

impl Cost {
    fn argon2(self) -> Result<Argon2<'static>, Unhashable> {
        let parameters = Params::new(self.memory, self.iterations, self.parallelism, None).map_err(|_| Unhashable)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
    }

    /// What is missing to this cost where a hash was made with those parameters; `None` where that is nothing, or too
    /// little to be hashed with. The time grows with the memory and with the iterations over it.
    fn beyond(self, made_with: &Params) -> Option<Self> {
        let blocks = |memory: u32, iterations: u32| u64::from(memory) * u64::from(iterations);
        let missing =
            blocks(self.memory, self.iterations).checked_sub(blocks(made_with.m_cost(), made_with.t_cost()))?;
        let memory = u32::try_from(missing / u64::from(self.iterations.max(1))).ok()?;
        let rest = Self { memory, ..self };
        rest.argon2().is_ok().then_some(rest)
    }
}

/// Characters, that is code points; NIST SP 800-63B section 3.1.1.2.
const FEWEST_CHARACTERS: usize = 8;

/// Longer than any sentence, and short enough that hashing it costs what hashing a short one does.
const MOST_BYTES: usize = 1024;

/// As RFC 9106 section 4 recommends.
pub const SALT_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { memory: 64, iterations: 1, parallelism: 1 };

    fn kept(text: &str) -> String {
        Password::choose(text).ok().and_then(|password| password.hash(COST, [7; SALT_BYTES]).ok()).unwrap_or_default()
    }

    fn matches(text: &str, hash: &str) -> bool {
        Password::presented(text).is_some_and(|password| password.matches(hash, COST) == Ok(true))
    }

    #[test]
    fn a_hash_matches_its_password_alone() {
        let hash = kept("correct horse");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert!(matches("correct horse", &hash));
        for other in ["correct horse ", "Correct horse", "", "correct hors"] {
            assert!(!matches(other, &hash), "{other:?}");
        }
        assert_ne!(
            hash,
            Password::choose("correct horse").ok().map_or(String::new(), |p| p.hash(COST, [8; 16]).unwrap_or_default())
        );
    }

    #[test]
    fn a_password_is_one_however_it_is_composed() {
        // U+00E9, and e with U+0301; the ligature U+FB01 is f and i.
        assert!(matches("cafe\u{301} \u{fb01}ve", &kept("caf\u{e9} five")));
    }

    #[test]
    fn the_length_is_8_characters_to_1024_bytes() {
        assert_eq!(Password::choose("1234567").err(), Some(Unusable::TooShort));
        assert!(Password::choose("12345678").is_ok());
        // Eight characters in many bytes, and seven.
        assert!(Password::choose(&"\u{1f512}".repeat(8)).is_ok());
        assert_eq!(Password::choose(&"\u{1f512}".repeat(7)).err(), Some(Unusable::TooShort));
        assert!(Password::choose(&"x".repeat(1024)).is_ok());
        assert_eq!(Password::choose(&"x".repeat(1025)).err(), Some(Unusable::TooLong));
        // U+FDFA becomes 18 characters.
        assert_eq!(Password::choose(&"\u{fdfa}".repeat(100)).err(), Some(Unusable::TooLong));
        assert!(Password::presented(&"x".repeat(1 << 20)).is_none());
    }

    #[test]
    fn a_hash_is_weaker_where_any_parameter_was_lower() {
        let hash = kept("correct horse");
        assert!(!is_weaker(&hash, COST));
        assert!(is_weaker(&hash, Cost { memory: 65, ..COST }));
        assert!(is_weaker(&hash, Cost { iterations: 2, ..COST }));
        assert!(!is_weaker(&hash, Cost { memory: 8, ..COST }));
        assert!(is_weaker("nothing", COST));
    }

    #[test]
    fn a_weaker_hash_matches_all_the_same_at_a_higher_cost() {
        let hash = kept("correct horse");
        let today = Cost { memory: 256, iterations: 3, parallelism: 1 };
        for (text, expected) in [("correct horse", true), ("wrong horse", false)] {
            assert_eq!(Password::presented(text).map(|password| password.matches(&hash, today)), Some(Ok(expected)));
        }
    }

    #[test]
    fn what_is_missing_to_the_cost_of_today_is_spent() {
        let today = Cost { memory: 100, iterations: 2, parallelism: 1 };
        let beyond = |memory, iterations| {
            Params::new(memory, iterations, 1, None).ok().map(|made_with| today.beyond(&made_with)).unwrap_or_default()
        };
        // 200 in all: of 100 already, of 40, and of all.
        assert_eq!(beyond(100, 1), Some(Cost { memory: 50, ..today }));
        assert_eq!(beyond(50, 2), Some(Cost { memory: 50, ..today }));
        assert_eq!(beyond(20, 2), Some(Cost { memory: 80, ..today }));
        assert_eq!(beyond(100, 2), None);
        // As dear by another way, dearer, and cheaper by less than anything can be hashed with.
        assert_eq!(beyond(200, 1), None);
        assert_eq!(beyond(200, 2), None);
        assert_eq!(beyond(99, 2), None);
    }

    #[test]
    fn what_is_no_hash_of_ours_matches_nothing() {
        let Some(password) = Password::presented("correct horse") else { return };
        for hash in ["", "x", "$argon2i$v=19$m=64,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAA", "$2b$12$abc"]
        {
            assert_eq!(password.matches(hash, COST), Err(Unhashable), "{hash}");
        }
    }
}
