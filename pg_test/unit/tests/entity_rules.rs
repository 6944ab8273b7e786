//! R8: which rule decides about an entity, and what is said where none does.
#![allow(clippy::unwrap_used)]

use pg_warden_unit::entity_rules::{Access, Decision, Entities, Holder, Subject, decide};
use pg_warden_unit::ids::UserId;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    User(u8),
    Role(&'static str),
}

#[derive(Debug, Default, Clone)]
struct Node {
    default_included: bool,
    rules: Vec<(About, Access)>,
    parents: Vec<u8>,
}

#[derive(Debug, Default, Clone)]
struct Written(BTreeMap<u8, Node>);

fn user(number: u8) -> UserId {
    Uuid::from_u128(u128::from(number) + 1).into()
}

/// Names a rule by where it stands, so that a test can tell which has decided.
fn rule(entity: u8, position: usize) -> Uuid {
    Uuid::from_u128((u128::from(entity) << 64) + position as u128 + 1)
}

impl Entities for Written {
    type Key = u8;
    type Error = Infallible;

    fn default_included(&self, entity: &u8) -> Result<Option<bool>, Infallible> {
        Ok(self.0.get(entity).map(|node| node.default_included))
    }

    fn rules(&self, entity: &u8, met: &mut dyn FnMut(Holder<'_>, Access, Uuid)) -> Result<(), Infallible> {
        for (position, (about, access)) in self.0.get(entity).into_iter().flat_map(|node| &node.rules).enumerate() {
            let holder = match about {
                About::User(number) => Holder::User(user(*number)),
                About::Role(role) => Holder::Role(role),
            };
            met(holder, *access, rule(*entity, position));
        }
        Ok(())
    }

    fn parents(&self, entity: &u8) -> Result<Vec<u8>, Infallible> {
        Ok(self.0.get(entity).map(|node| node.parents.clone()).unwrap_or_default())
    }
}

fn decided(written: &Written, entity: u8, asks: u8, roles: &[&str]) -> Decision {
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    let Ok(decision) = decide(written, &entity, &Subject { user_id: user(asks), roles: &roles });
    decision
}

const ALICE: u8 = 0;
const BOB: u8 = 1;
use About::{Role, User};
use Access::{Allow, Deny};

fn one(default_included: bool, rules: &[(About, Access)]) -> Written {
    Written([(1, Node { default_included, rules: rules.to_vec(), parents: vec![] })].into())
}

fn reason(written: &Written, entity: u8) -> &'static str {
    decided(written, entity, ALICE, &["editor", "user"]).reason.as_str()
}

#[test]
fn what_is_about_the_user_decides_before_what_is_about_a_role() {
    assert_eq!(reason(&one(false, &[(User(ALICE), Allow), (Role("user"), Deny)]), 1), "user_allow");
    assert_eq!(reason(&one(true, &[(Role("user"), Allow), (User(ALICE), Deny)]), 1), "user_deny");
}

#[test]
fn within_a_band_a_deny_beats_every_allow() {
    for rules in [[(Role("user"), Allow), (Role("editor"), Deny)], [(Role("editor"), Deny), (Role("user"), Allow)]] {
        assert_eq!(reason(&one(true, &rules), 1), "role_deny");
    }
    assert_eq!(reason(&one(false, &[(Role("editor"), Allow), (Role("admin"), Deny)]), 1), "role_allow");
}

#[test]
fn where_no_rule_decides_it_is_open_if_that_was_declared() {
    assert_eq!(reason(&one(true, &[]), 1), "default_included");
    assert_eq!(reason(&one(false, &[]), 1), "not_assigned");
    assert_eq!(reason(&one(true, &[(User(BOB), Deny), (Role("admin"), Allow)]), 1), "default_included");
    assert_eq!(reason(&one(false, &[(User(BOB), Allow)]), 1), "not_assigned");
    assert_eq!(reason(&one(true, &[]), 2), "unknown_entity");
    assert!(!decided(&one(true, &[]), 2, ALICE, &[]).reason.allows());
}

/// Entities 1, 2 and so on, each below the next.
fn chain(nodes: &[(bool, &[(About, Access)])]) -> Written {
    let mut written = Written::default();
    for (number, (default_included, rules)) in (1..).zip(nodes) {
        let parents = if usize::from(number) < nodes.len() { vec![number + 1] } else { vec![] };
        written.0.insert(number, Node { default_included: *default_included, rules: rules.to_vec(), parents });
    }
    written
}

#[test]
fn parents_are_asked_by_an_entity_without_rules_nearest_first() {
    let allowed = [(Role("user"), Allow)];
    let denied = [(User(ALICE), Deny)];
    assert_eq!(reason(&chain(&[(false, &[]), (false, &allowed), (true, &denied)]), 1), "parent_role_allow");
    assert_eq!(reason(&chain(&[(true, &[]), (true, &[]), (true, &denied)]), 1), "parent_user_deny");
    // One that has rules of its own speaks for itself, also to somebody whom it does not name.
    assert_eq!(reason(&chain(&[(false, &[(User(BOB), Allow)]), (false, &allowed)]), 1), "not_assigned");
    assert_eq!(reason(&chain(&[(false, &[]), (false, &[(User(BOB), Allow)]), (false, &allowed)]), 1), "not_assigned");
    // What is declared of a parent is not declared of the entity.
    assert_eq!(reason(&chain(&[(false, &[]), (true, &[])]), 1), "not_assigned");
}

