//! What gateways call: `pre_request()`, for PostgREST.

use crate::error::{Error, Result, or_raise};
use crate::transaction::Attempt;
use crate::{authenticate, authorization, caller, hooks, refusals, sealed, settings};
use pgrx::prelude::*;

/// Acts for the bearer of the HTTP request under way. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn pre_request() -> Option<pgrx::Uuid> {
    hooks::hide_statement();
    or_raise(act_for_request())
}

/// The headers are a plain setting that any client can set, which is why nothing is believed of them
/// but a token that proves itself. The claims that PostgREST has read stand beside them as another
/// plain setting, and prove nothing.
fn act_for_request() -> Result<Option<pgrx::Uuid>> {
    // Also for a request that is nobody's: a gateway whose role no policy binds would show it everything.
    caller::require_row_security()?;
    match authorization::bearer_token(&settings::request_headers()) {
        Ok(Some(token)) => authenticate::sign_in("pre_request", &token, None, None).map(Some),
        Ok(None) => {
            // Whoever was signed in before: the request is nobody's.
            sealed::clear();
            Ok(None)
        }
        Err(authorization::Malformed) => {
            // As every attempt that fails: from here on the transaction has nobody.
            drop(Attempt::begin()?);
            refusals::log("pre_request", "malformed_authorization", &[]);
            Err(Error::Unauthenticated)
        }
    }
}
