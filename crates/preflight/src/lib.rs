//! What keeps k3s from running on a machine, found before anything is installed.
//!
//! Each check tells its status, the evidence, and the remedy; what can be repaired safely is offered as changes of
//! [`airlock_node`], so that a repair is journaled and can be undone.
#![cfg_attr(test, allow(clippy::unwrap_used))]
