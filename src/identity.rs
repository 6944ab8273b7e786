//! Who a transaction acts for, and the text form in which the sealed setting carries it.
//!
//! Pure: no Postgres, no clock. The text form exists because settings are text: that is what makes
//! savepoints, COMMIT and parallel workers Postgres' own business. Only the library writes it, so
//! the reader trusts the writer but still refuses what it did not write: no partial identity exists.

#![forbid(unsafe_code)]

use crate::ids::{SessionId, TenantId, UserId};
use crate::scopes::{self, Context, Template};
use std::rc::Rc;
use uuid::Uuid;

/// Parts are separated by U+001F, members of a list by U+001E; neither may occur in a value.
const PART: char = '\u{1f}';
const MEMBER: char = '\u{1e}';
/// The first part; a library that changes the form changes the number, so that no process reads
/// a form it does not know.
const VERSION: &str = "3";
/// What stands for a user that only reads.
const READS: &str = "r";

/// The verified identity of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The transaction's seal: an identity counts only while the seal in force has this number.
    pub serial: i32,
    /// Microseconds since 2000-01-01 UTC (Postgres' `timestamptz`); from then on nobody.
    pub expires_at: i64,
    /// For whom the transaction acts.
    pub user_id: UserId,
    /// Who acts: the user itself, or an agent or administrator on the user's behalf (RFC 8693 `act`).
    pub actor_id: UserId,
    pub tenant_id: Option<TenantId>,
    pub session_id: Option<SessionId>,
    /// The application's own name for the user.
    pub external_id: Option<Rc<str>>,
    pub roles: Rc<[String]>,
    /// Scopes that are held, none of them a wildcard, without those that the ids of the identity are themselves.
    pub granted: Rc<[String]>,
    /// None of its roles may write.
    pub reads_only: bool,
    /// Of an agent that acts as itself: its owner, and what it may read of that one's.
    pub lends: Option<Rc<Lends>>,
}

/// The owner of an agent, and what the agent may read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lends {
    pub owner_id: UserId,
    /// The application's own name for the owner.
    pub external_id: Option<Rc<str>>,
    pub capabilities: Vec<String>,
}

impl Identity {
    /// The text for the sealed setting; `None` where a value holds a control character, which no
    /// identifier has a reason to.
    pub fn encode(&self) -> Option<String> {
        let lends = self.lends.as_deref();
        let tenant_id = self.tenant_id.as_ref().map(TenantId::as_uuid);
        let owner_id = lends.map(|lends| lends.owner_id.as_uuid());
        let lending_external_id = lends.and_then(|lends| lends.external_id.as_deref());
        let capabilities = lends.map_or(&[][..], |lends| &lends.capabilities);
        let mut parts = Parts { text: String::with_capacity(256), holds_control_character: false };
        parts.text.push_str(VERSION);
        for number in [i64::from(self.serial), self.expires_at] {
            parts.push_number(number);
        }
        for id in [Some(self.user_id.as_uuid()), Some(self.actor_id.as_uuid()), tenant_id, owner_id] {
            parts.push_id(id);
        }
        for text in [self.session_id.as_ref().map(SessionId::as_str), self.external_id.as_deref(), lending_external_id]
        {
            parts.push(text);
        }
        for list in [&self.roles, &self.granted, capabilities] {
            parts.push_list(list);
        }
        parts.push(self.reads_only.then_some(READS));
        (!parts.holds_control_character).then_some(parts.text)
    }

