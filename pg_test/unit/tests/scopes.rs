//! R2, R3, R7: which scopes a declaration covers, what is left of role, user, client and token, and what may be granted.
#![allow(clippy::unwrap_used)]

use pg_warden_unit::scopes::{Asked, Held, Known, NotAsked, Pattern, Registry, context, is_of_sign_in, of_context};
use std::collections::{BTreeMap, BTreeSet};

const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| pattern(text)).collect()
}

fn registry(scopes: &[(&str, &[&str], bool)]) -> Registry {
    let mut registry = Registry::default();
    for (scope, implies, by_name_only) in scopes {
        registry.add(pattern(scope), Known { implies: patterns(implies), by_name_only: *by_name_only });
    }
    registry
}

fn shipped() -> Registry {
    registry(&[
        ("user", &[], false),
        ("agents:read", &[], false),
        ("tools:execute", &[], false),
        ("mcp", &[], false),
        ("admin", &["*"], false),
        ("billing", &[], true),
        ("user:{{user_id}}", &[], false),
        ("tenant:{{tenant_id}}", &[], false),
    ])
}

fn names(held: BTreeSet<Held<'_>>) -> Vec<String> {
    let name = |held| match held {
        Held::One(name) => Some(name.to_owned()),
        Held::Own(template) => template.of(ALICE, None),
    };
    held.into_iter().filter_map(name).collect()
}

#[test]
fn what_is_no_scope_is_not_read() {
    let own = |text| matches!(pattern(text), Pattern::Own(_));
    assert_eq!(pattern("agents:read"), Pattern::One("agents:read".into()));
    assert_eq!(pattern("https://api.example.com/read"), Pattern::One("https://api.example.com/read".into()));
    assert_eq!(pattern("agents:*"), Pattern::Family("agents:".into()));
    assert_eq!(pattern("*"), Pattern::Every);
    assert!(own("user:{{user_id}}") && own("files:read:{{tenant_id}}"));
    let long = "x".repeat(256);
    for text in [
        "",
        " ",
        "a b",
        "agents:",
        ":read",
        "agents*",
        "ag*:read",
        "*:read",
        "agents:*:read",
        "**",
        "agents:**",
        "a,b",
        "a\"",
        "a'b",
        "a\\b",
        "ä",
        "{{user_id}}",
        "user:{{user}}",
        "user:{{user_id}}:x",
        "user:{{ user_id }}",
        "user:x{{user_id}}",
        "a\0b",
        &long,
    ] {
        assert!(text.parse::<Pattern>().is_err(), "{text:?}");
    }
}

#[test]
fn the_hierarchy_is_what_is_declared_and_nothing_else() {
    let registry = shipped();
    let covered = |held: &[&str]| names(registry.covered(&patterns(held)));
    assert_eq!(covered(&["user"]), ["user"], "user is not mcp");
    let all = ["admin", "agents:read", "mcp", "tools:execute", "user", &format!("user:{ALICE}")];
    assert_eq!(covered(&["admin"]), all, "admin is all, but not what is granted by name only");
    assert_eq!(covered(&["*"]), all, "and so is the wildcard");
    assert_eq!(covered(&["*", "billing"]).len(), all.len() + 1);
    assert_eq!(covered(&["agents:*"]), ["agents:read"]);
    assert_eq!(covered(&["agent:*"]), [""; 0], "the beginning of a name is no family");
    assert_eq!(covered(&["nonesuch"]), [""; 0], "what is unknown names nothing");
}

#[test]
fn each_source_narrows() {
    let registry = shipped();
    let effective = |granted: &[&str], limits: &[&[&str]]| {
        let granted = patterns(granted);
        let limits: Vec<Vec<Pattern>> = limits.iter().map(|limit| patterns(limit)).collect();
        names(registry.effective(&granted, limits.iter().map(Vec::as_slice)))
    };
    assert_eq!(effective(&["user", "agents:read"], &[]), ["agents:read", "user"]);
    assert_eq!(effective(&["user", "agents:read"], &[&["agents:*"]]), ["agents:read"]);
    assert_eq!(effective(&["agents:*"], &[&["*"], &["agents:read", "billing"]]), ["agents:read"]);
    assert_eq!(effective(&["user"], &[&["admin"]]), ["user"], "a token that says admin makes nobody one");
    assert_eq!(effective(&["user", "billing"], &[&["*"]]), ["user"], "by name or not at all");
    assert_eq!(effective(&["user"], &[&[]]), [""; 0]);
}

