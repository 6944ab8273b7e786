//! Which rows of others a user may reach, and how far: reading `warden.shares`.
//!
//! A share counts while it is accepted, unexpired and not revoked, and while the share counts under which it was given:
//! who may share a row only by a share of his own takes everything he gave along when he loses it. That is looked at
//! here, when the share is used, so that no transaction has to wait for another to take it away.

use crate::access_level::Level;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup, Row, uuid_datum};
use crate::uuids::from_pgrx;
use crate::{catalog, clock};
use pgrx::IntoDatum;
use pgrx::pg_sys::{Datum, Oid};
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::thread::LocalKey;
use uuid::Uuid;

/// How long a chain of shares may be, each given under the one before.
const LONGEST_CHAIN: u32 = 16;

const COLUMNS: &[&std::ffi::CStr] = &[c"id", c"row_id", c"level", c"status", c"expires_at", c"under"];

thread_local! {
    static OF_GRANTEE: Lookup = const { Lookup::new(
        c"shares", &[Key::text(c"grantee"), Key::relation(c"relation"), Key::text(c"row_id")], COLUMNS,
    ) };
    static BY_ID: Lookup = const { Lookup::new(c"shares", &[Key::uuid(c"id")], COLUMNS) };
    static OF_ROW: Lookup =
        const { Lookup::new(c"shares", &[Key::relation(c"relation"), Key::text(c"row_id")], &[c"id"]) };
    static REVOKED: Lookup = const { Lookup::new(c"revoked_shares", &[Key::uuid(c"share_id")], &[c"share_id"]) };
    /// Whether there is a row in `warden.revoked_shares`, as of a state of the catalog: its trigger changes that.
    static ANY_REVOKED: Cell<(u64, bool)> = const { Cell::new((0, true)) };
}

/// Whom an identity is when rows are shared: itself, its tenant and its roles, and everybody that is signed in.
///
/// A visitor is signed in only by a token that was given to anybody.
pub fn grantees(identity: &Identity) -> Vec<String> {
    let mut all = vec![format!("user:{}", identity.user_id)];
    all.extend(identity.tenant_id.map(|tenant| format!("tenant:{tenant}")));
    all.extend(identity.roles.iter().map(|role| format!("role:{role}")));
    if !identity.roles.iter().all(|role| role == "anonymous") {
        all.push("everyone".to_owned());
    }
    all
}

