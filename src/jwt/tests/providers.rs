//! Key sets and tokens in the shapes real issuers give them, as their public documentation shows them.
//!
//! The keys and signatures are ours; the shapes are theirs: which members a key has, which header members and claims a
//! token has, and what names the audience. Each is accepted by one set of rules and refused by those of the others.

use serde_json::{Map, Value, json};

use super::super::{Algorithm, KeySet, Rules, parse, verify};
use super::support::*;

/// One issuer: what it publishes, what it sends, and what an administrator says about it.
struct Provider {
    name: &'static str,
    jwks: Value,
    algorithms: Option<Vec<Algorithm>>,
    signed_by: Algorithm,
    header: Value,
    claims: Value,
    rules: Rules,
    subject: &'static str,
    scopes: Vec<&'static str>,
    session: Option<&'static str>,
}

fn issuer_rules(issuer: &str, audience: &str) -> Rules {
    Rules {
        issuer: issuer.to_owned(),
        audiences: Some(vec![audience.to_owned()]),
        subject_claim: "sub".to_owned(),
        required_claims: Map::new(),
        leeway_seconds: 30,
    }
}

/// For issuers whose tokens have no `aud`.
fn claim_rules(issuer: &str, required: Value) -> Rules {
    Rules { audiences: None, required_claims: required.as_object().unwrap().clone(), ..issuer_rules(issuer, "-") }
}

fn key(algorithm: Algorithm, members: Value) -> Value {
    with(KEYS.jwk(algorithm), members)
}

/// A key of the same set that does not concern us.
fn encryption_key() -> Value {
    key(Algorithm::RS256, json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}))
}

fn token(provider: &Provider) -> String {
    let times = json!({"iat": NOW - 5, "exp": NOW + 3600});
    let claims = with(times, provider.claims.clone());
    token_of(provider.signed_by, provider.header.to_string(), claims.to_string())
}

fn key_set_of(provider: &Provider) -> KeySet {
    KeySet::parse(&provider.jwks.to_string(), provider.algorithms.as_deref()).unwrap().keys
}

#[test]
fn each_token_is_accepted_by_the_rules_of_its_issuer() {
    for provider in providers() {
        let token = token(&provider);
        let claims = verify(&parse(&token).unwrap(), &key_set_of(&provider), &provider.rules, NOW)
            .unwrap_or_else(|refusal| panic!("{}: {refusal}", provider.name));
        assert_eq!(claims.subject(), provider.subject, "{}", provider.name);
        assert_eq!(claims.scopes(), provider.scopes, "{}", provider.name);
        assert_eq!(claims.session_id(), provider.session, "{}", provider.name);
    }
}

#[test]
fn no_token_is_accepted_by_the_rules_of_another() {
    for provider in providers() {
        let token = token(&provider);
        for other in providers().into_iter().filter(|other| other.name != provider.name) {
            // Even with keys that verify it, as if two issuers shared a key.
            let result = verify(&parse(&token).unwrap(), &key_set_of(&provider), &other.rules, NOW);
            assert!(result.is_err(), "{} by the rules of {}", provider.name, other.name);
        }
    }
}

#[test]
fn a_token_for_another_application_of_the_same_issuer_is_refused() {
    for provider in providers() {
        let mut other = provider;
        let claims = other.claims.as_object_mut().unwrap();
        for name in ["aud", "azp", "client_id"] {
            if claims.contains_key(name) {
                claims.insert(name.to_owned(), json!("another-application"));
            }
        }
        let result = verify(&parse(&token(&other)).unwrap(), &key_set_of(&other), &other.rules, NOW);
        let code = result.unwrap_err().code();
        assert!(["wrong_audience", "wrong_claim"].contains(&code), "{}: {code}", other.name);
    }
}

fn providers() -> Vec<Provider> {
    vec![
        auth0(),
        clerk(),
        workos(),
        cognito(),
        entra(),
        keycloak(),
        supabase(),
        supabase_secret(),
        firebase(),
        simplejwt(),
    ]
}

