//! OpenPGP signatures, with the policy that the format leaves to its users.