#[test]
fn an_unknown_scope_cannot_be_asked_about() {
    let registry = shipped();
    assert_eq!(registry.asked("user"), Ok(Asked::One("user".into())));
    assert_eq!(registry.asked(&format!("user:{BOB}")), Ok(Asked::One(format!("user:{BOB}"))));
    assert!(matches!(registry.asked("tenant:{{tenant_id}}"), Ok(Asked::Own(_))));
    assert_eq!(registry.asked("users"), Err(NotAsked::Unknown));
    assert_eq!(registry.asked("User"), Err(NotAsked::Unknown));
    assert_eq!(registry.asked(&format!("user:{}", BOB.to_uppercase())), Err(NotAsked::Unknown));
    assert_eq!(registry.asked("files:{{user_id}}"), Err(NotAsked::Unknown));
    assert_eq!(registry.asked("agents:*"), Err(NotAsked::Several));
    assert_eq!(registry.asked(" user"), Err(NotAsked::Malformed));
}

#[test]
fn the_identity_gives_its_own() {
    assert_eq!(of_context(ALICE, Some(BOB)).collect::<Vec<_>>(), [format!("user:{ALICE}"), format!("tenant:{BOB}")]);
    assert!(context("agents:read").is_none() && context("user").is_none());
    let Asked::Own(template) = shipped().asked("tenant:{{tenant_id}}").unwrap() else { unreachable!() };
    assert_eq!((template.of(ALICE, None), template.is_of_context()), (None, true));
}

#[test]
fn what_is_said_to_the_application_is_no_permission() {
    assert!(is_of_sign_in("openid") && is_of_sign_in("email"));
    assert!(!is_of_sign_in("user") && !is_of_sign_in("OpenID"));
}

/// Another way to the same answer: scopes as lists of names, the last of which may be `{{user_id}}`, a fixed point over
/// all pairs, no sets of ranges.
mod model {
    use super::*;

