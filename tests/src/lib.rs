//! End-to-end and interoperability tests of the `airlock` command.
