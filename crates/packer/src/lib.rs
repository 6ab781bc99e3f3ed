//! From lock to bundle, in one pass.
