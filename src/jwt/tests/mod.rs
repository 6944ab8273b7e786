//! Tests of the whole module, one file for each subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