fn auth0() -> Provider {
    Provider {
        name: "Auth0",
        jwks: json!({"keys": [key(Algorithm::RS256, json!({
            "use": "sig", "alg": "RS256", "kid": "Y2MyMDExNGQ", "x5t": "Y2MyMDExNGQ", "x5c": ["MIIDDTCCAfWg"],
        }))]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "Y2MyMDExNGQ"}),
        claims: json!({
            "iss": "https://tenant.eu.auth0.com/", "sub": "auth0|5f7c8ec7", "azp": "client", "scope": "openid read:documents",
            "aud": ["https://api.example.com", "https://tenant.eu.auth0.com/userinfo"],
        }),
        rules: issuer_rules("https://tenant.eu.auth0.com/", "https://api.example.com"),
        subject: "auth0|5f7c8ec7",
        scopes: vec!["openid", "read:documents"],
        session: None,
    }
}

fn clerk() -> Provider {
    Provider {
        name: "Clerk",
        jwks: json!({"keys": [key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "ins_2abc"}))]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "ins_2abc", "cat": "cl_B7d4PD111AAA"}),
        claims: json!({
            "iss": "https://clean-mole-7.clerk.accounts.dev", "sub": "user_2abc", "sid": "sess_2abc", "nbf": NOW - 15, "v": 2,
            "azp": "https://app.example.com", "fva": [0, -1], "o": {"id": "org_1", "rol": "admin"},
        }),
        rules: claim_rules("https://clean-mole-7.clerk.accounts.dev", json!({"azp": ["https://app.example.com"]})),
        subject: "user_2abc",
        scopes: vec![],
        session: Some("sess_2abc"),
    }
}

fn workos() -> Provider {
    Provider {
        name: "WorkOS",
        jwks: json!({"keys": [key(Algorithm::RS256, json!({
            "use": "sig", "alg": "RS256", "kid": "sso_oidc_key_pair_01", "x5c": ["MIIC"], "x5t#S256": "Zm9v",
        }))]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "kid": "sso_oidc_key_pair_01"}),
        claims: json!({
            "iss": "https://api.workos.com/user_management/client_01", "sub": "user_01", "sid": "session_01", "jti": "01H",
            "client_id": "client_01", "org_id": "org_01", "role": "member", "permissions": ["posts:read"],
        }),
        rules: claim_rules("https://api.workos.com/user_management/client_01", json!({"client_id": ["client_01"]})),
        subject: "user_01",
        scopes: vec![],
        session: Some("session_01"),
    }
}

fn cognito() -> Provider {
    Provider {
        name: "Cognito",
        jwks: json!({"keys": [
            key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "id="})),
            key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "access="})),
        ]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "kid": "access="}),
        claims: json!({
            "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_X", "sub": "aaaaaaaa-bbbb", "token_use": "access",
            "client_id": "client", "scope": "aws.cognito.signin.user.admin", "auth_time": NOW - 5, "jti": "j", "username": "alice",
            "origin_jti": "o", "event_id": "e", "version": 2,
        }),
        rules: claim_rules(
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_X",
            json!({"client_id": ["client"], "token_use": "access"}),
        ),
        subject: "aaaaaaaa-bbbb",
        scopes: vec!["aws.cognito.signin.user.admin"],
        session: None,
    }
}

fn entra() -> Provider {
    let issuer = "https://login.microsoftonline.com/9188040d/v2.0";
    Provider {
        name: "Entra",
        // No alg: RS256 by default.
        jwks: json!({"keys": [key(Algorithm::RS256, json!({
            "use": "sig", "kid": "HS23b7Do7TcaU1RoLHwpIq24VYg", "x5t": "HS23b7Do7TcaU1RoLHwpIq24VYg", "x5c": ["MIIC"],
            "issuer": issuer,
        }))]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({
            "alg": "RS256", "typ": "JWT", "kid": "HS23b7Do7TcaU1RoLHwpIq24VYg", "x5t": "HS23b7Do7TcaU1RoLHwpIq24VYg",
        }),
        claims: json!({
            "iss": issuer, "aud": "api://6e74172b", "sub": "pairwise", "oid": "00000000-0000", "tid": "9188040d", "ver": "2.0",
            "nbf": NOW - 5, "azp": "client", "azpacr": "1", "scp": "Documents.Read Documents.Write", "aio": "x", "uti": "u",
        }),
        rules: Rules { subject_claim: "oid".to_owned(), ..issuer_rules(issuer, "api://6e74172b") },
        subject: "00000000-0000",
        scopes: vec!["Documents.Read", "Documents.Write"],
        session: None,
    }
}

fn keycloak() -> Provider {
    let issuer = "https://sso.example.com/realms/main";
    Provider {
        name: "Keycloak",
        jwks: json!({"keys": [
            encryption_key(),
            key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "FJ86GcF3", "x5c": ["MIIC"], "x5t": "x", "x5t#S256": "y"})),
        ]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "FJ86GcF3"}),
        claims: json!({
            "iss": issuer, "aud": ["documents", "account"], "sub": "f6b2", "typ": "Bearer", "azp": "web", "sid": "s1", "jti": "onrtac:1",
            "session_state": "s1", "acr": "1", "allowed-origins": ["*"], "realm_access": {"roles": ["user"]},
            "resource_access": {"account": {"roles": ["view-profile"]}}, "scope": "openid  email profile",
        }),
        rules: issuer_rules(issuer, "documents"),
        subject: "f6b2",
        scopes: vec!["openid", "email", "profile"],
        session: Some("s1"),
    }
}

