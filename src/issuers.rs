//! Whose tokens are believed: `trust_issuer`, `set_issuer_keys`, `distrust_issuer`, and the parsed
//! keys and rules that each backend keeps of an issuer.

use crate::caller::{self, Kind};
use crate::directory::SubjectIs;
use crate::elevated::with_rights_of_extension;
use crate::error::{Error, Result, or_raise};
use crate::jwt::{Algorithm, KeySet, ParsedKeySet, Rules};
use crate::lookup::{Key, Latest, Lookup, Row};
use crate::spi::{self, Statement};
use crate::uuids::from_pgrx;
use crate::{audit, catalog, hooks, scope_checks};
use pgrx::prelude::*;
use pgrx::{IntoDatum, JsonB};
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// An issuer as a backend keeps it, valid for one generation.
pub struct Issuer {
    pub generation: Uuid,
    pub keys: Arc<KeySet>,
    pub rules: Rules,
    pub subject_is: SubjectIs,
    pub provision: bool,
    /// Whether an address that it has verified links its subject to the user that has it.
    pub link_verified_email: bool,
    /// The claim that states the network address of whoever a token was issued to.
    pub address_claim: Option<String>,
    /// Whether it is this database itself, whose tokens belong to sessions.
    pub is_own: bool,
    /// The state of the catalog before this was last compared with the table.
    as_of: Cell<u64>,
}

thread_local! {
    /// Only issuers that are trusted get in, so their number bounds it.
    static KNOWN: RefCell<HashMap<String, Rc<Issuer>>> = RefCell::new(HashMap::new());

    static GENERATION: Lookup = const { Lookup::new(c"trusted_issuers", &[Key::text(c"issuer")], &[c"generation"]) };

    static RULES: Statement = const { Statement::new(
        c"SELECT i.generation, i.audiences, i.algorithms, i.subject_claim, i.subject_is, i.required_claims, extract(epoch FROM i.leeway)::bigint, i.provision, (SELECT jsonb_build_object('keys', jsonb_agg(k.jwk ORDER BY k.position))::text FROM warden.issuer_keys k WHERE k.issuer OPERATOR(pg_catalog.=) i.issuer), EXISTS (SELECT FROM warden.own_issuer o WHERE o.issuer OPERATOR(pg_catalog.=) i.issuer), i.link_verified_email, i.address_claim FROM warden.trusted_issuers i WHERE i.issuer OPERATOR(pg_catalog.=) $1",
        &[pg_sys::TEXTOID],
    ) };
}

/// As [`find`], for an issuer that was found before.
#[inline(always)]
pub fn find_again(found: &Rc<Issuer>) -> Result<Option<Rc<Issuer>>> {
    if found.as_of.get() == catalog::state() { Ok(Some(Rc::clone(found))) } else { find(&found.rules.issuer) }
}

/// The issuer as it is now, or `None` where it is not trusted.
pub fn find(issuer: &str) -> Result<Option<Rc<Issuer>>> {
    // Before the table is read: what changes in between is found to have changed the next time.
    let as_of = catalog::state();
    let known = KNOWN.with_borrow(|known| known.get(issuer).cloned());
    if let Some(known) = &known
        && known.as_of.get() == as_of
    {
        return Ok(Some(Rc::clone(known)));
    }
    let Some(generation) = generation(issuer)? else {
        KNOWN.with_borrow_mut(|known| known.remove(issuer));
        return Ok(None);
    };
    if let Some(known) = known.filter(|known| known.generation == generation) {
        known.as_of.set(as_of);
        return Ok(Some(known));
    }
    let Some(found) = with_rights_of_extension(|| load(issuer))? else { return Ok(None) };
    let found = Rc::new(Issuer { as_of: Cell::new(as_of), ..found });
    KNOWN.with_borrow_mut(|known| known.insert(issuer.to_owned(), Rc::clone(&found)));
    Ok(Some(found))
}

fn generation(issuer: &str) -> Result<Option<Uuid>> {
    let key = [issuer.into_datum()];
    let read = |row: &Row<'_>| row.get::<pgrx::Uuid>(0);
    let found = Latest::with(|latest| GENERATION.with(|issuers| issuers.first(latest, &key, read)))?;
    Ok(found.flatten().map(from_pgrx))
}

