//! Pipelines and commands.

use super::{Execution, Operand, Stop};
use crate::template::node::{Kind as Node, NodeId, Source, Span};

/// Where a command stands: what its parts need to be evaluated.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) source: &'s Source,
    pub(super) dot: &'s Operand,
}

impl Execution<'_> {
    /// The value of the last command, each of which gets the value before it as its last argument.
    pub(super) fn pipeline(&mut self, source: &Source, id: NodeId, dot: &Operand) -> Result<Operand, Stop> {
        self.at = id;
        let Node::Pipe(pipe) = source.kind(id) else {
            return Ok(Operand::nothing());
        };
        let place = Place { source, dot };
        let mut value = None;
        let (variables, commands) = source.parts(pipe);
        for command in commands {
            value = Some(self.command(place, *command, value)?.unboxed());
        }
        let value = value.unwrap_or_default();
        for variable in variables {
            if pipe.assigns {
                self.assign(source, *variable, value.clone())?;
            } else {
                self.declare(source, *variable, value.clone());
            }
        }
        Ok(value)
    }

    fn command(&mut self, place: Place<'_>, id: NodeId, last: Option<Operand>) -> Result<Operand, Stop> {
        let source = place.source;
        let Node::Command(arguments) = source.kind(id) else {
            return Ok(Operand::nothing());
        };
        let Some((first, rest)) = source.children(arguments).split_first() else {
            return Ok(Operand::nothing());
        };
        self.call.budget.step(1)?;
        match source.kind(*first) {
            Node::Field(fields) => {
                self.at = *first;
                self.fields(place, place.dot.clone(), *first, fields, rest, last)
            }
            Node::Chain { node, fields } => self.chain(place, *first, node, fields, rest, last),
            Node::Function(target) => {
                self.at = *first;
                self.function(place, target, id, rest, last)
            }
            Node::Pipe(_) => {
                self.no_arguments(place, *first, rest, last.is_some())?;
                self.deeper(|this| this.pipeline(source, *first, place.dot))
            }
            Node::Variable { variable, fields } => {
                self.at = *first;
                self.variable_fields(place, *first, variable, fields, rest, last)
            }
            kind => {
                self.at = *first;
                self.no_arguments(place, *first, rest, last.is_some())?;
                match kind {
                    Node::Dot => Ok(place.dot.clone()),
                    Node::Nil => Err(self.fail(source, "nil is not a command")),
                    _ => self.constant(place, *first),
                }
            }
        }
    }

    pub(super) fn variable_fields(
        &mut self,
        place: Place<'_>,
        id: NodeId,
        variable: u32,
        fields: Span,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let value = self.variable(place.source, variable)?;
        if fields.is_empty() {
            self.no_arguments(place, id, arguments, last.is_some())?;
            return Ok(value);
        }
        self.fields(place, value, id, fields, arguments, last)
    }

    pub(super) fn chain(
        &mut self,
        place: Place<'_>,
        id: NodeId,
        node: NodeId,
        fields: Span,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        self.at = id;
        if matches!(place.source.kind(node), Node::Nil) {
            let text = place.source.text_of(id);
            return Err(self.fail(
                place.source,
                &format!("indirection through explicit nil in {text}"),
            ));
        }
        let receiver = self.operand(place, node)?;
        self.fields(place, receiver, id, fields, arguments, last)
    }

    /// Refuses arguments to what is no function.
    fn no_arguments(
        &self,
        place: Place<'_>,
        first: NodeId,
        arguments: &[NodeId],
        last: bool,
    ) -> Result<(), Stop> {
        if arguments.is_empty() && !last {
            return Ok(());
        }
        let text = place.source.text_of(first);
        Err(self.fail(
            place.source,
            &format!("can't give argument to non-function {text}"),
        ))
    }
}