/// The highest level at which a row is shared with one of the grantees; one that is enough ends the search.
pub fn level_of(grantees: &[String], relation: Oid, row_id: &str, enough: Level) -> Result<Option<Level>> {
    let mut highest = None;
    Reader::with(|reader| {
        for grantee in grantees {
            let key = [text(grantee), relation.into_datum(), text(row_id)];
            OF_GRANTEE.with(|shares| {
                shares.each(reader.latest, &key, |row| {
                    if reader.is_of_the_row_seen(row, row_id)? {
                        highest = highest.max(reader.counts(&Share::read(row)?)?);
                    }
                    Ok(if highest >= Some(enough) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
            })?;
            if highest >= Some(enough) {
                break;
            }
        }
        Ok(highest)
    })
}

/// Everything in a table that is shared with the grantees; `None` where that is more than `most` shares.
pub fn all(grantees: &[String], relation: Oid, most: usize) -> Result<Option<HashMap<Box<str>, Level>>> {
    let mut found = HashMap::new();
    let mut left = most;
    let complete = Reader::with(|reader| {
        for grantee in grantees {
            let more = each_of(reader.latest, grantee, relation, |row| {
                let Some(rest) = left.checked_sub(1) else { return Ok(ControlFlow::Break(())) };
                left = rest;
                let (share, row_id) = (Share::read(row)?, row.text(1)?.ok_or_else(unreadable)?);
                if let Some(level) = reader.counts(&share)?
                    && reader.is_of_the_row_seen(row, row_id)?
                {
                    match found.get_mut(row_id) {
                        Some(known) => *known = level.max(*known),
                        None => {
                            found.insert(Box::from(row_id), level);
                        }
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            if more {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    Ok(complete.then_some(found))
}

/// About how many rows of a table are shared with the grantees, up to `most`.
pub fn about(grantees: &[String], relation: Oid, most: usize) -> Result<usize> {
    let mut count = 0;
    Latest::with(|latest| {
        for grantee in grantees {
            each_of(latest, grantee, relation, |_| {
                count += 1;
                Ok(if count < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
        }
        Ok(count)
    })
}

/// The share that entitles a user to share a row himself: one with him by name, at that level, that counts.
pub fn entitling(user_id: UserId, relation: Oid, row_id: &str) -> Result<Option<Uuid>> {
    let grantee = format!("user:{user_id}");
    let mut entitling: Option<(Worth, Uuid)> = None;
    Reader::with(|reader| {
        let key = [text(&grantee), relation.into_datum(), text(row_id)];
        OF_GRANTEE.with(|shares| {
            shares.each(reader.latest, &key, |row| {
                let share = Share::read(row)?;
                if reader.counts(&share)? == Some(Level::Share)
                    && let Some(worth) = reader.worth(&share)?
                    && entitling.as_ref().is_none_or(|(best, _)| worth > *best)
                {
                    entitling = Some((worth, share.id));
                }
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(entitling.map(|(_, id)| id))
    })
}

/// Whether a share counts now, and at which level.
pub fn counts(id: Uuid) -> Result<Option<Level>> {
    Reader::with(|reader| match share(reader.latest, id)? {
        Some(share) => reader.counts(&share),
        None => Ok(None),
    })
}

/// The shares of one row, whoever they are with, also those that the transaction is too old to see.
pub fn of_row(relation: Oid, row_id: &str) -> Result<Vec<pgrx::Uuid>> {
    ids_by(&OF_ROW, &[relation.into_datum(), text(row_id)])
}

/// Likewise the shares of a table.
pub fn of_table(relation: Oid) -> Result<Vec<pgrx::Uuid>> {
    ids_by(&OF_ROW, &[relation.into_datum()])
}

/// Likewise what is shared with one grantee.
pub fn of_grantee(grantee: &str) -> Result<Vec<pgrx::Uuid>> {
    ids_by(&OF_GRANTEE, &[text(grantee)])
}

fn ids_by(lookup: &'static LocalKey<Lookup>, key: &[Option<Datum>]) -> Result<Vec<pgrx::Uuid>> {
    let mut ids = Vec::new();
    Latest::with(|latest| {
        lookup.with(|shares| {
            shares.each_below(latest, key, |row| {
                ids.extend(row.get::<pgrx::Uuid>(0)?);
                Ok(ControlFlow::Continue(()))
            })
        })
    })?;
    Ok(ids)
}

struct Share {
    id: Uuid,
    level: Level,
    accepted: bool,
    expires_at: Option<i64>,
    /// The share that its giver had.
    under: Option<Uuid>,
}

impl Share {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.uuid(0)?,
            level: row.text(2)?.and_then(|level| level.parse().ok()).ok_or_else(unreadable)?,
            accepted: row.text(3)? == Some("accepted"),
            expires_at: row.time(4)?,
            under: row.get::<pgrx::Uuid>(5)?.map(from_pgrx),
        })
    }
}

/// What it takes to say whether a share counts.
struct Reader<'a> {
    latest: &'a Latest,
    now: i64,
    any_revoked: bool,
    /// Shares that others were given under, and whether they let their holders share.
    above: HashMap<Uuid, bool>,
    /// Whether the chain in question was longer than one may be.
    cut_off: bool,
}

/// When a share ends with all above it, and how many these are.
type Worth = (i64, Reverse<u32>);

impl Reader<'_> {
    fn with<R>(read: impl FnOnce(&mut Reader<'_>) -> Result<R>) -> Result<R> {
        let any_revoked = any_revoked()?;
        Latest::with(|latest| {
            read(&mut Reader { latest, now: clock::now(), any_revoked, above: HashMap::new(), cut_off: false })
        })
    }

    fn counts(&mut self, share: &Share) -> Result<Option<Level>> {
        self.cut_off = false;
        Ok(self.stands(share, LONGEST_CHAIN)?.then_some(share.level))
    }

    fn stands(&mut self, share: &Share, left: u32) -> Result<bool> {
        if !share.accepted || share.expires_at.is_some_and(|end| end <= self.now) || self.is_revoked(share.id)? {
            return Ok(false);
        }
        let Some(under) = share.under else { return Ok(true) };
        if let Some(known) = self.above.get(&under) {
            return Ok(*known);
        }
        let Some(left) = left.checked_sub(1) else {
            self.cut_off = true;
            return Ok(false);
        };
        let stands = match self::share(self.latest, under)? {
            Some(above) => above.level == Level::Share && self.stands(&above, left)?,
            None => false,
        };
        // Where the chain was too long nothing is known of the shares in it by themselves.
        if !self.cut_off {
            self.above.insert(under, stands);
        }
        Ok(stands)
    }

    /// How long a share carries what is given under it; `None` where nothing can be given under it any more.
    ///
    /// By the end of the whole chain, and of several by the shortest: a share never comes to stand under itself.
    fn worth(&self, share: &Share) -> Result<Option<Worth>> {
        let (mut end, mut above, mut length) = (share.expires_at.unwrap_or(i64::MAX), share.under, 0);
        while let Some(id) = above {
            let Some(share) = self::share(self.latest, id)? else { return Ok(None) };
            length += 1;
            if length >= LONGEST_CHAIN {
                return Ok(None);
            }
            end = end.min(share.expires_at.unwrap_or(i64::MAX));
            above = share.under;
        }
        Ok(Some((end, Reverse(length))))
    }

    /// Whether a share is of the row that the statement sees under this key.
    ///
    /// An old snapshot still has a row that is gone: what was shared since is of another one, of whoever has used the key
    /// again. A share that was there, and was only changed since, counts as it is now.
    fn is_of_the_row_seen(&self, row: &Row<'_>, row_id: &str) -> Result<bool> {
        let Some(before) = self.latest.before(row) else { return Ok(true) };
        let then = |row: &Row<'_>| Ok(row.text(1)? == Some(row_id));
        Ok(BY_ID.with(|shares| shares.first(&before, &[uuid_datum(&row.uuid(0)?)], then))? == Some(true))
    }

    fn is_revoked(&self, id: Uuid) -> Result<bool> {
        if !self.any_revoked {
            return Ok(false);
        }
        let found = REVOKED.with(|revoked| revoked.first(self.latest, &[uuid_datum(&id)], |_| Ok(())))?;
        Ok(found.is_some())
    }
}

fn share(latest: &Latest, id: Uuid) -> Result<Option<Share>> {
    BY_ID.with(|shares| shares.first(latest, &[uuid_datum(&id)], Share::read))
}

/// Hands each share of a grantee in a table to `visit`; whether that broke off.
fn each_of(
    latest: &Latest,
    grantee: &str,
    relation: Oid,
    mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<bool> {
    let mut broke_off = false;
    OF_GRANTEE.with(|shares| {
        shares.each_below(latest, &[text(grantee), relation.into_datum()], |row| {
            let visited = visit(row)?;
            broke_off = visited.is_break();
            Ok(visited)
        })
    })?;
    Ok(broke_off)
}

/// Nearly always there is none, and nothing to look up.
fn any_revoked() -> Result<bool> {
    let catalog = catalog::state();
    let (as_of, any) = ANY_REVOKED.get();
    if as_of == catalog {
        return Ok(any);
    }
    let any = !Latest::with(|latest| REVOKED.with(|revoked| revoked.is_empty(latest)))?;
    if catalog::may_keep(catalog) {
        ANY_REVOKED.set((catalog, any));
    }
    Ok(any)
}

fn text(value: &str) -> Option<Datum> {
    value.into_datum()
}

fn unreadable() -> Error {
    Error::internal("a share cannot be read")
}