fn load(issuer: &str) -> Result<Option<Issuer>> {
    let missing = || Error::internal("a trusted issuer lacks a column");
    RULES
        .with(|statement| {
            statement.first(&[issuer.into_datum()], |row| {
                let generation = row.get::<pgrx::Uuid>(1)?.ok_or_else(missing)?;
                let algorithms = row.get::<Vec<String>>(3)?.map(parse_algorithms).transpose()?;
                let key_set = row.get::<String>(9)?.ok_or_else(missing)?;
                // An issuer whose keys have not arrived yet, on a subscriber say, is believed nothing.
                let Ok(ParsedKeySet { keys, .. }) = parse_keys(&key_set, algorithms.as_deref()) else {
                    return Ok(None);
                };
                let required_claims = match row.get::<JsonB>(6)?.ok_or_else(missing)?.0 {
                    Value::Object(claims) => claims,
                    _ => return Err(missing()),
                };
                Ok(Some(Issuer {
                    generation: from_pgrx(generation),
                    keys: Arc::new(keys),
                    rules: Rules {
                        issuer: issuer.to_owned(),
                        audiences: row.get(2)?,
                        subject_claim: row.get(4)?.ok_or_else(missing)?,
                        required_claims,
                        leeway_seconds: row.get(7)?.ok_or_else(missing)?,
                    },
                    subject_is: row.get::<String>(5)?.as_deref().and_then(SubjectIs::parse).ok_or_else(missing)?,
                    provision: row.get(8)?.ok_or_else(missing)?,
                    is_own: row.get(10)?.ok_or_else(missing)?,
                    link_verified_email: row.get(11)?.ok_or_else(missing)?,
                    address_claim: row.get(12)?,
                    as_of: Cell::default(),
                }))
            })
        })
        .map(Option::flatten)
}

/// Believes tokens of an issuer. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
fn trust_issuer(
    issuer: Option<&str>,
    jwks: Option<&str>,
    audiences: default!(Option<Vec<Option<String>>>, "NULL"),
    algorithms: default!(Option<Vec<Option<String>>>, "NULL"),
    subject_claim: default!(Option<&str>, "'sub'"),
    subject_is: default!(Option<&str>, "'user_id'"),
    required_claims: default!(Option<JsonB>, "NULL"),
    leeway: default!(Option<Interval>, "'30 seconds'"),
    provision: default!(Option<bool>, "false"),
    link_verified_email: default!(Option<bool>, "false"),
    address_claim: default!(Option<&str>, "NULL"),
) -> i32 {
    hooks::hide_statement();
    or_raise((|| {
        require_administrator()?;
        // Whoever has the keys of an issuer signs for owners.
        scope_checks::require_owner()?;
        refuse_own(issuer.unwrap_or_default())?;
        let rules = Rules {
            issuer: issuer.unwrap_or_default().to_owned(),
            audiences: audiences.map(|list| without_nulls("audiences", list)).transpose()?,
            subject_claim: subject_claim.unwrap_or("sub").to_owned(),
            required_claims: claims_object(required_claims)?,
            leeway_seconds: leeway_seconds(leeway)?,
        };
        rules.check().map_err(|error| Error::invalid(error.to_string(), error.hint()))?;
        let subject_is = subject_is.unwrap_or("user_id");
        if SubjectIs::parse(subject_is).is_none() {
            return Err(Error::invalid(
                "subject_is names nothing that a subject can be",
                "A subject is user_id, external_id or subject.",
            ));
        }
        let (provision, link) = (provision.unwrap_or(false), link_verified_email.unwrap_or(false));
        if link && !(provision && subject_is == "subject") {
            return Err(Error::invalid(
                "link_verified_email is for an issuer that provisions its subjects",
                "Pass subject_is => 'subject' and provision => true with it.",
            ));
        }
        if address_claim == Some("") {
            return Err(Error::invalid("address_claim is empty", "Name a claim, or pass NULL."));
        }
        let algorithms = algorithms.map(|list| without_nulls("algorithms", list)).transpose()?;
        let allowed = algorithms.clone().map(parse_algorithms).transpose()?;
        let parsed = parse_keys(jwks.unwrap_or_default(), allowed.as_deref())?;
        notice_skipped(&parsed);
        write_rules(&rules, algorithms, subject_is, (provision, link), address_claim)?;
        write_keys(&rules.issuer, &parsed.keys)?;
        audit::record(
            "trust_issuer",
            Some(&rules.issuer),
            json!({ "audiences": rules.audiences, "subject_is": subject_is, "required_claims": rules.required_claims,
                    "provision": provision, "link_verified_email": link, "address_claim": address_claim, "kids": kids(&parsed.keys) }),
        )?;
        Ok(parsed.keys.keys().len() as i32)
    })())
}

