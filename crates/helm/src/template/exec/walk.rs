//! Nodes that make output: text, actions, branches and loops.

use super::{Execution, Flow, MAX_TEMPLATES, Operand, Stop, Variable};
use crate::{
    template::{
        fmt,
        node::{Branch, Kind as Node, NodeId, Pipe, Source, TemplateCall, Word},
    },
    value::{Kind, List, Map, UintType, Value},
};

impl Execution<'_> {
    pub(super) fn walk(&mut self, source: &Source, id: NodeId, dot: &Operand) -> Result<Flow, Stop> {
        self.at = id;
        self.call.budget.step(1)?;
        match source.kind(id) {
            Node::List(nodes) => {
                for node in source.children(nodes) {
                    let flow = self.walk(source, *node, dot)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
            }
            Node::Text(span) => {
                let text = source.slice(span);
                self.call.budget.take(text.len())?;
                self.out.extend_from_slice(text);
            }
            Node::Action(pipe) => {
                let value = self.pipeline(source, pipe, dot)?;
                if let Node::Pipe(pipe) = source.kind(pipe)
                    && pipe.variables == 0
                {
                    self.at = id;
                    self.output(source, &value)?;
                }
            }
            Node::Branch(branch) => {
                return self.deeper(|this| this.branch(source, source.branch(branch), id, dot));
            }
            Node::Template(call) => self.template(source, source.call(call), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            _ => {
                let text = source.text_of(id);
                return Err(self.fail(source, &format!("unknown node: {text}")));
            }
        }
        Ok(Flow::Next)
    }

    fn output(&mut self, source: &Source, operand: &Operand) -> Result<(), Stop> {
        match &operand.value {
            Value::Nil => {
                self.call.budget.take(10)?;
                self.out.extend_from_slice(b"<no value>");
            }
            Value::Object(object) if object.kind() == Kind::Func => {
                let node = source.text_of(self.at);
                let text = format!("can't print {node} of type {}", object.type_name());
                return Err(self.fail(source, &text));
            }
            // A field of a struct has an address, and so the methods of pointers; in an interface it has not.
            Value::Object(object) if !operand.is_boxed() && object.print_in_place().is_some() => {
                let text = object.print_in_place().unwrap_or_default();
                self.call.budget.take(text.len())?;
                self.out.extend_from_slice(&text);
            }
            value => fmt::print(self.call.budget, &mut self.out, value)?,
        }
        Ok(())
    }

    fn branch(&mut self, source: &Source, branch: &Branch, id: NodeId, dot: &Operand) -> Result<Flow, Stop> {
        let mark = self.variables.len();
        let flow = match branch.word {
            Word::Range => self.range(source, branch, id, dot)?,
            Word::If | Word::With => {
                let value = self.pipeline(source, branch.pipe, dot)?;
                if value.value.truth() {
                    let dot = if branch.word == Word::With { &value } else { dot };
                    self.walk(source, branch.list, dot)?
                } else if let Some(otherwise) = branch.otherwise {
                    self.walk(source, otherwise, dot)?
                } else {
                    Flow::Next
                }
            }
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, source: &Source, branch: &Branch, id: NodeId, dot: &Operand) -> Result<Flow, Stop> {
        self.at = id;
        let value = self.pipeline(source, branch.pipe, dot)?.value;
        let Node::Pipe(pipe) = source.kind(branch.pipe) else {
            return Ok(Flow::Next);
        };
        let round = Round {
            source,
            branch,
            pipe,
            mark: self.variables.len(),
        };
        let ran = match &value {
            Value::Object(object) if matches!(object.kind(), Kind::Struct | Kind::Ptr) => {
                return Err(self.cannot_range(source, &value)?);
            }
            Value::Object(object) => match object.plain() {
                Value::List(list) => self.range_list(&round, &list)?,
                Value::Map(map) => self.range_map(&round, &map)?,
                Value::Bytes(bytes) => self.range_bytes(&round, &bytes)?,
                plain @ (Value::Int(..) | Value::Uint(..)) => self.range_number(&round, &plain)?,
                _ => return Err(self.cannot_range(source, &value)?),
            },
            Value::List(list) => self.range_list(&round, list)?,
            Value::Map(map) => self.range_map(&round, map)?,
            Value::Bytes(bytes) => self.range_bytes(&round, bytes)?,
            Value::Int(..) | Value::Uint(..) => self.range_number(&round, &value)?,
            Value::Nil => None,
            _ => return Err(self.cannot_range(source, &value)?),
        };
        match (ran, branch.otherwise) {
            (Some(flow), _) => Ok(flow),
            (None, Some(otherwise)) => self.walk(source, otherwise, dot),
            (None, None) => Ok(Flow::Next),
        }
    }

    fn cannot_range(&mut self, source: &Source, value: &Value) -> Result<Stop, Stop> {
        let text = match value {
            // Go looks behind the pointer, where there is no method that prints it.
            Value::Object(object) if object.kind() == Kind::Ptr => {
                fmt::without_methods(self.call.budget, value)?
            }
            value => fmt::with_verb(self.call.budget, value, 'v')?,
        };
        Ok(self.fail(source, &format!("range can't iterate over {text}")))
    }

    fn range_list(&mut self, round: &Round<'_>, list: &List) -> Result<Option<Flow>, Stop> {
        if list.is_empty() {
            return Ok(None);
        }
        // The body may sort the list in place, which the next round sees, as in Go.
        for index in 0..list.len() {
            let Some(item) = list.get(index) else {
                break;
            };
            let item = Operand::item(list, item);
            if self.round(round, index_value(index), &item)? == Flow::Break {
                break;
            }
        }
        Ok(Some(Flow::Next))
    }

    fn range_bytes(&mut self, round: &Round<'_>, bytes: &[u8]) -> Result<Option<Flow>, Stop> {
        if bytes.is_empty() {
            return Ok(None);
        }
        for (index, byte) in bytes.iter().enumerate() {
            let item = Operand::plain(Value::Uint(UintType::Uint8, u64::from(*byte)));
            if self.round(round, index_value(index), &item)? == Flow::Break {
                break;
            }
        }
        Ok(Some(Flow::Next))
    }

    /// Over the entries as they are now: what the body does to the map is not seen, as in Go.
    fn range_map(&mut self, round: &Round<'_>, map: &Map) -> Result<Option<Flow>, Stop> {
        if map.is_empty() {
            return Ok(None);
        }
        self.call
            .budget
            .take(map.len().saturating_mul(size_of::<Value>() * 2))?;
        for (key, value) in map.entries() {
            let value = Operand::entry(map, value);
            if self.round(round, Operand::plain(Value::String(key)), &value)? == Flow::Break {
                break;
            }
        }
        Ok(Some(Flow::Next))
    }

    fn range_number(&mut self, round: &Round<'_>, number: &Value) -> Result<Option<Flow>, Stop> {
        if round.pipe.variables > 1 {
            let text = fmt::with_verb(self.call.budget, number, 'v')?;
            let text = format!("can't use {text} to iterate over more than one variable");
            return Err(self.fail(round.source, &text));
        }
        let count = match number {
            Value::Int(_, count) => u64::try_from(*count).unwrap_or(0),
            Value::Uint(_, count) => *count,
            _ => 0,
        };
        for index in 0..count {
            let item = match number {
                Value::Int(kind, _) => Value::Int(*kind, index.cast_signed()),
                Value::Uint(kind, _) => Value::Uint(*kind, index),
                _ => Value::Nil,
            };
            if self.round(round, Operand::nothing(), &Operand::plain(item))? == Flow::Break {
                break;
            }
        }
        Ok((count > 0).then_some(Flow::Next))
    }

    /// One iteration of a loop.
    fn round(&mut self, round: &Round<'_>, index: Operand, item: &Operand) -> Result<Flow, Stop> {
        let (variables, _) = round.source.parts(round.pipe);
        if round.pipe.assigns {
            if let [first, second] = variables {
                self.assign(round.source, *first, index)?;
                self.assign(round.source, *second, item.clone())?;
            } else if let [only] = variables {
                self.assign(round.source, *only, item.clone())?;
            }
        } else {
            // The pipeline has just declared them, the item's last.
            let mut declared = self
                .variables
                .get_mut(..round.mark)
                .unwrap_or_default()
                .iter_mut()
                .rev();
            if !variables.is_empty()
                && let Some(variable) = declared.next()
            {
                variable.value = item.clone();
            }
            if variables.len() > 1
                && let Some(variable) = declared.next()
            {
                variable.value = index;
            }
        }
        let flow = self.walk(round.source, round.branch.list, item)?;
        self.variables.truncate(round.mark);
        Ok(flow)
    }

    fn template(&mut self, source: &Source, call: &TemplateCall, dot: &Operand) -> Result<(), Stop> {
        let Some(template) = self.set.lookup(&call.name).cloned() else {
            let text = format!("template {} not defined", fmt::quoted(&call.name).text());
            return Err(self.fail(source, &text));
        };
        if self.templates >= MAX_TEMPLATES {
            let text = format!("exceeded maximum template depth ({MAX_TEMPLATES})");
            return Err(self.fail(source, &text));
        }
        let dot = match call.pipe {
            Some(pipe) => self.pipeline(source, pipe, dot)?,
            None => Operand::nothing(),
        };
        let at = self.at;
        self.templates += 1;
        self.frame(&template, &dot)?;
        self.templates -= 1;
        self.at = at;
        Ok(())
    }

    /// Declares a variable (`:=`).
    pub(super) fn declare(&mut self, source: &Source, variable: NodeId, value: Operand) {
        if let Node::Variable { variable, .. } = source.kind(variable) {
            self.variables.push(Variable {
                name: variable,
                value,
            });
        }
    }

    /// Assigns to the last variable of that name (`=`).
    pub(super) fn assign(&mut self, source: &Source, variable: NodeId, value: Operand) -> Result<(), Stop> {
        let Node::Variable { variable, .. } = source.kind(variable) else {
            return Ok(());
        };
        let frame = self.variables.get_mut(self.base..).unwrap_or_default();
        match frame.iter_mut().rev().find(|known| known.name == variable) {
            Some(known) => {
                known.value = value;
                Ok(())
            }
            None => Err(self.undefined(source, variable)),
        }
    }

    pub(super) fn variable(&mut self, source: &Source, variable: u32) -> Result<Operand, Stop> {
        let frame = self.variables.get(self.base..).unwrap_or_default();
        if variable == 0
            && !source.declares_dollar
            && let Some(dollar) = frame.first()
        {
            return Ok(dollar.value.clone());
        }
        match frame.iter().rev().position(|known| known.name == variable) {
            Some(distance) => {
                // Thousands of variables make a search that costs.
                self.call.budget.step((distance >> 5) as u64)?;
                Ok(frame[frame.len() - 1 - distance].value.clone())
            }
            None => Err(self.undefined(source, variable)),
        }
    }

    fn undefined(&self, source: &Source, variable: u32) -> Stop {
        self.fail(
            source,
            &format!("undefined variable: {}", source.variable(variable)),
        )
    }
}

/// What the iterations of a loop share.
struct Round<'s> {
    source: &'s Source,
    branch: &'s Branch,
    pipe: Pipe,
    /// The end of the variables that the loop itself declared.
    mark: usize,
}

fn index_value(index: usize) -> Operand {
    Operand::plain(Value::int(i64::try_from(index).unwrap_or(i64::MAX)))
}
