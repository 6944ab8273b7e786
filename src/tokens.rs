//! From a bearer token to who it speaks for: verification, and the cache of verified tokens.
//!
//! What is cached is that a signature was good and what the token says, by the SHA-256 of the whole
//! token and the generation of its issuer's keys. Nothing about the user or its session is cached.

use crate::address::Network;
use crate::agents;
use crate::bans;
use crate::bearer::{Bearer, Failure, FirstSight, Named};
use crate::clock;
use crate::directory::{self, Newcomer, Subject, SubjectIs, User};
use crate::ids::{SessionId, TenantId};
use crate::issuers::{self, Issuer};
use crate::jwt::{self, Claims};
use crate::lookup::Seen;
use crate::permissions::Limits;
use crate::sessions::{self, Session};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// What a verified token says, as far as an identity needs it.
struct Verified {
    named: Rc<Named>,
    subject: Subject,
    subject_is: SubjectIs,
    provision: bool,
    link_verified_email: bool,
    is_own: bool,
    /// The issuer with the keys and rules that it was verified under.
    under: Rc<Issuer>,
    /// `exp` plus the issuer's leeway, in microseconds since 2000-01-01 UTC.
    expires_at: i64,
    /// `iat` in the same unit.
    issued_at: i64,
    /// A claim that is no tenant's id, as providers with a notion of their own send, names none.
    tenant_id: Option<TenantId>,
    /// The network address that it was issued to, where its issuer says so.
    address: Option<Address>,
    /// An address that the issuer says it has verified; of an issuer that provisions.
    verified_email: Option<String>,
    limits: Rc<Limits>,
    /// The subject of `act`, where somebody acts on the subject's behalf.
    actor: Option<Subject>,
    session: RefCell<Option<Seen<Session>>>,
}

/// What the address claim of an issuer says.
#[derive(Clone, Copy)]
enum Address {
    Of(Network),
    Malformed,
}

/// Verifies a token and finds its user, by the clock of the call.
#[inline(always)]
pub fn bearer(token: &str, first_sight: FirstSight) -> Result<Bearer, Failure> {
    let token = verified(token)?;
    let refused = |reason| token.named.refused(reason);
    match token.address {
        Some(Address::Of(address)) if bans::is_in_force(address)? => return Err(Failure::Banned(address)),
        Some(Address::Malformed) => return Err(refused("malformed_address")),
        Some(Address::Of(_)) | None => {}
    }
    let mut user = token.subject.find()?;
    if user.is_none() && token.provision && first_sight != FirstSight::OnlyLook {
        directory::provision(&Newcomer {
            issuer: token.issuer(),
            subject: token.named.subject.as_deref().unwrap_or_default(),
            subject_is: token.subject_is,
            verified_email: token.verified_email.as_deref(),
            link: token.link_verified_email,
        })?;
        user = token.subject.find()?;
    }
    let user = user.ok_or_else(|| refused("unknown_user"))?;
    // A token of ours is as old as its session, which refreshed tokens go on with.
    let since = if token.is_own { session_of(&token, &user)?.started_at } else { token.issued_at };
    if let Some(reason) = reason_against(&user, &token, since) {
        return Err(refused(reason));
    }
    if let Some(jti) = &token.named.jti
        && sessions::is_revoked(token.issuer(), jti)?
    {
        return Err(refused("revoked"));
    }
    let actor = match &token.actor {
        None => None,
        Some(actor) => {
            let actor = actor.find()?.ok_or_else(|| refused("unknown_actor"))?;
            if !actor.active || (actor.linked_elsewhere && !token.is_own) {
                return Err(refused("actor_not_active"));
            }
            // What ends the tokens of an agent ends those by which it acts for others.
            if actor.is_agent && token.issued_at < actor.tokens_valid_after {
                return Err(refused("issued_before_tokens_valid_after"));
            }
            Some(actor)
        }
    };
    let bounds = agents::bounds(&user, actor.as_ref(), &token.named)?;
    Ok(Bearer {
        user,
        actor,
        bounds,
        expires_at: token.expires_at,
        tenant_id: token.tenant_id,
        is_own: token.is_own,
        issued_at: Some(token.issued_at),
        key: None,
        limits: Rc::clone(&token.limits),
        named: Rc::clone(&token.named),
    })
}

/// Why a user that the token names is refused, if it is.
fn reason_against(user: &User, token: &Verified, since: i64) -> Option<&'static str> {
    let is_kept = user.kept_session.is_some() && user.kept_session == token.named.session_id;
    // This database speaks for all of its users: it has a session of each token, that somebody else's word has begun.
    if user.linked_elsewhere && !token.is_own {
        Some("user_of_another_issuer")
    } else if !user.active {
        Some("user_not_active")
    } else if since < user.tokens_valid_after && !is_kept {
        Some("issued_before_tokens_valid_after")
    } else {
        None
    }
}