#[test]
fn of_equally_near_parents_one_that_denies_is_enough() {
    let mut written = Written::default();
    written.0.insert(1, Node { parents: vec![2, 3], ..Node::default() });
    written.0.insert(2, Node { rules: vec![(Role("user"), Allow)], ..Node::default() });
    written.0.insert(3, Node { rules: vec![(Role("editor"), Deny)], ..Node::default() });
    let decision = decided(&written, 1, ALICE, &["user", "editor"]);
    assert_eq!((decision.reason.as_str(), decision.rule), ("parent_role_deny", Some(rule(3, 0))));
    assert_eq!(decided(&written, 1, ALICE, &["user"]).rule, Some(rule(2, 0)));
}

#[test]
fn a_circle_ends() {
    let mut written = Written::default();
    written.0.insert(1, Node { parents: vec![2], default_included: true, ..Node::default() });
    written.0.insert(2, Node { parents: vec![1, 2], ..Node::default() });
    assert_eq!(reason(&written, 1), "default_included");
}

/// The same, said another way: by a table of all rules with their distance, sorted, of which the first counts.
mod model {
    use super::{About, Access, Written};
    use std::collections::BTreeMap;

    fn distances(written: &Written, entity: u8) -> BTreeMap<u8, usize> {
        let mut distances = BTreeMap::from([(entity, 0)]);
        // As often as there are entities: no way is longer.
        for _ in 0..written.0.len() {
            let known = distances.clone();
            for (from, distance) in known {
                for parent in written.0.get(&from).map(|node| node.parents.as_slice()).unwrap_or_default() {
                    let nearer = distances.get(parent).is_none_or(|other| *other > distance + 1);
                    if nearer {
                        distances.insert(*parent, distance + 1);
                    }
                }
            }
        }
        distances
    }

    pub fn reason(written: &Written, entity: u8, asks: u8, roles: &[&str]) -> String {
        let Some(node) = written.0.get(&entity) else { return "unknown_entity".into() };
        let mut rows = Vec::new();
        for (at, distance) in distances(written, entity) {
            for (about, access) in written.0.get(&at).map(|node| node.rules.as_slice()).unwrap_or_default() {
                rows.push((distance, *about, *access));
            }
        }
        let nearest = rows.iter().map(|(distance, ..)| *distance).min();
        let mut meant: Vec<_> = rows
            .iter()
            .filter(|(distance, about, _)| {
                Some(*distance) == nearest
                    && match about {
                        About::User(number) => *number == asks,
                        About::Role(role) => roles.contains(role),
                    }
            })
            .map(|(distance, about, access)| {
                let band = if matches!(about, About::User(_)) { "user" } else { "role" };
                (band != "user", *access != Access::Deny, *distance, band)
            })
            .collect();
        meant.sort_unstable();
        match meant.first() {
            Some((_, allows, distance, band)) => {
                let parent = if *distance > 0 { "parent_" } else { "" };
                format!("{parent}{band}_{}", if *allows { "allow" } else { "deny" })
            }
            None if node.default_included => "default_included".into(),
            None => "not_assigned".into(),
        }
    }
}

/// xorshift64*: the same cases in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn node(&mut self) -> Node {
        const ROLES: [&str; 3] = ["user", "editor", "admin"];
        let rules = (0..self.below(4).saturating_sub(1))
            .map(|_| {
                let about = if self.below(2) == 0 { User(self.below(3) as u8) } else { Role(ROLES[self.below(3)]) };
                (about, if self.below(2) == 0 { Allow } else { Deny })
            })
            .collect();
        let parents = (0..self.below(3)).map(|_| self.below(7) as u8).collect();
        Node { default_included: self.below(2) == 0, rules, parents }
    }
}

#[test]
fn it_agrees_with_an_independent_model_on_100_000_random_cases() {
    let mut random = Random(0x5eed_0e17);
    let mut reasons = BTreeSet::new();
    for case in 0..100_000 {
        let written = Written((0..random.below(7)).map(|_| (random.below(7) as u8, random.node())).collect());
        let (entity, asks) = (random.below(7) as u8, random.below(3) as u8);
        let roles: Vec<&str> = ["user", "editor", "admin"].into_iter().filter(|_| random.below(2) == 0).collect();
        let found = decided(&written, entity, asks, &roles);
        let expected = model::reason(&written, entity, asks, &roles);
        assert_eq!(found.reason.as_str(), expected, "case {case}: {entity} {asks} {roles:?} {written:?}");
        assert_eq!(found.reason.allows(), expected.ends_with("_allow") || expected == "default_included");
        assert_eq!(found.reason.denies(), expected.ends_with("_deny"));
        assert_eq!(found.rule.is_some(), expected.contains("user_") || expected.contains("role_"), "case {case}");
        reasons.insert(expected);
    }
    assert_eq!(reasons.len(), 11, "every reason was met: {reasons:?}");
}
