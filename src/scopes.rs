//! Scopes: how they are written, what a declared one covers, and what is left where several lists must
//! agree. Knows nothing of Postgres.
//!
//! Whatever is declared (of a role, a user, a client, a token) is a [`Pattern`]: one scope, a wildcard, or a
//! template. What a transaction holds is never a pattern: [`Registry::effective`] works out which of the known
//! scopes it is, so that a check is a comparison, and what is shown is what is compared.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// What a declaration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// One scope: `agents:read`.
    One(String),
    /// All scopes of a family, at any depth: `agents:*`, kept as `agents:`. Not `agents` itself.
    Family(String),
    /// Every scope: `*`.
    Every,
    /// A scope of whoever holds it: `user:{{user_id}}`.
    Own(Template),
}

/// A scope that ends with an id of the identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    /// With the colon.
    family: String,
    whose: Whose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    User,
    Tenant,
}

/// Not the text of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl FromStr for Pattern {
    type Err = Malformed;

    /// Names between colons, of letters, digits and `._-/@+`. A wildcard is a whole name and the last one; a template
    /// is the last one, below at least one other.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "*" {
            return Ok(Self::Every);
        }
        if text.is_empty() || text.len() > LONGEST {
            return Err(Malformed);
        }
        let (above, last) = match text.rfind(':') {
            // A scope like https://api.example.com/read has empty names and is one all the same.
            Some(colon) => text.split_at(colon + 1),
            None => ("", text),
        };
        if !above.bytes().all(|byte| byte == b':' || is_plain(byte)) || above.starts_with(':') {
            return Err(Malformed);
        }
        let whose = match last {
            "*" if !above.is_empty() => return Ok(Self::Family(above.to_owned())),
            "{{user_id}}" if !above.is_empty() => Whose::User,
            "{{tenant_id}}" if !above.is_empty() => Whose::Tenant,
            _ if !last.is_empty() && last.bytes().all(is_plain) => return Ok(Self::One(text.to_owned())),
            _ => return Err(Malformed),
        };
        Ok(Self::Own(Template { family: above.to_owned(), whose }))
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-/@+".contains(&byte)
}

impl Pattern {
    /// Whether it names several scopes, those that are yet to be declared among them.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Family(_) | Self::Every)
    }
}

impl Template {
    /// The scope of this identity, in canonical ids; `None` where it has no such id.
    pub fn of(&self, user_id: &str, tenant_id: Option<&str>) -> Option<String> {
        let id = match self.whose {
            Whose::User => Some(user_id),
            Whose::Tenant => tenant_id,
        };
        id.map(|id| format!("{}{id}", self.family))
    }

    /// Whether a scope is this one of whichever identity.
    fn fits(&self, scope: &str) -> bool {
        scope.strip_prefix(&self.family).is_some_and(is_canonical_uuid)
    }

    /// Whether the identity has it by itself, whatever is granted: `user:{{user_id}}` and `tenant:{{tenant_id}}`.
    pub fn is_of_context(&self) -> bool {
        matches!((self.family.as_str(), self.whose), (USER, Whose::User) | (TENANT, Whose::Tenant))
    }
}

/// Whether a scope is one that only the identity itself gives, and to whom it belongs.
pub fn context(scope: &str) -> Option<Context<'_>> {
    if let Some(id) = scope.strip_prefix(USER) {
        Some(Context::User(id))
    } else {
        scope.strip_prefix(TENANT).map(Context::Tenant)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context<'a> {
    User(&'a str),
    Tenant(&'a str),
}

/// The context scopes of an identity.
pub fn of_context(user_id: &str, tenant_id: Option<&str>) -> impl Iterator<Item = String> + use<> {
    let user = format!("{USER}{user_id}");
    std::iter::once(user).chain(tenant_id.map(|id| format!("{TENANT}{id}")))
}

/// A scope that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What whoever holds it holds as well.
    pub implies: Vec<Pattern>,
    /// No wildcard covers it: it is granted by its name or not at all.
    pub by_name_only: bool,
}

/// The scopes that are known. Whatever else is declared names nothing, and whatever else is asked for is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    scopes: BTreeMap<String, Known>,
    templates: BTreeMap<Template, Known>,
}

/// A known scope, as what a transaction holds is worked out of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held<'a> {
    One(&'a str),
    Own(&'a Template),
}

/// What a check may be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    One(String),
    Own(Template),
}

/// Why nothing can be asked about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    Malformed,
    Unknown,
    /// A wildcard, which is for granting.
    Several,
}

impl Registry {
    /// Adds a scope or a template; a wildcard is none.
    pub fn add(&mut self, scope: Pattern, known: Known) {
        match scope {
            Pattern::One(name) => drop(self.scopes.insert(name, known)),
            Pattern::Own(template) => drop(self.templates.insert(template, known)),
            Pattern::Family(_) | Pattern::Every => {}
        }
    }

