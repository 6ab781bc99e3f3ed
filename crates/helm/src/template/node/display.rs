//! Nodes as Go writes them in errors.

use super::{Kind, NodeId, Source, Span, Word};
use crate::template::{exec::with_stack, fmt};

/// How much of a node is written; the whole of a large `range` in an error helps nobody, but Go gives it.
const MAX: usize = 1 << 20;

impl Source {
    /// The text of a node (`Node.String`).
    pub(in crate::template) fn display(&self, id: NodeId) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, id);
        out
    }

    pub(in crate::template) fn text_of(&self, id: NodeId) -> String {
        String::from_utf8_lossy(&self.display(id)).into_owned()
    }

    fn write(&self, out: &mut Vec<u8>, id: NodeId) {
        if out.len() > MAX {
            return;
        }
        with_stack(|| self.write_node(out, id));
    }

    fn write_node(&self, out: &mut Vec<u8>, id: NodeId) {
        match self.kind(id) {
            Kind::List(nodes) => self
                .children(nodes)
                .iter()
                .for_each(|node| self.write(out, *node)),
            Kind::Text(span) => out.extend_from_slice(self.slice(span)),
            Kind::Action(pipe) => {
                out.extend_from_slice(b"{{");
                self.write(out, pipe);
                out.extend_from_slice(b"}}");
            }
            Kind::Branch(branch) => {
                let branch = self.branch(branch);
                out.extend_from_slice(branch.word.opening());
                self.write(out, branch.pipe);
                out.extend_from_slice(b"}}");
                self.write(out, branch.list);
                if let Some(otherwise) = branch.otherwise {
                    out.extend_from_slice(b"{{else}}");
                    self.write(out, otherwise);
                }
                out.extend_from_slice(b"{{end}}");
            }
            Kind::Break => out.extend_from_slice(b"{{break}}"),
            Kind::Continue => out.extend_from_slice(b"{{continue}}"),
            Kind::Template(call) => {
                let call = self.call(call);
                out.extend_from_slice(b"{{template ");
                fmt::quote(out, &call.name);
                if let Some(pipe) = call.pipe {
                    out.push(b' ');
                    self.write(out, pipe);
                }
                out.extend_from_slice(b"}}");
            }
            Kind::Pipe(pipe) => {
                let (variables, commands) = self.parts(pipe);
                self.write_separated(out, variables, b", ");
                if !variables.is_empty() {
                    out.extend_from_slice(if pipe.assigns { b" = " } else { b" := " });
                }
                self.write_separated(out, commands, b" | ");
            }
            Kind::Command(arguments) => {
                for (index, argument) in self.children(arguments).iter().enumerate() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    self.write_operand(out, *argument);
                }
            }
            Kind::Function(target) => out.extend_from_slice(self.function(target).as_bytes()),
            Kind::Dot => out.push(b'.'),
            Kind::Nil => out.extend_from_slice(b"nil"),
            Kind::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Kind::Number(number) => out.extend_from_slice(self.slice(self.number(number).original)),
            Kind::String(string) => out.extend_from_slice(self.slice(self.string(string).original)),
            Kind::Field(fields) => self.write_fields(out, fields),
            Kind::Variable { variable, fields } => {
                out.extend_from_slice(self.variable(variable).as_bytes());
                self.write_fields(out, fields);
            }
            Kind::Chain { node, fields } => {
                self.write_operand(out, node);
                self.write_fields(out, fields);
            }
        }
    }

    fn write_operand(&self, out: &mut Vec<u8>, id: NodeId) {
        if matches!(self.kind(id), Kind::Pipe(_)) {
            out.push(b'(');
            self.write(out, id);
            out.push(b')');
        } else {
            self.write(out, id);
        }
    }

    fn write_fields(&self, out: &mut Vec<u8>, fields: Span) {
        for field in self.fields(fields) {
            out.push(b'.');
            out.extend_from_slice(self.slice(*field));
        }
    }

    fn write_separated(&self, out: &mut Vec<u8>, nodes: &[NodeId], separator: &[u8]) {
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(separator);
            }
            self.write(out, *node);
        }
    }
}

impl Word {
    const fn opening(self) -> &'static [u8] {
        match self {
            Self::If => b"{{if ",
            Self::Range => b"{{range ",
            Self::With => b"{{with ",
        }
    }
}
