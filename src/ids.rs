//! Ids of one kind each: of a user, a tenant, a session. Where one is meant, no other is accepted.
//!
//! Pure. As Postgres passes them: `uuids.rs`. Other ids (shares, rules, keys, invites) are plain `Uuid`s.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use std::fmt;
use std::rc::Rc;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// Reads the one form that is printed.
            pub fn parse(text: &str) -> Option<Self> {
                canonical_uuid(text).map(Self)
            }

            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id! {
    /// A user: a person, a service, a visitor or an agent.
    UserId
}

id! {
    /// A tenant.
    TenantId
}

/// A session, as its issuer names it: a UUID where that is this database, and whatever it likes where it is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct SessionId(Rc<str>);

impl SessionId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the sessions of this database are named; `None` for what is none of them.
    pub fn to_uuid(&self) -> Option<Uuid> {
        canonical_uuid(&self.0)
    }
}

impl From<&str> for SessionId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for SessionId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.as_str().to_owned()
    }
}

/// A UUID in the one form that Postgres prints; any other spelling would be an alias of it.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "0a11ce00-0000-4000-8000-00000000abcd";

    #[test]
    fn ids_of_two_kinds_print_alike_and_parse_strictly() {
        let id = Uuid::try_parse(TEXT).unwrap();
        let (user, tenant) = (UserId::from(id), TenantId::from(id));
        assert_eq!((user.to_string().as_str(), tenant.to_string().as_str()), (TEXT, TEXT));
        assert_eq!((UserId::parse(TEXT), TenantId::parse(TEXT)), (Some(user), Some(tenant)));
        for alias in
            [TEXT.to_uppercase(), TEXT.replace('-', ""), format!("{{{TEXT}}}"), format!(" {TEXT}"), String::new()]
        {
            assert_eq!((UserId::parse(&alias), TenantId::parse(&alias)), (None, None), "{alias:?}");
            assert_eq!(SessionId::from(alias).to_uuid(), None);
        }
        assert_eq!(SessionId::from(TEXT).to_uuid(), Some(id));
    }

    #[test]
    fn ids_are_texts_in_json() {
        let (user, session) = (UserId::parse(TEXT).unwrap(), SessionId::from("sess_1"));
        assert_eq!(serde_json::to_value((user, &session)).unwrap(), serde_json::json!([TEXT, "sess_1"]));
        assert_eq!(
            serde_json::from_value::<(UserId, SessionId)>(serde_json::json!([TEXT, "sess_1"])).unwrap(),
            (user, session)
        );
    }
}
