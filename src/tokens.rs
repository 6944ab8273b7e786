//! From a bearer token to who it speaks for: verification, and the cache of verified tokens.
//!
//! What is cached is that a signature was good and what the token says, by the SHA-256 of the whole
//! token and the generation of its issuer's keys. Nothing about the user is cached.

use crate::clock;
use crate::directory::{self, SubjectIs, User};
use crate::error::Error;
use crate::issuers::{self, Issuer};
use crate::jwt::{self, Claims, Refusal};
use crate::place::Place;
use aws_lc_rs::digest::{SHA256, digest};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use uuid::Uuid;

/// What a verified token says, as far as an identity needs it.
pub struct Verified {
    pub issuer: String,
    pub subject: String,
    pub subject_is: SubjectIs,
    pub provision: bool,
    generation: Uuid,
    /// `exp` plus the issuer's leeway, in microseconds since 2000-01-01 UTC.
    pub expires_at: i64,
    /// `iat` in the same unit.
    pub issued_at: i64,
    pub session_id: Option<Rc<str>>,
    pub tenant_id: Option<String>,
    pub scopes: Rc<[String]>,
    /// The subject of `act`, where somebody acts on the subject's behalf.
    pub actor: Option<String>,
    /// Where the rows of the two were found last.
    user_place: Cell<Option<Place>>,
    actor_place: Cell<Option<Place>>,
}

/// Why a token is refused: a stable word for the log, and what the log may say besides.
pub struct Refused {
    pub reason: &'static str,
    pub issuer: Option<String>,
    pub subject: Option<String>,
}

/// A refusal, or an error of the server's own.
pub enum Failure {
    Refused(Refused),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The users that a token speaks for.
pub struct Bearer {
    pub token: Rc<Verified>,
    pub user: User,
    /// Who acts, where it is not the user itself.
    pub actor: Option<User>,
}

/// Whether an unknown subject of an issuer that provisions becomes a user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FirstSight {
    Provision,
    OnlyLook,
}

/// Verifies a token and finds its user, by the clock of the call.
pub fn bearer(token: &str, first_sight: FirstSight) -> std::result::Result<Bearer, Failure> {
    let token = verified(token)?;
    let refused = |reason| refusal(reason, &token);
    let find = |subject: &str, place: &Cell<Option<Place>>| {
        directory::find_subject(&token.issuer, subject, token.subject_is, place)
    };
    let mut user = find(&token.subject, &token.user_place)?;
    if user.is_none() && token.provision && first_sight == FirstSight::Provision {
        directory::provision(&token.issuer, &token.subject, token.subject_is)?;
        user = find(&token.subject, &token.user_place)?;
    }
    let user = user.ok_or_else(|| refused("unknown_user"))?;
    if let Some(reason) = reason_against(&user, &token) {
        return Err(refused(reason));
    }
    let actor = match &token.actor {
        None => None,
        Some(subject) => {
            let actor = find(subject, &token.actor_place)?.ok_or_else(|| refused("unknown_actor"))?;
            if !actor.active || actor.linked_elsewhere {
                return Err(refused("actor_not_active"));
            }
            Some(actor)
        }
    };
    Ok(Bearer { token, user, actor })
}

/// Why a user that the token names is refused, if it is.
pub fn reason_against(user: &User, token: &Verified) -> Option<&'static str> {
    if user.linked_elsewhere {
        Some("user_of_another_issuer")
    } else if !user.active {
        Some("user_not_active")
    } else if token.issued_at < user.tokens_valid_after {
        Some("issued_before_tokens_valid_after")
    } else {
        None
    }
}

/// Verifies a token anew; nothing is looked up but its issuer.
pub fn claims(token: &str) -> std::result::Result<Claims, Failure> {
    let (issuer, claims) = verify(token)?;
    drop(issuer);
    Ok(claims)
}

