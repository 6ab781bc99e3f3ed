//! A node of a site: its files, services, modules and packages, and how they are changed.
//!
//! What is wanted is a list of changes. A journal records every one of them, with what was there before, before it is
//! made: so a second run changes nothing, a run that was cut off is taken up where it was, and all of it can be undone.
#![cfg_attr(test, allow(clippy::unwrap_used))]
