//! Charts rendered by this repository and by Helm, side by side.

pub(crate) mod corpus;
mod difference;
pub(crate) mod fuzz;
mod grammar;
pub(crate) mod images;
mod judge;
