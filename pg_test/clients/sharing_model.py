"""Who reaches which row, computed without the database: from what the design and the comments on the functions say.

Knows users, rows and shares, and nothing of SQL. Where an operation is refused, it says by which SQLSTATEs it may be.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

LEVELS = ("view", "use", "edit", "manage", "share", "owner")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
GRANTABLE = LEVELS[:-1]
# Roles that only read; who has none but these, or none at all, writes nothing.
READERS = {"anonymous", "viewer", "auditor"}
ROLES = READERS | {"user", "support", "admin", "owner"}

NOT_FOUND, FORBIDDEN, INVALID, WRONG_STATE = "P0002", "42501", "22023", "55000"


@dataclass
class User:
    id: UUID
    roles: set[str] = field(default_factory=lambda: {"user"})
    status: str = "active"
    tenants: dict[UUID, set[str]] = field(default_factory=dict)
    # Of an agent.
    owner: UUID | None = None
    agent_status: str = "active"


@dataclass(frozen=True)
class Principal:
    """A user in one of its tenants, or in none; no user: nobody."""

    user: UUID | None
    tenant: UUID | None = None


ADMINISTRATOR = Principal(None)


@dataclass
class Row:
    owner: UUID
    tenant: UUID | None = None
    public: bool = False
    # The row of another table that this one refers to.
    agent: str | None = None


@dataclass
class Share:
    id: UUID
    row: tuple[str, str]
    grantee: str
    level: str
    status: str
    expires: datetime | None
    under: UUID | None
    giver: UUID | None


class Model:
    def __init__(self, now: datetime):
        self.now = now
        self.users: dict[UUID, User] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        # In the order in which they were given.
        self.shares: dict[UUID, Share] = {}
        self.tenant_tables: set[str] = set()

    # Who somebody is.

    def roles(self, who: Principal) -> set[str]:
        user = self.users[who.user]
        roles = user.roles | user.tenants.get(who.tenant, set())
        # An agent has none that its owner lacks.
        return roles if user.owner is None else roles & self.roles(Principal(user.owner, who.tenant))

    def may_act(self, user_id: UUID) -> bool:
        user = self.users[user_id]
        if user.owner is not None and (user.agent_status != "active" or not self.may_act(user.owner)):
            return False
        return user.status == "active"

    def tenants(self, user_id: UUID) -> set[UUID]:
        """In which a user may act: an agent where its owner may, too."""
        user = self.users[user_id]
        return set(user.tenants) if user.owner is None else user.tenants.keys() & self.users[user.owner].tenants.keys()

    def grantees(self, who: Principal) -> set[str]:
        if who.user is None:
            return set()
        roles = self.roles(who)
        names = {f"user:{who.user}"} | {f"role:{role}" for role in roles}
        if who.tenant in self.tenants(who.user):
            names.add(f"tenant:{who.tenant}")
        return names | ({"everyone"} if roles - {"anonymous"} else set())

    def may_write(self, who: Principal) -> bool:
        if who.user is None:
            return False
        owner, roles = self.users[who.user].owner, self.roles(who)
        if owner is not None and not self.may_write(Principal(owner, who.tenant)):
            return False
        # An agent without roles writes where its owner does.
        return bool(roles - READERS) or (owner is not None and not roles)

    # What counts.

    def counts(self, share: Share) -> bool:
        if share.status != "accepted" or (share.expires and share.expires <= self.now):
            return False
        if share.under is None:
            return True
        above = self.shares.get(share.under)
        return above is not None and above.level == "share" and self.counts(above)

    def of_row(self, row) -> list[Share]:
        return [share for share in self.shares.values() if share.row == row]

    def chain(self, share: Share) -> list[Share]:
        chain = [share]
        while chain[-1].under is not None:
            chain.append(self.shares[chain[-1].under])
        return chain

    def entitling(self, who: Principal, row) -> set[UUID]:
        """The shares by which somebody shares on: those that count longest, and of these the ones given most directly."""
        mine = [
            share for share in self.of_row(row)
            if share.grantee == f"user:{who.user}" and share.level == "share" and self.counts(share)
        ]

        def worth(share):
            chain = self.chain(share)
            return min((one.expires.timestamp() for one in chain if one.expires), default=float("inf")), -len(chain)

        return {share.id for share in mine if worth(share) == max(map(worth, mine))}

    # Who reaches what.

    def shared_level(self, who: Principal, row) -> str | None:
        names = self.grantees(who)
        levels = [share.level for share in self.of_row(row) if share.grantee in names and self.counts(share)]
        return max(levels, key=RANK.get, default=None)

    def access(self, who: Principal, row) -> str | None:
        """owner, a level, or None for a row that is not seen."""
        if row not in self.rows:
            return None
        found = self.rows[row]
        if row[0] in self.tenant_tables and (who.tenant is None or found.tenant != who.tenant):
            return None
        if who.user is not None and found.owner == who.user:
            return "owner"
        return self.shared_level(who, row) or ("view" if found.public else None)

    def holds(self, who: Principal, row, level: str) -> bool:
        """Whether the row is one's own or shared at the level; that everybody may see it is not enough."""
        access = self.access(who, row)
        if access is None or RANK[access] < RANK[level]:
            return False
        return access == "owner" or self.shared_level(who, row) is not None

    def can(self, who: Principal, row, level: str) -> bool:
        access = self.access(who, row)
        if access is None or RANK[access] < RANK[level]:
            return False
        return level in ("view", "use") or self.may_write(who)

    def who_can(self, who: Principal, row, level: str):
        """Rows of who_can(), or the SQLSTATE."""
        refusal = self.refusal_below_share(who, row)
        if refusal:
            return refusal
        reached = {(f"user:{owner}", "owner", None) for owner in [self.rows[row].owner] if self.may_act(owner)}
        return reached | {
            (share.grantee, share.level, str(share.id)) for share in self.of_row(row)
            if self.counts(share) and RANK[share.level] >= RANK[level] and self.may_reach(who, share.grantee, row)
        }

    def may_reach(self, who: Principal, grantee: str, row) -> bool:
        """Whether a grantee can sign in, and in the tenant in which that is asked."""
        if not grantee.startswith("user:"):
            return True
        user = UUID(grantee[5:])
        within = who is ADMINISTRATOR or row[0] not in self.tenant_tables or self.rows[row].tenant in self.tenants(user)
        return within and self.may_act(user)

    def is_within_tenant(self, grantee: str, row) -> bool:
        if row[0] not in self.tenant_tables or not grantee.startswith("user:"):
            return True
        return self.rows[row].tenant in self.users[UUID(grantee[5:])].tenants

    def shared_with(self, who: Principal):
        """Rows of shared_with_me(): what is accepted and counts, and what is offered; and whether that opens the row here."""
        names, listed = self.grantees(who), set()
        for share in self.shares.values():
            pending = share.status == "pending" and not (share.expires and share.expires <= self.now)
            within = share.row[0] not in self.tenant_tables or (who.tenant is not None and self.rows[share.row].tenant == who.tenant)
            if share.grantee in names and (pending or self.counts(share)) and (within or share.grantee.startswith("user:")):
                listed.add((*share.row, share.level, share.status, not pending and within, share.id, share.grantee))
        return listed

    def require_access(self, who: Principal, row, level: str):
        """True, or the SQLSTATE."""
        if self.can(who, row, level):
            return True
        return NOT_FOUND if self.access(who, row) is None else FORBIDDEN

    def refusal_below_share(self, who: Principal, row) -> str | None:
        access = self.access_of_giver(who, row)
        if access is None:
            return NOT_FOUND
        return None if access in ("administrator", "owner", "share") else FORBIDDEN

    def access_of_giver(self, who: Principal, row) -> str | None:
        if who is ADMINISTRATOR:
            return "administrator" if row in self.rows else None
        return self.access(who, row)

    # Operations: the SQLSTATEs by which each may be refused, and what it changes where it is not.

    def grantee_refusals(self, who: Principal, row, grantee: str) -> set[str]:
        kind, _, name = grantee.partition(":")
        if kind == "user":
            user = self.users.get(UUID(name))
            if user is None:
                return {NOT_FOUND}
            outside = row[0] in self.tenant_tables and who.tenant is not None and who.tenant not in user.tenants
            return {NOT_FOUND} if outside else set()
        if kind == "tenant":
            known = any(UUID(name) in user.tenants for user in self.users.values())
            ok = known if who is ADMINISTRATOR else UUID(name) == who.tenant
            return set() if ok else {NOT_FOUND}
        if kind == "role":
            return set() if name in ROLES else {INVALID}
        return set() if grantee == "everyone" else {INVALID}

    def share_refusals(self, who: Principal, row, grantee: str, level: str, expires, offer: bool) -> set[str]:
        refusals = {self.refusal_below_share(who, row)} - {None}
        if who is not ADMINISTRATOR and not self.may_write(who):
            refusals.add(FORBIDDEN)
        refusals |= self.grantee_refusals(who, row, grantee)
        if level not in GRANTABLE or (expires and expires <= self.now):
            refusals.add(INVALID)
        if grantee == f"user:{who.user}" or (row in self.rows and grantee == f"user:{self.rows[row].owner}"):
            refusals.add(INVALID)
        if not grantee.startswith("user:") and (level == "share" or offer):
            refusals.add(INVALID)
        return refusals

    def same_side(self, row, grantee: str, under: UUID | None, giver: UUID | None) -> list[Share]:
        """What the owner's side has given before, or this holder of the level share."""
        return [
            share for share in self.of_row(row) if share.grantee == grantee
            and (share.under is None if under is None else share.under is not None and share.giver == giver)
        ]

    def share(self, who: Principal, row, grantee, level, expires, offer, under) -> UUID | None:
        """Changes what is known; returns the id that the share had before, if it was there."""
        earlier, *others = self.same_side(row, grantee, under, who.user) or [None]
        for other in others:
            self.remove(other.id)
        if earlier is None:
            return None
        # What was given by a share that has ended does not come back with it.
        if level != "share" or earlier.level != "share" or not self.counts(earlier):
            for below in [share.id for share in self.shares.values() if share.under == earlier.id]:
                self.remove(below)
        earlier.level, earlier.expires, earlier.under, earlier.giver = level, expires, under, who.user
        if earlier.status != "accepted":
            earlier.status = "pending" if offer else "accepted"
        return earlier.id

    def remove(self, share_id: UUID) -> int:
        """With everything that was given under it; how many that were."""
        if self.shares.pop(share_id, None) is None:
            return 0
        return 1 + sum(self.remove(share.id) for share in list(self.shares.values()) if share.under == share_id)

    def unshare(self, who: Principal, row, grantee: str):
        """How many shares that takes away, or the SQLSTATE."""
        given = [share for share in self.of_row(row) if share.grantee == grantee]
        if who is not ADMINISTRATOR and grantee == f"user:{who.user}":
            if not given:
                return NOT_FOUND
        elif refusal := self.refusal_below_share(who, row):
            return refusal
        elif who is not ADMINISTRATOR and not self.may_write(who):
            # Who only reads may leave, and takes nothing from others.
            return FORBIDDEN
        elif self.access_of_giver(who, row) == "share":
            mine = [share for share in given if share.under is not None and share.giver == who.user]
            if given and not mine:
                return FORBIDDEN
            given = mine
        return sum(self.remove(share.id) for share in given)

    def answer(self, who: Principal, share_id: UUID, answer: str) -> str | None:
        """The SQLSTATE of a refusal."""
        share = self.shares.get(share_id)
        if share is None or share.grantee != f"user:{who.user}" or (share.expires and share.expires <= self.now):
            return NOT_FOUND
        if share.status != "pending":
            return WRONG_STATE
        share.status = answer
        return None

    def transfer_refusals(self, who: Principal, row, to: UUID) -> set[str]:
        access = self.access_of_giver(who, row)
        if access is None:
            return {NOT_FOUND}
        refusals = set() if access in ("owner", "administrator") else {FORBIDDEN}
        if who is not ADMINISTRATOR and not self.may_write(who):
            refusals.add(FORBIDDEN)
        refusals |= self.grantee_refusals(who, row, f"user:{to}")
        if to in self.users and self.users[to].status != "active":
            refusals.add(NOT_FOUND)
        return refusals

    def transfer(self, row, to: UUID) -> None:
        """What the new owner gave, and counts, is an owner's now; what it was given it needs no more."""
        self.rows[row].owner = to
        theirs = [share for share in self.of_row(row) if share.grantee == f"user:{to}"]
        carrying = {share.id for share in theirs if share.level == "share" and self.counts(share)}
        for share in self.shares.values():
            if share.under in carrying:
                share.under = None
        for share in theirs:
            self.remove(share.id)

    def delete(self, row) -> None:
        del self.rows[row]
        for share in self.of_row(row):
            self.remove(share.id)
        if row[0] == "agents":
            for below in [other for other, found in self.rows.items() if found.agent == row[1]]:
                self.delete(below)