    /// Whether a declaration names something known; a wildcard does in any case.
    pub fn knows(&self, pattern: &Pattern) -> bool {
        match pattern {
            Pattern::One(name) => self.scopes.contains_key(name),
            Pattern::Own(template) => self.templates.contains_key(template),
            Pattern::Family(_) | Pattern::Every => true,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Held<'_>> {
        let scopes = self.scopes.keys().map(|name| Held::One(name));
        scopes.chain(self.templates.keys().map(Held::Own))
    }

    /// The scope that a check asks about.
    ///
    /// # Errors
    /// For what is no scope, an unknown one, or several.
    pub fn asked(&self, text: &str) -> Result<Asked, NotAsked> {
        match text.parse().map_err(|Malformed| NotAsked::Malformed)? {
            Pattern::Family(_) | Pattern::Every => Err(NotAsked::Several),
            Pattern::Own(template) if self.templates.contains_key(&template) => Ok(Asked::Own(template)),
            Pattern::One(name)
                if self.scopes.contains_key(&name) || self.templates.keys().any(|template| template.fits(&name)) =>
            {
                Ok(Asked::One(name))
            }
            Pattern::Own(_) | Pattern::One(_) => Err(NotAsked::Unknown),
        }
    }

    /// The known scopes that patterns cover together, with all that these imply.
    pub fn covered<'a: 'p, 'p>(&'a self, patterns: impl IntoIterator<Item = &'p Pattern>) -> BTreeSet<Held<'a>> {
        let mut covered = BTreeSet::new();
        let mut waiting: Vec<&Pattern> = patterns.into_iter().collect();
        while let Some(pattern) = waiting.pop() {
            self.each_covered(pattern, |held, known| {
                if covered.insert(held) {
                    waiting.extend(&known.implies);
                }
            });
        }
        covered
    }

    /// Whether who is granted these may be given that one: a scope that they cover, with all that it implies; a wildcard
    /// only below one of theirs, since what it covers grows.
    pub fn may_have(&self, granted: &[Pattern], asked: &Pattern) -> bool {
        match asked {
            Pattern::One(_) | Pattern::Own(_) => {
                let wanted = self.covered([asked]);
                !wanted.is_empty() && wanted.is_subset(&self.covered(granted))
            }
            Pattern::Family(below) => granted.iter().any(|pattern| match pattern {
                Pattern::Every => true,
                Pattern::Family(family) => below.starts_with(family.as_str()),
                Pattern::One(_) | Pattern::Own(_) => false,
            }),
            Pattern::Every => granted.contains(&Pattern::Every),
        }
    }

    /// The wildcards among patterns, and among what the scopes that these cover imply.
    pub fn wildcards(&self, patterns: &[Pattern]) -> Vec<Pattern> {
        let known = |held| match held {
            Held::One(name) => self.scopes.get(name),
            Held::Own(template) => self.templates.get(template),
        };
        let covered = self.covered(patterns);
        let implied = covered.into_iter().filter_map(known).flat_map(|known| &known.implies);
        patterns.iter().chain(implied).filter(|pattern| pattern.is_wildcard()).cloned().collect()
    }

    /// What is granted, as far as each of the limits covers it too.
    pub fn effective<'a: 'p, 'p>(
        &'a self,
        granted: impl IntoIterator<Item = &'p Pattern>,
        limits: impl IntoIterator<Item = &'p [Pattern]>,
    ) -> BTreeSet<Held<'a>> {
        let mut effective = self.covered(granted);
        for limit in limits {
            let allowed = self.covered(limit);
            effective.retain(|held| allowed.contains(held));
        }
        effective
    }

    fn each_covered<'a>(&'a self, pattern: &Pattern, mut visit: impl FnMut(Held<'a>, &'a Known)) {
        match pattern {
            Pattern::One(name) => {
                if let Some((name, known)) = self.scopes.get_key_value(name) {
                    visit(Held::One(name), known);
                }
            }
            Pattern::Own(template) => {
                if let Some((template, known)) = self.templates.get_key_value(template) {
                    visit(Held::Own(template), known);
                }
            }
            Pattern::Family(_) | Pattern::Every => {
                let family = if let Pattern::Family(family) = pattern { family.as_str() } else { "" };
                for (name, known) in &self.scopes {
                    if name.starts_with(family) && !known.by_name_only {
                        visit(Held::One(name), known);
                    }
                }
                for (template, known) in &self.templates {
                    if template.family.starts_with(family) && !known.by_name_only {
                        visit(Held::Own(template), known);
                    }
                }
            }
        }
    }
}

/// Whether a scope of a token says what an issuer tells the application about its user (OpenID Connect Core sections
/// 5.4 and 11), and nothing of what the token may do.
pub fn is_of_sign_in(scope: &str) -> bool {
    ["openid", "profile", "email", "address", "phone", "offline_access"].contains(&scope)
}

/// In the form that Postgres prints.
fn is_canonical_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

const USER: &str = "user:";
const TENANT: &str = "tenant:";

/// In bytes.
const LONGEST: usize = 255;
