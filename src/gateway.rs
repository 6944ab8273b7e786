//! What gateways call: `pre_request()`, for PostgREST.

use crate::error::{Error, Result, or_raise};
use crate::ids::UserId;
use crate::transaction::Attempt;
use crate::{authenticate, authorization, bans, caller, forwarded, hooks, refusals, sealed, settings};
use pgrx::Inet;
use pgrx::prelude::*;

/// Acts for the bearer of the HTTP request under way. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn pre_request() -> Option<pgrx::Uuid> {
    hooks::hide_statement();
    or_raise(act_for_request()).map(UserId::to_pgrx)
}

/// The headers are a plain setting that any client can set, which is why nothing is believed of them
/// but a token that proves itself. The claims that PostgREST has read stand beside them as another
/// plain setting, and prove nothing.
fn act_for_request() -> Result<Option<UserId>> {
    // Also for a request that is nobody's: a gateway whose role no policy binds would show it everything.
    caller::require_row_security()?;
    let headers = settings::request_headers();
    let client_ip = refuse_banned(&headers).inspect_err(|_| fail())?;
    match authorization::bearer_token(&headers) {
        Ok(Some(token)) => authenticate::sign_in("pre_request", &token, client_ip.as_ref(), None).map(Some),
        Ok(None) => {
            // Whoever was signed in before: the request is nobody's.
            sealed::clear();
            Ok(None)
        }
        Err(authorization::Malformed) => {
            fail();
            refusals::log("pre_request", "malformed_authorization", &[]);
            Err(Error::Unauthenticated)
        }
    }
}

/// The client's address, as the proxy before the gateway states it; each that it has passed on counts, since nobody
/// gains by stating one.
fn refuse_banned(headers: &str) -> Result<Option<Inet>> {
    let addresses = forwarded::addresses(headers, &settings::address_header()).map_err(|forwarded::Malformed| {
        refusals::log("pre_request", "malformed_address", &[]);
        Error::Unauthenticated
    })?;
    let addresses: Vec<Inet> = addresses.into_iter().map(|address| Inet(address.to_string())).collect();
    for address in &addresses {
        bans::refuse_banned("pre_request", Some(address))?;
    }
    Ok(addresses.into_iter().next_back())
}

/// As every attempt that fails: from here on the transaction has nobody.
fn fail() {
    drop(Attempt::begin());
}