/// Verifies a token, from the cache where it can, against the issuer as it is now.
fn verified(token: &str) -> std::result::Result<Rc<Verified>, Failure> {
    let key = cache_key(token);
    if let Some(cached) = lookup(&key) {
        let issuer = issuers::find(&cached.issuer)?;
        if issuer.is_some_and(|issuer| issuer.generation == cached.generation) {
            if clock::now() >= cached.expires_at {
                return Err(refusal("expired", &cached));
            }
            return Ok(cached);
        }
        // The issuer's keys or rules have changed since: what was verified under them is void.
        forget(&key);
    }
    let (issuer, claims) = verify(token)?;
    let verified = Rc::new(Verified::new(&issuer, &claims));
    remember(key, Rc::clone(&verified));
    Ok(verified)
}

fn verify(token: &str) -> std::result::Result<(Rc<Issuer>, Claims), Failure> {
    let unnamed = |refusal: Refusal| Failure::Refused(Refused { reason: refusal.code(), issuer: None, subject: None });
    let unverified = jwt::parse(token).map_err(unnamed)?;
    let named = |reason| {
        let issuer = unverified.issuer().map(str::to_owned);
        Failure::Refused(Refused { reason, issuer, subject: None })
    };
    // A control character is in no issuer's name, and a NUL is none that Postgres could compare.
    let name = unverified.issuer().filter(|name| !name.contains(char::is_control));
    let name = name.ok_or_else(|| named("no_issuer"))?;
    let issuer = issuers::find(name)?.ok_or_else(|| named("unknown_issuer"))?;
    let now = clock::to_unix_seconds(clock::now());
    let claims = jwt::verify(&unverified, &issuer.keys, &issuer.rules, now).map_err(|refusal| named(refusal.code()))?;
    Ok((issuer, claims))
}

impl Verified {
    fn new(issuer: &Issuer, claims: &Claims) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            subject: claims.subject().to_owned(),
            subject_is: issuer.subject_is,
            provision: issuer.provision,
            generation: issuer.generation,
            expires_at: clock::from_unix_seconds(claims.expires_at() + issuer.rules.leeway_seconds),
            issued_at: clock::from_unix_seconds(claims.issued_at()),
            session_id: claims.session_id().map(Rc::from),
            tenant_id: claims.tenant_id().map(str::to_owned),
            scopes: claims.scopes().into(),
            actor: claims.actor().map(str::to_owned),
            user_place: Cell::new(None),
            actor_place: Cell::new(None),
        }
    }
}

/// The refusal of a token whose signature was good.
pub fn refusal(reason: &'static str, token: &Verified) -> Failure {
    Failure::Refused(Refused { reason, issuer: Some(token.issuer.clone()), subject: Some(token.subject.clone()) })
}

// The cache. Its key is the whole token, so a prefix or a changed signature is another token.

type CacheKey = [u8; 32];

/// Tokens kept by one backend; the oldest makes room.
const CACHE_SIZE: usize = 512;

#[derive(Default)]
struct Cache {
    tokens: HashMap<CacheKey, Rc<Verified>>,
    oldest_first: VecDeque<CacheKey>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

fn cache_key(token: &str) -> CacheKey {
    let mut key = CacheKey::default();
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

fn lookup(key: &CacheKey) -> Option<Rc<Verified>> {
    CACHE.with_borrow(|cache| cache.tokens.get(key).cloned())
}

fn forget(key: &CacheKey) {
    CACHE.with_borrow_mut(|cache| {
        if cache.tokens.remove(key).is_some() {
            cache.oldest_first.retain(|other| other != key);
        }
    });
}

fn remember(key: CacheKey, verified: Rc<Verified>) {
    CACHE.with_borrow_mut(|cache| {
        while cache.oldest_first.len() >= CACHE_SIZE {
            if let Some(oldest) = cache.oldest_first.pop_front() {
                cache.tokens.remove(&oldest);
            }
        }
        if cache.tokens.insert(key, verified).is_none() {
            cache.oldest_first.push_back(key);
        }
    });
}
