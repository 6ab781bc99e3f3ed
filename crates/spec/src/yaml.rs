//! How documents that people write are read: YAML as a tree that knows its lines, decoders that collect every problem,
//! and problems that show their place.

mod decode;
mod diagnostic;
mod node;
mod paths;

pub use diagnostic::{Diagnostic, Place, Problems};

pub(crate) use decode::{Decoder, Fields, is_label};
pub(crate) use diagnostic::{SourceText, Span, did_you_mean};
pub(crate) use node::{Key, Node, Value};
pub(crate) use paths::below;
