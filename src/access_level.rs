//! What somebody may do with a row that is shared: one ladder, each level with all below it. Pure.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// From the least on; owners are above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// See it.
    View,
    /// Refer to it, and have it work for oneself, without changing it.
    Use,
    /// Change it.
    Edit,
    /// Delete it.
    Manage,
    /// Share it with others, and take that back.
    Share,
}

impl Level {
    pub const ALL: [Self; 5] = [Self::View, Self::Use, Self::Edit, Self::Manage, Self::Share];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Use => "use",
            Self::Edit => "edit",
            Self::Manage => "manage",
            Self::Share => "share",
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_above_those_before_it() {
        assert!(Level::ALL.is_sorted());
        assert!(Level::View < Level::Use && Level::Manage < Level::Share);
    }

    #[test]
    fn only_its_own_name_is_a_level() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for other in ["", "View", "owner", " view", "views"] {
            assert_eq!(other.parse::<Level>(), Err(()), "{other:?}");
        }
    }
}
