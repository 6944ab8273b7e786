//! Tests of the whole module, one file for each subject. A refusal stands beside the accepted token it differs from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audience;
mod claims;
mod explain;
mod format;
mod header;
mod json;
mod key_selection;
mod key_sets;
mod mutation;
mod providers;
mod rules;
mod signatures;
mod support;
mod times;
mod wycheproof_jose;
mod wycheproof_primitives;