    /// Reads what [`Identity::encode`] wrote; `None` for the empty text, and for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let (head, [session, external, lending_external, roles, granted, capabilities]) = read(text)?;
        let optional = |part| Some(part).filter(|part: &&str| !part.is_empty());
        let lends = head.lends.map(|Lending { owner_id, .. }| {
            Rc::new(Lends {
                owner_id,
                external_id: optional(lending_external).map(Rc::from),
                capabilities: list(capabilities),
            })
        });
        Some(Self {
            serial: head.serial,
            expires_at: head.expires_at,
            user_id: head.user_id,
            actor_id: head.actor_id,
            tenant_id: head.tenant_id,
            session_id: optional(session).map(SessionId::from),
            external_id: optional(external).map(Rc::from),
            roles: list(roles).into(),
            granted: list(granted).into(),
            reads_only: head.reads_only,
            lends,
        })
    }

    /// What [`Head::decode`] reads of what [`Identity::encode`] writes.
    pub fn head(&self) -> Head {
        Head {
            serial: self.serial,
            expires_at: self.expires_at,
            user_id: self.user_id,
            actor_id: self.actor_id,
            tenant_id: self.tenant_id,
            external_number: self.external_id.as_deref().and_then(number),
            reads_only: self.reads_only,
            lends: self.lends.as_deref().map(|lends| Lending {
                owner_id: lends.owner_id,
                external_number: lends.external_id.as_deref().and_then(number),
            }),
        }
    }

    /// Whether the scope, which is neither a wildcard nor a template, is held.
    pub fn holds(&self, scope: &str) -> bool {
        self.granted.iter().any(|granted| granted == scope)
            || match scopes::context(scope) {
                Some(Context::User(id)) => is(Some(self.user_id.as_uuid()), id),
                Some(Context::Tenant(id)) => is(self.tenant_id.as_ref().map(TenantId::as_uuid), id),
                None => false,
            }
    }

    /// The scope that a template is for this identity; `None` where it has no such id.
    pub fn own(&self, template: &Template) -> Option<String> {
        template.of(&self.user_id.to_string(), self.tenant_id.map(|id| id.to_string()).as_deref())
    }

    /// All scopes that are held.
    pub fn scopes(&self) -> Vec<String> {
        let tenant_id = self.tenant_id.map(|id| id.to_string());
        let context = scopes::of_context(&self.user_id.to_string(), tenant_id.as_deref());
        self.granted.iter().cloned().chain(context).collect()
    }

    /// The external id, or the user id as text where the user has none: what a text owner column holds.
    pub fn external_text(&self) -> String {
        self.external_id.as_deref().map_or_else(|| self.user_id.to_string(), str::to_owned)
    }

    /// The owner whose rows a capability opens for reading.
    pub fn lends(&self, capability: &str) -> Option<&Lends> {
        self.lends.as_deref().filter(|lends| lends.capabilities.iter().any(|held| held == capability))
    }
}

impl Lends {
    /// What a text owner column holds of the owner.
    pub fn external_text(&self) -> String {
        self.external_id.as_deref().map_or_else(|| self.owner_id.to_string(), str::to_owned)
    }
}

/// The part of an identity that rows are compared with: read without an allocation, since every
/// transaction assigns an identity and few ask for the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub serial: i32,
    pub expires_at: i64,
    pub user_id: UserId,
    pub actor_id: UserId,
    pub tenant_id: Option<TenantId>,
    /// The external id as a number: what an integer owner column holds.
    ///
    /// Only the canonical decimal form from 1 to 2^63-1 is a number. '07', ' 7', '+7' and '0x7' are
    /// not aliases of 7, and 0 is nobody's.
    pub external_number: Option<i64>,
    pub reads_only: bool,
    /// Of an agent that acts as itself.
    pub lends: Option<Lending>,
}

/// The owner of an agent, as rows are compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lending {
    pub owner_id: UserId,
    pub external_number: Option<i64>,
}

impl Head {
    /// Reads the same texts that [`Identity::decode`] reads, and no others.
    pub fn decode(text: &str) -> Option<Self> {
        read(text).map(|(head, _)| head)
    }
}