    pub type Scopes = BTreeMap<Vec<&'static str>, (Vec<Vec<&'static str>>, bool)>;

    fn names(pattern: &[&str], scope: &[&str], by_name_only: bool) -> bool {
        match pattern.split_last() {
            Some((&"*", above)) => !by_name_only && scope.len() > above.len() && &scope[..above.len()] == above,
            _ => pattern == scope,
        }
    }

    pub fn covered(scopes: &Scopes, patterns: &[Vec<&'static str>]) -> BTreeSet<Vec<&'static str>> {
        let mut patterns = patterns.to_vec();
        loop {
            let held: BTreeSet<_> = scopes
                .iter()
                .filter(|(scope, (_, by_name_only))| {
                    patterns.iter().any(|pattern| names(pattern, scope, *by_name_only))
                })
                .map(|(scope, _)| scope.clone())
                .collect();
            let mut more = patterns.clone();
            for implied in held.iter().flat_map(|scope| &scopes[scope].0) {
                if !more.contains(implied) {
                    more.push(implied.clone());
                }
            }
            if more.len() == patterns.len() {
                return held;
            }
            patterns = more;
        }
    }

    const fn is_wildcard(pattern: &[&str]) -> bool {
        matches!(pattern.last(), Some(name) if matches!(name.as_bytes(), b"*"))
    }

    /// What a wildcard covers grows: a wider one does, and nothing else.
    pub fn may_have(scopes: &Scopes, granted: &[Vec<&'static str>], asked: &[&'static str]) -> bool {
        if is_wildcard(asked) {
            let below = &asked[..asked.len() - 1];
            return granted.iter().any(|own| is_wildcard(own) && below.starts_with(&own[..own.len() - 1]));
        }
        let wanted = covered(scopes, &[asked.to_vec()]);
        let held = covered(scopes, granted);
        !wanted.is_empty() && wanted.iter().all(|scope| held.contains(scope))
    }

    pub fn wildcards(scopes: &Scopes, patterns: &[Vec<&'static str>]) -> BTreeSet<String> {
        let held = covered(scopes, patterns);
        let implied = held.iter().flat_map(|scope| &scopes[scope].0);
        patterns.iter().chain(implied).filter(|pattern| is_wildcard(pattern)).map(|pattern| pattern.join(":")).collect()
    }
}

#[test]
fn who_holds_a_wildcard_may_have_what_it_covers() {
    let registry = registry(&[
        ("docs", &[], false),
        ("docs:read", &[], false),
        ("docs:publish", &["docs:read"], false),
        ("billing", &[], true),
        ("admin", &["*"], false),
        ("files:{{user_id}}", &[], false),
    ]);
    let may_have = |granted: &[&str], asked: &str| registry.may_have(&patterns(granted), &pattern(asked));
    for (granted, asked) in [
        ("docs:*", "docs:read"),
        ("docs:*", "docs:publish"),
        ("docs:publish", "docs:read"),
        ("admin", "docs:read"),
        ("*", "files:{{user_id}}"),
        ("files:*", "files:{{user_id}}"),
        ("docs:*", "docs:*"),
        ("*", "docs:*"),
        ("docs:*", "docs:drafts:*"),
    ] {
        assert!(may_have(&[granted], asked), "{granted}: {asked}");
    }
    for (granted, asked) in [
        ("docs:*", "docs"),
        ("docs:read", "docs:publish"),
        ("*", "billing"),
        ("admin", "billing"),
        ("*", "nonesuch"),
        ("docs:read", "docs:*"),
        ("admin", "*"),
        ("docs:*", "*"),
        ("docs:*", "doc:*"),
    ] {
        assert!(!may_have(&[granted], asked), "{granted}: {asked}");
    }
    assert!(!may_have(&["docs:read", "docs:publish"], "docs:*"), "all that there is today is not a family");
}

#[test]
fn wildcards_are_those_declared_and_those_implied() {
    let registry = registry(&[
        ("docs:read", &[], false),
        ("docs:publish", &["drafts:*", "docs:read"], false),
        ("admin", &["*"], false),
        ("billing", &["bills:*"], true),
        ("files:{{user_id}}", &["files:shared:*"], false),
    ]);
    for (granted, wildcards) in [
        (&["docs:read"][..], &[][..]),
        (&["payments:*", "docs:read"], &["payments:*"]),
        (&["docs:*"], &["docs:*", "drafts:*"]),
        (&["docs:publish"], &["drafts:*"]),
        (&["files:{{user_id}}"], &["files:shared:*"]),
        (&["admin"], &["*", "drafts:*", "files:shared:*"]),
        (&["nonesuch"], &[]),
    ] {
        let mut found = registry.wildcards(&patterns(granted));
        found.sort_by_key(|pattern| format!("{pattern:?}"));
        let mut expected = patterns(wildcards);
        expected.sort_by_key(|pattern| format!("{pattern:?}"));
        assert_eq!(found, expected, "{granted:?}");
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

    /// Few names, so that scopes meet; `ab` begins like `a`.
    fn names(&mut self) -> Vec<&'static str> {
        (0..=self.below(3)).map(|_| ["a", "b", "ab", "c"][self.below(4)]).collect()
    }

    /// One in four is a template.
    fn scope(&mut self) -> Vec<&'static str> {
        let mut names = self.names();
        if let Some(own) = ["{{user_id}}", "{{tenant_id}}"].get(self.below(8)) {
            names.push(own);
        }
        names
    }

    fn pattern(&mut self) -> Vec<&'static str> {
        match self.below(8) {
            0 => vec!["*"],
            1 | 2 => self.names().into_iter().chain(["*"]).collect(),
            _ => self.scope(),
        }
    }

    fn patterns(&mut self, most: usize) -> Vec<Vec<&'static str>> {
        (0..self.below(most + 1)).map(|_| self.pattern()).collect()
    }
}