/// Replaces the keys of a trusted issuer. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn set_issuer_keys(issuer: Option<&str>, jwks: Option<&str>) -> bool {
    hooks::hide_statement();
    or_raise((|| {
        if !(administers()? || caller::is(Kind::Key)?) {
            caller::require(Kind::Key)?;
        }
        scope_checks::require_owner()?;
        let issuer = issuer.unwrap_or_default();
        refuse_own(issuer)?;
        // Locked first: two jobs that push different sets must not mix them.
        let found = spi::write("SELECT FROM warden.trusted_issuers WHERE issuer = $1 FOR UPDATE", &[issuer.into()])?;
        let current = if found == 1 { load(issuer)? } else { None };
        let Some(current) = current else {
            return Err(Error::NotFound { message: "issuer is not trusted".into() });
        };
        let algorithms =
            spi::read("SELECT algorithms FROM warden.trusted_issuers WHERE issuer = $1", &[issuer.into()], |row| {
                Ok(row.get::<Vec<String>>(1)?)
            })?;
        let allowed = algorithms.into_iter().flatten().next().map(parse_algorithms).transpose()?;
        let parsed = parse_keys(jwks.unwrap_or_default(), allowed.as_deref())?;
        notice_skipped(&parsed);
        if same_keys(&current.keys, &parsed.keys) {
            return Ok(false);
        }
        write_keys(issuer, &parsed.keys)?;
        spi::write(
            "UPDATE warden.trusted_issuers SET generation = gen_random_uuid(), keys_changed_at = now() WHERE issuer = $1",
            &[issuer.into()],
        )?;
        let detail = json!({ "kids": kids(&parsed.keys), "kids_before": kids(&current.keys) });
        audit::record("set_issuer_keys", Some(issuer), detail)?;
        Ok(true)
    })())
}

/// Believes no token of the issuer from now on.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn distrust_issuer(issuer: Option<&str>) -> bool {
    or_raise((|| {
        require_administrator()?;
        // Of the database itself it ends the sessions of everybody, of owners too.
        scope_checks::require_owner()?;
        let issuer = issuer.unwrap_or_default();
        let removed =
            spi::write("DELETE FROM warden.trusted_issuers WHERE issuer = $1 RETURNING issuer", &[issuer.into()])?;
        if removed > 0 {
            // What its tokens were exchanged for is no better than they.
            spi::write("SELECT warden.end_sessions_of_token($1, NULL, 'distrusted')", &[issuer.into()])?;
            audit::record("distrust_issuer", Some(issuer), json!({}))?;
        }
        Ok(removed > 0)
    })())
}

/// Whether the client may administer: a superuser or an admin role.
pub fn administers() -> Result<bool> {
    Ok(caller::is_superuser() || caller::is(Kind::Admin)?)
}

/// Refuses everybody else.
///
/// # Errors
/// 42501.
pub fn require_administrator() -> Result<()> {
    if administers()? { Ok(()) } else { caller::require(Kind::Admin) }
}

/// The keys of the database's own issuer come from nobody: whoever could set them could sign for every user.
fn refuse_own(issuer: &str) -> Result<()> {
    let own = spi::read("SELECT FROM warden.own_issuer WHERE issuer = $1", &[issuer.into()], |_| Ok(()))?;
    if own.is_empty() {
        return Ok(());
    }
    Err(Error::wrong_state("this issuer is the database itself", "Call warden.rotate_signing_key() for a new key."))
}

