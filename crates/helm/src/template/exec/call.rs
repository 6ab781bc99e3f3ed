//! Calls of functions and methods.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Execution, Operand, Stop, pipeline::Place};
use crate::{
    call::{FunctionError, Param},
    template::{
        builtin::Builtin,
        functions::Callee,
        node::{NodeId, Target},
    },
    value::{Method, Value},
};

/// The arguments of most calls, without an allocation.
pub(in crate::template) type Arguments<T> = SmallVec<[T; 4]>;

impl Execution<'_> {
    /// `command` is the node that errors of the function itself are about.
    pub(super) fn function(
        &mut self,
        place: Place<'_>,
        target: Target,
        command: NodeId,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let callee = match target {
            Target::Builtin(builtin) => return self.builtin(place, builtin, command, arguments, last),
            Target::Supplied(index) => place.source.supplied(index),
        };
        let (params, variadic) = callee.signature();
        let values = self.arguments(place, callee.name(), params, variadic, arguments, last)?;
        let result = match callee {
            Callee::Plain(plain) => (plain.call)(&mut self.call, &values),
            Callee::Engine(engine) => (engine.call)(self, &values),
        };
        match result {
            Ok(value) => Ok(Operand::plain(value)),
            Err(error) => Err(self.call_failed(place, callee.name(), command, error)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a call has that many parts")]
    pub(super) fn method(
        &mut self,
        place: Place<'_>,
        receiver: &Value,
        id: NodeId,
        name: &str,
        method: Method,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let values = self.arguments(place, name, method.params, method.variadic, arguments, last)?;
        let result = match receiver {
            Value::Object(object) => (method.call)(object.as_ref(), &mut self.call, &values),
            Value::Map(map) => (method.call)(
                &super::super::builtin::MapReceiver(map.clone()),
                &mut self.call,
                &values,
            ),
            _ => Ok(Value::Nil),
        };
        match result {
            Ok(value) => Ok(Operand::plain(value)),
            Err(error) => Err(self.call_failed(place, name, id, error)),
        }
    }

    fn call_failed(&mut self, place: Place<'_>, name: &str, node: NodeId, error: FunctionError) -> Stop {
        if matches!(error, FunctionError::Limit(_)) {
            return error.into();
        }
        self.at = node;
        let text = self.located(place.source, &format!("error calling {name}: {error}"));
        let cause = Box::new(error);
        FunctionError::Wrapped { text, cause }.into()
    }

    /// The arguments of a call, with the value from the pipeline at the end.
    fn arguments(
        &mut self,
        place: Place<'_>,
        name: &str,
        params: &[Param],
        variadic: Option<Param>,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Arguments<Value>, Stop> {
        self.check_count(
            place,
            name,
            (params.len(), variadic.is_some()),
            arguments.len(),
            last.is_some(),
        )?;
        let param = |index: usize| params.get(index).copied().or(variadic).unwrap_or(Param::Any);
        let mut values = Arguments::new();
        for (index, argument) in arguments.iter().enumerate() {
            let value = self.argument(place, param(index), *argument)?;
            values.push(value);
        }
        if let Some(last) = last {
            let value = self.checked(place, last, param(arguments.len()))?;
            values.push(value);
        }
        Ok(values)
    }

    fn check_count(
        &self,
        place: Place<'_>,
        name: &str,
        (fixed, variadic): (usize, bool),
        written: usize,
        last: bool,
    ) -> Result<(), Stop> {
        let given = written + usize::from(last);
        let text = if variadic && given < fixed {
            format!("wrong number of args for {name}: want at least {fixed} got {written}")
        } else if !variadic && given != fixed {
            format!("wrong number of args for {name}: want {fixed} got {given}")
        } else {
            return Ok(());
        };
        Err(self.fail(place.source, &text))
    }

    fn builtin(
        &mut self,
        place: Place<'_>,
        builtin: Builtin,
        command: NodeId,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        self.check_count(
            place,
            builtin.name(),
            builtin.arity(),
            arguments.len(),
            last.is_some(),
        )?;
        if let Builtin::And | Builtin::Or = builtin {
            return self.short_circuit(place, builtin == Builtin::Or, arguments, last);
        }
        let mut operands = Arguments::<Operand>::new();
        for (index, argument) in arguments.iter().enumerate() {
            let operand = if index == 0 && builtin == Builtin::Printf {
                Operand::plain(self.argument(place, Param::String, *argument)?)
            } else {
                self.operand(place, *argument)?
            };
            operands.push(operand);
        }
        if let Some(last) = last {
            let last = if arguments.is_empty() && builtin == Builtin::Printf {
                Operand::plain(self.checked(place, last, Param::String)?)
            } else {
                last
            };
            operands.push(last);
        }
        let callee = if builtin == Builtin::Call {
            match arguments.first() {
                Some(first) => Cow::Owned(place.source.text_of(*first)),
                None => Cow::Borrowed(""),
            }
        } else {
            Cow::Borrowed("")
        };
        match builtin.run(self.call.budget, &mut self.out, &callee, operands) {
            Ok(operand) => Ok(operand),
            Err(error) => Err(self.call_failed(place, builtin.name(), command, error)),
        }
    }

    /// `and` and `or`: nothing is evaluated after the argument that decides.
    fn short_circuit(
        &mut self,
        place: Place<'_>,
        until: bool,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let mut value = Operand::nothing();
        for argument in arguments {
            value = self.operand(place, *argument)?;
            if value.value.truth() == until {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}