fn for_alice(scope: &str) -> String {
    scope.replace("{{user_id}}", ALICE).replace("{{tenant_id}}", BOB)
}

fn name_of(held: Held<'_>) -> String {
    match held {
        Held::One(name) => name.to_owned(),
        Held::Own(template) => template.of(ALICE, Some(BOB)).unwrap(),
    }
}

/// A wildcard, as it is written.
fn written(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Family(family) => format!("{family}*"),
        Pattern::Every => "*".to_owned(),
        Pattern::One(_) | Pattern::Own(_) => unreachable!("no wildcard: {pattern:?}"),
    }
}

#[test]
fn it_agrees_with_an_independent_model_on_100_000_random_cases() {
    let mut random = Random(0x5eed_0fd5);
    let (mut some, mut narrowed, mut own, mut grantable, mut wild) = (0, 0, 0, [0, 0], 0);
    for case in 0..100_000 {
        let mut scopes = model::Scopes::new();
        for _ in 0..1 + random.below(8) {
            let (scope, implies) = (random.scope(), if random.below(4) == 0 { random.patterns(2) } else { vec![] });
            scopes.insert(scope, (implies, random.below(5) == 0));
        }
        let (granted, limits) =
            (random.patterns(4), (0..random.below(3)).map(|_| random.patterns(4)).collect::<Vec<_>>());

        let parsed =
            |patterns: &[Vec<&str>]| patterns.iter().map(|names| pattern(&names.join(":"))).collect::<Vec<_>>();
        let mut registry = Registry::default();
        for (scope, (implies, by_name_only)) in &scopes {
            registry.add(pattern(&scope.join(":")), Known { implies: parsed(implies), by_name_only: *by_name_only });
        }
        let (parsed_granted, parsed_limits) =
            (parsed(&granted), limits.iter().map(|limit| parsed(limit)).collect::<Vec<_>>());
        let found = registry.effective(&parsed_granted, parsed_limits.iter().map(Vec::as_slice));
        own += usize::from(found.iter().any(|held| matches!(held, Held::Own(_))));
        let found: BTreeSet<_> = found.into_iter().map(name_of).collect();

        let mut expected = model::covered(&scopes, &granted);
        some += usize::from(!expected.is_empty());
        let before = expected.len();
        for limit in &limits {
            let allowed = model::covered(&scopes, limit);
            expected.retain(|scope| allowed.contains(scope));
        }
        narrowed += usize::from(!expected.is_empty() && expected.len() < before);
        let expected: BTreeSet<String> = expected.iter().map(|scope| for_alice(&scope.join(":"))).collect();
        assert_eq!(found, expected, "case {case}: {scopes:?} {granted:?} {limits:?}");

        // What decides about granting.
        let asked = random.pattern();
        let expected = model::may_have(&scopes, &granted, &asked);
        grantable[usize::from(expected)] += 1;
        let found = registry.may_have(&parsed_granted, &pattern(&asked.join(":")));
        assert_eq!(found, expected, "case {case}: {scopes:?} {granted:?} may have {asked:?}");
        let found: BTreeSet<_> = registry.wildcards(&parsed_granted).iter().map(written).collect();
        let expected = model::wildcards(&scopes, &granted);
        wild += usize::from(!expected.is_empty());
        assert_eq!(found, expected, "case {case}: wildcards of {scopes:?} {granted:?}");
    }
    assert!(
        some > 20_000 && narrowed > 1_000 && own > 5_000,
        "the cases are worth something: {some}, {narrowed}, {own}"
    );
    assert!(grantable.iter().all(|cases| *cases > 5_000) && wild > 20_000, "and these: {grantable:?}, {wild}");
}
