//! Device certificates: the user of the certificate that a device has shown in a TLS handshake (RFC 8446), as the proxy
//! states that ended it.

use crate::bearer::{Failure, Named};
use crate::clock;
use crate::directory::{self, User};
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup};
use crate::shown::ShownKey;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::rc::Rc;
use uuid::Uuid;

/// A row of the table, as authentication needs it.
struct Certificate {
    id: Uuid,
    user_id: UserId,
    expires_at: Option<i64>,
    revoked: bool,
}

thread_local! {
    static CERTIFICATE_BY_FINGERPRINT: Lookup = const { Lookup::new(
        c"device_certificates",
        &[Key::text(c"fingerprint")],
        &[c"id", c"user_id", c"expires_at", c"revoked_at"],
    ) };
}

/// The one form of a fingerprint. See the comment on the SQL function.
#[pg_extern(schema = "warden", immutable, parallel_safe)]
fn normalise_fingerprint(fingerprint: &str) -> Option<String> {
    normal_form(fingerprint)
}

/// Finds the user of a certificate that is good, by the clock of the call.
pub fn find(fingerprint: &str) -> Result<(User, ShownKey, Rc<Named>), Failure> {
    let nameless = Rc::<Named>::default();
    let fingerprint = normal_form(fingerprint).ok_or_else(|| nameless.refused("malformed_fingerprint"))?;
    let found = Latest::with(|latest| {
        CERTIFICATE_BY_FINGERPRINT.with(|certificates| {
            certificates.first(latest, &[fingerprint.as_str().into_datum()], |row| {
                Ok(Certificate {
                    id: row.uuid(0)?,
                    user_id: row.uuid(1)?.into(),
                    expires_at: row.time(2)?,
                    revoked: row.time(3)?.is_some(),
                })
            })
        })
    })?;
    let certificate = found.ok_or_else(|| nameless.refused("unknown_certificate"))?;
    let named = Rc::new(Named { subject: Some(certificate.user_id.to_string().into()), ..Named::default() });
    if certificate.revoked {
        return Err(named.refused("revoked"));
    } else if certificate.expires_at.is_some_and(|end| clock::now() >= end) {
        return Err(named.refused("expired"));
    }
    let user = directory::find_by_id(certificate.user_id)?.ok_or_else(|| named.refused("unknown_user"))?;
    if !user.active {
        return Err(named.refused("user_not_active"));
    }
    Ok((user, ShownKey { id: certificate.id, expires_at: certificate.expires_at }, named))
}

/// 64 hexadecimal digits in lower case: of those, or of 32 pairs with a colon between each two, in any case.
fn normal_form(fingerprint: &str) -> Option<String> {
    let digits = match fingerprint.len() {
        64 => fingerprint.to_owned(),
        95 => {
            let pairs: Vec<&str> = fingerprint.split(':').collect();
            pairs.iter().all(|pair| pair.len() == 2).then(|| pairs.concat())?
        }
        _ => return None,
    };
    (digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}