/// The head, and session, external ids, roles, scopes and capabilities as they are written.
fn read(text: &str) -> Option<(Head, [&str; 6])> {
    let mut parts = text.split(PART);
    (parts.next()? == VERSION).then_some(())?;
    let serial = parts.next()?.parse().ok().filter(|serial| *serial > 0)?;
    let expires_at = parts.next()?.parse().ok()?;
    let user_id = UserId::parse(parts.next()?)?;
    let actor_id = UserId::parse(parts.next()?)?;
    let tenant_id = unless_empty(parts.next()?, TenantId::parse)?;
    let owner_id = unless_empty(parts.next()?, UserId::parse)?;
    let rest = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let reads_only = match parts.next()? {
        "" => false,
        READS => true,
        _ => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let [_, external_id, lending_external_id, ..] = rest;
    let external_number = number(external_id);
    let lends = owner_id.map(|owner_id| Lending { owner_id, external_number: number(lending_external_id) });
    Some((Head { serial, expires_at, user_id, actor_id, tenant_id, external_number, reads_only, lends }, rest))
}

/// A part that may be empty; `None` where it is neither that nor what it should be.
fn unless_empty<T>(part: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if part.is_empty() { Some(None) } else { parse(part).map(Some) }
}

/// The text as it is written. Every transaction writes one: each kind of part is written by one small function, instead
/// of by as many copies as there are parts.
struct Parts {
    text: String,
    /// Whether some value does, so that the text is none.
    holds_control_character: bool,
}

impl Parts {
    fn push_number(&mut self, number: i64) {
        self.text.push(PART);
        self.text.push_str(itoa::Buffer::new().format(number));
    }

    #[inline(never)]
    fn push_id(&mut self, id: Option<&Uuid>) {
        self.text.push(PART);
        if let Some(id) = id {
            self.text.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        }
    }

    fn push(&mut self, value: Option<&str>) {
        self.text.push(PART);
        self.push_value(value.unwrap_or_default());
    }

    fn push_list(&mut self, members: &[String]) {
        for (position, member) in members.iter().enumerate() {
            self.text.push(if position == 0 { PART } else { MEMBER });
            self.push_value(member);
        }
        if members.is_empty() {
            self.text.push(PART);
        }
    }

    #[inline(never)]
    fn push_value(&mut self, value: &str) {
        self.holds_control_character |= holds_control_character(value);
        self.text.push_str(value);
    }
}

fn holds_control_character(value: &str) -> bool {
    // Nearly every value is plain ASCII, which is seen at once: without a branch, many bytes at a time.
    let plain = value.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte));
    !plain && value.chars().any(char::is_control)
}

fn is(id: Option<&Uuid>, text: &str) -> bool {
    id.is_some_and(|id| id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text)
}

pub fn number(text: &str) -> Option<i64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    canonical.then(|| text.parse().ok()).flatten()
}