fn write_rules(
    rules: &Rules,
    algorithms: Option<Vec<String>>,
    subject_is: &str,
    (provision, link_verified_email): (bool, bool),
    address_claim: Option<&str>,
) -> Result<()> {
    spi::write(
        "INSERT INTO warden.trusted_issuers AS i
             (issuer, audiences, algorithms, subject_claim, subject_is, required_claims, leeway, provision,
              link_verified_email, address_claim)
         VALUES ($1, $2, $3, $4, $5, $6, make_interval(secs => $7), $8, $9, $10)
         ON CONFLICT (issuer) DO UPDATE SET
             audiences = excluded.audiences, algorithms = excluded.algorithms,
             subject_claim = excluded.subject_claim, subject_is = excluded.subject_is,
             required_claims = excluded.required_claims, leeway = excluded.leeway,
             provision = excluded.provision, link_verified_email = excluded.link_verified_email,
             address_claim = excluded.address_claim, generation = gen_random_uuid(), keys_changed_at = now()",
        &[
            rules.issuer.as_str().into(),
            rules.audiences.clone().into(),
            algorithms.into(),
            rules.subject_claim.as_str().into(),
            subject_is.into(),
            JsonB(Value::Object(rules.required_claims.clone())).into(),
            (rules.leeway_seconds as f64).into(),
            provision.into(),
            link_verified_email.into(),
            address_claim.into(),
        ],
    )?;
    Ok(())
}

/// Replaces the keys; a key that stays keeps the moment it was added.
fn write_keys(issuer: &str, keys: &KeySet) -> Result<()> {
    let jwks: Vec<Value> = keys
        .keys()
        .iter()
        .map(|key| {
            let algorithms: Vec<String> = key.algorithms().iter().map(ToString::to_string).collect();
            json!({ "kid": key.kid(), "algorithms": algorithms, "jwk": key.jwk() })
        })
        .collect();
    spi::write(
        "WITH before AS (
             DELETE FROM warden.issuer_keys WHERE issuer = $1 RETURNING jwk, added_at)
         INSERT INTO warden.issuer_keys (issuer, position, kid, algorithms, jwk, added_at)
         SELECT $1, k.position, k.value ->> 'kid',
                array(SELECT jsonb_array_elements_text(k.value -> 'algorithms')), k.value -> 'jwk',
                coalesce((SELECT min(b.added_at) FROM before b WHERE b.jwk = k.value -> 'jwk'), now())
         FROM jsonb_array_elements($2) WITH ORDINALITY AS k (value, position)",
        &[issuer.into(), JsonB(Value::Array(jwks)).into()],
    )?;
    Ok(())
}

fn same_keys(one: &KeySet, other: &KeySet) -> bool {
    let content = |set: &KeySet| set.keys().iter().map(|key| key.jwk().clone()).collect::<Vec<_>>();
    content(one) == content(other)
}

fn kids(keys: &KeySet) -> Vec<Option<&str>> {
    keys.keys().iter().map(|key| key.kid()).collect()
}

fn parse_keys(jwks: &str, allowed: Option<&[Algorithm]>) -> Result<ParsedKeySet> {
    KeySet::parse(jwks, allowed).map_err(|error| Error::invalid(error.to_string(), error.hint()))
}

fn notice_skipped(parsed: &ParsedKeySet) {
    for skipped in &parsed.skipped {
        let kid = skipped.kid.as_deref().unwrap_or("without kid");
        notice!("key {kid:?} is not used: {}", skipped.reason);
    }
}

fn parse_algorithms(names: Vec<String>) -> Result<Vec<Algorithm>> {
    const HINT: &str = "Use HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA.";
    if names.is_empty() {
        return Err(Error::invalid("the list of algorithms is empty", HINT));
    }
    let parse = |name: &String| {
        Algorithm::from_str(name).map_err(|_| Error::invalid(format!("unknown algorithm {name:?}"), HINT))
    };
    names.iter().map(parse).collect()
}

fn without_nulls(name: &str, list: Vec<Option<String>>) -> Result<Vec<String>> {
    let whole: Option<Vec<String>> = list.into_iter().collect();
    whole.ok_or_else(|| Error::invalid(format!("{name} contains a null"), "Leave it out."))
}

fn claims_object(claims: Option<JsonB>) -> Result<Map<String, Value>> {
    match claims.map(|claims| claims.0) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(claims)) => Ok(claims),
        Some(_) => Err(Error::invalid(
            "required_claims is not an object",
            "Pass claims with the value, or the values, that each may have: {\"azp\": [\"my-app\"]}.",
        )),
    }
}

fn leeway_seconds(leeway: Option<Interval>) -> Result<i64> {
    let Some(leeway) = leeway else { return Ok(30) };
    if leeway.months() != 0 || leeway.days() != 0 || leeway.micros() % 1_000_000 != 0 {
        return Err(Error::invalid("leeway is not a whole number of seconds", "Pass 0 to 300 seconds."));
    }
    Ok(leeway.micros() / 1_000_000)
}