fn supabase() -> Provider {
    let issuer = "https://project.supabase.co/auth/v1";
    Provider {
        name: "Supabase",
        jwks: json!({"keys": [key(Algorithm::ES256, json!({
            "use": "sig", "alg": "ES256", "kid": "b81269f1", "key_ops": ["verify"], "ext": true,
        }))]}),
        algorithms: None,
        signed_by: Algorithm::ES256,
        header: json!({"alg": "ES256", "typ": "JWT", "kid": "b81269f1"}),
        claims: supabase_claims(issuer),
        rules: issuer_rules(issuer, "authenticated"),
        subject: "7c0d",
        scopes: vec![],
        session: Some("e5a0"),
    }
}

/// A project that still signs with its shared secret, under an issuer of its own here so that the two stay apart.
fn supabase_secret() -> Provider {
    let issuer = "https://legacy.supabase.co/auth/v1";
    Provider {
        name: "Supabase, shared secret",
        jwks: json!({"keys": [key(Algorithm::HS256, json!({}))]}),
        algorithms: Some(vec![Algorithm::HS256]),
        signed_by: Algorithm::HS256,
        header: json!({"alg": "HS256", "typ": "JWT"}),
        claims: supabase_claims(issuer),
        rules: issuer_rules(issuer, "authenticated"),
        subject: "7c0d",
        scopes: vec![],
        session: Some("e5a0"),
    }
}

fn supabase_claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": "authenticated", "sub": "7c0d", "role": "authenticated", "aal": "aal1", "session_id": "e5a0",
        "email": "a@example.com", "phone": "", "app_metadata": {"provider": "email"}, "user_metadata": {}, "is_anonymous": false,
        "amr": [{"method": "password", "timestamp": NOW - 5}],
    })
}

fn firebase() -> Provider {
    let issuer = "https://securetoken.google.com/project";
    Provider {
        name: "Firebase",
        jwks: json!({"keys": [
            key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "1e9gdk7"})),
            key(Algorithm::RS256, json!({"use": "sig", "alg": "RS256", "kid": "2f8hel8"})),
        ]}),
        algorithms: None,
        signed_by: Algorithm::RS256,
        header: json!({"alg": "RS256", "kid": "1e9gdk7", "typ": "JWT"}),
        claims: json!({
            "iss": issuer, "aud": "project", "sub": "uid", "user_id": "uid", "auth_time": NOW - 5,
            "firebase": {"identities": {"email": ["a@example.com"]}, "sign_in_provider": "password"},
        }),
        rules: issuer_rules(issuer, "project"),
        subject: "uid",
        scopes: vec![],
        session: None,
    }
}

/// Django REST framework's simplejwt, told `ISSUER` and `AUDIENCE`, which it leaves out otherwise.
fn simplejwt() -> Provider {
    Provider {
        name: "simplejwt",
        jwks: json!({"keys": [key(Algorithm::HS256, json!({"alg": "HS256"}))]}),
        algorithms: None,
        signed_by: Algorithm::HS256,
        header: json!({"alg": "HS256", "typ": "JWT"}),
        claims: json!({
            "iss": "https://django.example.com", "aud": "documents", "token_type": "access", "jti": "0f3e", "user_id": "42",
        }),
        rules: Rules {
            subject_claim: "user_id".to_owned(),
            required_claims: json!({"token_type": "access"}).as_object().unwrap().clone(),
            ..issuer_rules("https://django.example.com", "documents")
        },
        subject: "42",
        scopes: vec![],
        session: None,
    }
}