fn list(part: &str) -> Vec<String> {
    part.split(MEMBER).filter(|member| !member.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn user(number: u128) -> UserId {
        Uuid::from_u128(number).into()
    }

    fn alice() -> Identity {
        Identity {
            serial: 7,
            expires_at: 812_345_678_901_234,
            user_id: user(0xa11ce),
            actor_id: user(0xa6e27),
            tenant_id: Some(Uuid::from_u128(1).into()),
            session_id: Some("sess_1".into()),
            external_id: Some("auth0|ü".into()),
            roles: Rc::new(["user".into(), "admin".into()]),
            granted: Rc::new(["agents:read".into()]),
            reads_only: true,
            lends: Some(Rc::new(Lends {
                owner_id: user(0x0e),
                external_id: Some("7".into()),
                capabilities: vec!["can_read_user_memory".into(), "can_read_notes".into()],
            })),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bare = Identity {
            tenant_id: None,
            session_id: None,
            external_id: None,
            roles: Rc::new([]),
            granted: Rc::new([]),
            reads_only: false,
            lends: None,
            ..alice()
        };
        let far = [i64::MIN, -10, -1, 0, 9, 10, i64::MAX].map(|expires_at| Identity { expires_at, ..alice() });
        let last = Identity { serial: i32::MAX, ..alice() };
        for identity in far.into_iter().chain([alice(), bare, last]) {
            let text = identity.encode().unwrap();
            assert_eq!(Head::decode(&text), Some(identity.head()));
            assert_eq!(Identity::decode(&text), Some(identity));
        }
    }

    #[test]
    fn a_control_character_in_a_value_is_not_written() {
        for bad in ["a\u{1f}b", "a\u{1e}b", "a\nb", "\0"] {
            assert_eq!(Identity { external_id: Some(bad.into()), ..alice() }.encode(), None);
            assert_eq!(Identity { session_id: Some(bad.into()), ..alice() }.encode(), None);
            assert_eq!(Identity { granted: Rc::new([bad.into()]), ..alice() }.encode(), None);
            assert_eq!(Identity { roles: Rc::new([bad.into()]), ..alice() }.encode(), None);
        }
    }

    #[test]
    fn anything_else_is_nobody() {
        let good = alice().encode().unwrap();
        for bad in [
            String::new(),
            " ".into(),
            "00000000-0000-0000-0000-0000000a11ce".into(),
            format!("{good}\u{1f}"),
            good.replacen('3', "2", 1),
            good.replacen("00000000000e", "00000000000g", 1),
            format!("{}x", good.trim_end_matches('r')),
            good.replacen('7', "0", 1),
            good.replacen('7', "-7", 1),
            good.replacen("a11ce", "a11cg", 1),
        ] {
            assert_eq!(Identity::decode(&bad), None, "{bad:?}");
            assert_eq!(Head::decode(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_scopes_of_its_own_ids_are_held() {
        let alice = alice();
        let (user, tenant) = (format!("user:{}", alice.user_id), format!("tenant:{}", Uuid::from_u128(1)));
        assert_eq!(alice.scopes(), ["agents:read", &user, &tenant]);
        assert!(alice.scopes().iter().all(|scope| alice.holds(scope)));
        let without_tenant = Identity { tenant_id: None, ..alice.clone() };
        assert_eq!(without_tenant.scopes(), ["agents:read", &user]);
        for other in
            ["agents", "agents:reader", "agents:*", "*", "", "user:", &format!("tenant:{}", alice.user_id), &tenant]
        {
            assert!(!without_tenant.holds(other), "{other:?}");
        }
        assert!(!alice.holds(&user.to_uppercase()) && !alice.holds(&format!("user:{}", alice.actor_id)));
    }

    #[test]
    fn an_owner_lends_by_the_name_of_a_capability_alone() {
        let agent = alice();
        assert_eq!(agent.lends("can_read_notes").map(|lends| lends.owner_id), Some(user(0x0e)));
        assert_eq!(agent.head().lends.and_then(|lends| lends.external_number), Some(7));
        for other in ["", "can_read", "can_read_notes2", "CAN_READ_NOTES", "*"] {
            assert_eq!(agent.lends(other), None, "{other:?}");
        }
        assert_eq!(Identity { lends: None, ..alice() }.lends("can_read_notes"), None);
        let unnamed = Lends { owner_id: user(1), external_id: None, capabilities: vec![] };
        assert_eq!(unnamed.external_text(), Uuid::from_u128(1).to_string());
    }

    #[test]
    fn only_a_canonical_decimal_is_a_number() {
        let number = |external_id: &str| {
            let identity = Identity { external_id: Some(external_id.into()), ..alice() };
            let head = Head::decode(&identity.encode().unwrap()).unwrap();
            assert_eq!(head, identity.head());
            head.external_number
        };
        assert_eq!(number("7"), Some(7));
        assert_eq!(number("9223372036854775807"), Some(i64::MAX));
        for alias in ["07", " 7", "7 ", "+7", "-7", "0x7", "0", "7.0", "٧", "", "9223372036854775808"] {
            assert_eq!(number(alias), None, "{alias:?}");
        }
    }
}