/// The session that a token of our own belongs to, which is this user's and goes on.
fn session_of(token: &Verified, user: &User) -> Result<Session, Failure> {
    let refused = |reason| token.named.refused(reason);
    let id = token.named.session_id.as_ref().and_then(SessionId::to_uuid).ok_or_else(|| refused("no_session"))?;
    if token.limits.states_nothing() {
        return Err(refused("no_scope"));
    }
    let session = sessions::find(id, &token.session)?.ok_or_else(|| refused("unknown_session"))?;
    if session.user_id != user.id {
        return Err(refused("session_of_another_user"));
    }
    if clock::now() >= session.over_at {
        return Err(refused("session_over"));
    }
    Ok(session)
}

/// Verifies a token anew; nothing is looked up but its issuer, and whether it was revoked.
pub fn claims(token: &str) -> Result<Claims, Failure> {
    let (_, claims) = verify(token)?;
    if let Some(jti) = claims.jti()
        && sessions::is_revoked(claims.issuer(), jti)?
    {
        return Err(Rc::new(named(&claims)).refused("revoked"));
    }
    Ok(claims)
}

/// Verifies a token, from the cache where it can, against the issuer as it is now.
#[inline(always)]
fn verified(token: &str) -> Result<Rc<Verified>, Failure> {
    let key = cache_key(token);
    if let Some(cached) = lookup(&key) {
        let issuer = issuers::find_again(&cached.under)?;
        if issuer.is_some_and(|issuer| issuer.generation == cached.under.generation) {
            if clock::now() >= cached.expires_at {
                return Err(cached.named.refused("expired"));
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

fn verify(token: &str) -> Result<(Rc<Issuer>, Claims), Failure> {
    let unverified = jwt::parse(token).map_err(|refusal| Rc::<Named>::default().refused(refusal.code()))?;
    let named =
        |reason| Rc::new(Named { issuer: unverified.issuer().map(Rc::from), ..Named::default() }).refused(reason);
    // A control character is in no issuer's name, and a NUL is none that Postgres could compare.
    let name = unverified.issuer().filter(|name| !name.contains(char::is_control));
    let name = name.ok_or_else(|| named("no_issuer"))?;
    let issuer = issuers::find(name)?.ok_or_else(|| named("unknown_issuer"))?;
    let now = clock::to_unix_seconds(clock::now());
    let claims = jwt::verify(&unverified, &issuer.keys, &issuer.rules, now).map_err(|refusal| named(refusal.code()))?;
    Ok((issuer, claims))
}

fn named(claims: &Claims) -> Named {
    Named {
        issuer: Some(claims.issuer().into()),
        subject: Some(claims.subject().into()),
        session_id: claims.session_id().map(SessionId::from),
        jti: claims.jti().map(Rc::from),
    }
}

impl Verified {
    fn new(issuer: &Rc<Issuer>, claims: &Claims) -> Self {
        let subject = |name: &str| Subject::new(claims.issuer(), name, issuer.subject_is, issuer.is_own);
        Self {
            named: Rc::new(named(claims)),
            subject: subject(claims.subject()),
            actor: claims.actor().map(subject),
            session: RefCell::default(),
            subject_is: issuer.subject_is,
            provision: issuer.provision,
            link_verified_email: issuer.link_verified_email,
            is_own: issuer.is_own,
            under: Rc::clone(issuer),
            expires_at: clock::from_unix_seconds(claims.expires_at() + issuer.rules.leeway_seconds),
            issued_at: clock::from_unix_seconds(claims.issued_at()),
            tenant_id: claims.tenant_id().and_then(TenantId::parse),
            address: issuer.address_claim.as_deref().and_then(|claim| claims.get(claim)).map(address),
            verified_email: if issuer.provision { claims.verified_email().map(str::to_owned) } else { None },
            limits: Rc::new(limits(issuer, claims)),
        }
    }

    fn issuer(&self) -> &str {
        self.named.issuer.as_deref().unwrap_or_default()
    }
}

/// An address and nothing beside it: what else an issuer might mean is nothing to guess.
fn address(claim: &Value) -> Address {
    let text = claim.as_str().filter(|text| !text.contains('/'));
    text.and_then(Network::parse).map_or(Address::Malformed, Address::Of)
}

/// A token that states no scopes narrows nothing; the client that it was issued to (claim `client_id`, RFC 9068
/// section 2.2, or `azp`, OpenID Connect Core section 2) may, where it is registered.
fn limits(issuer: &Issuer, claims: &Claims) -> Limits {
    let states = claims.get("scope").or_else(|| claims.get("scp")).is_some();
    let clients = ["client_id", "azp"].into_iter().filter_map(|name| claims.get(name)?.as_str());
    let mut clients: Vec<String> = clients.map(str::to_owned).collect();
    clients.dedup();
    Limits::of_token(states.then_some(claims.scopes()), issuer.is_own, clients)
}

// The cache. Its key is the whole token, so a prefix or a changed signature is another token.

type CacheKey = [u8; 32];

/// Tokens kept by one backend; the oldest makes room.
const CACHE_SIZE: usize = 512;

/// A key is a hash already, and only those of verified tokens are kept: its first bytes will do.
#[derive(Default)]
struct HashOfKey(u64);

impl Hasher for HashOfKey {
    fn write(&mut self, key: &[u8]) {
        self.0 = key.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first));
    }

    /// Of every key the same.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Default)]
struct Cache {
    tokens: HashMap<CacheKey, Rc<Verified>, BuildHasherDefault<HashOfKey>>,
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
