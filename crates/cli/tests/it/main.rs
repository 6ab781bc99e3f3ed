//! What is seen from the command line, in one binary.
#![allow(clippy::unwrap_used, missing_docs)]

mod cluster;
mod deployments;
mod desk;
mod errors;
mod faults;
mod guarded;
mod hostile;
mod images;
mod k3s;
mod preflight;
mod secrets;
mod served_charts;
mod site;
mod template;
mod upstream;
