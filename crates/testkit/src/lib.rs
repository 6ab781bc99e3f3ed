//! Generated images, charts and files, and upstreams that misbehave on command.
