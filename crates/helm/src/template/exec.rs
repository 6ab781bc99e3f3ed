//! The evaluator.

mod arguments;
mod call;
mod field;
mod operand;
mod pipeline;
mod walk;

use std::{any::Any, rc::Rc};

use super::{
    Template, TemplateSet,
    node::{NodeId, Source},
};
use crate::{
    call::{Call, FunctionError, LimitReached},
    value::{Str, Value},
};
pub(super) use call::Arguments;
pub(super) use field::zero_entry;
pub(super) use operand::Operand;

/// How deep everything together may nest: branches, pipelines in parentheses, templates and includes. Each level
/// takes stack, and a chart that recurses without end has to stop somewhere.
const MAX_LEVELS: u32 = 50_000;

/// How deep `{{template}}` may nest. Go allows ten times as much, which no template that ends needs.
const MAX_TEMPLATES: u32 = 10_000;

/// A running template, as [`super::EngineFunction`]s see it.
pub struct Execution<'a> {
    set: TemplateSet,
    call: Call<'a>,
    host: &'a mut dyn Any,
    out: Vec<u8>,
    /// The variables of all running templates; those of this one start at `base`.
    variables: Vec<Variable>,
    base: usize,
    /// The node that an error is about: as in Go the last one that was looked at, which may be a part of one that
    /// is evaluated already.
    at: NodeId,
    template: Option<Rc<Template>>,
    levels: u32,
    templates: u32,
}

struct Variable {
    /// The index of the name in the source.
    name: u32,
    value: Operand,
}

/// Why an evaluation ends early; boxed since it is passed through every level.
#[derive(Debug)]
struct Stop(Box<FunctionError>);

impl From<LimitReached> for Stop {
    fn from(limit: LimitReached) -> Self {
        FunctionError::Limit(limit).into()
    }
}

impl From<FunctionError> for Stop {
    fn from(error: FunctionError) -> Self {
        Self(Box::new(error))
    }
}

/// What runs on after a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// Runs on a stack that has room for one more level.
pub(super) fn with_stack<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 2 << 20, run)
}

impl std::fmt::Debug for Execution<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Execution")
            .field("template", &self.template.as_ref().map(|template| &template.name))
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}

impl<'a> Execution<'a> {
    /// An execution that runs nothing yet. `host` is whatever the engine functions need of their own.
    pub fn new(set: TemplateSet, call: Call<'a>, host: &'a mut dyn Any) -> Self {
        Self {
            set,
            call,
            host,
            out: Vec::new(),
            variables: Vec::new(),
            base: 0,
            at: NodeId(0),
            template: None,
            levels: 0,
            templates: 0,
        }
    }

    /// The output of the template of that name, and nothing after it.
    pub(super) fn finish(mut self, name: &[u8], data: &Value) -> Result<Vec<u8>, FunctionError> {
        let Some(template) = self.set.lookup(name).cloned() else {
            return Err(self.set.missing_template(name));
        };
        match self.frame(&template, &Operand::plain(data.clone())) {
            Ok(()) => Ok(self.out),
            Err(stop) => Err(*stop.0),
        }
    }

    /// The templates that see one another here.
    pub fn set(&self) -> &TemplateSet {
        &self.set
    }

    /// What plain functions get.
    pub fn call(&mut self) -> Call<'_> {
        Call {
            budget: self.call.budget,
            world: self.call.world,
        }
    }

    /// The host that the caller gave, if it is a `T`.
    pub fn host<T: 'static>(&mut self) -> Option<&mut T> {
        self.host.downcast_mut()
    }

    /// Executes the template of that name with `data` as dot, and gives its output (`ExecuteTemplate`): what Helm's
    /// `include` does. What runs around it is not touched.
    pub fn execute(&mut self, name: &[u8], data: &Value) -> Result<Str, FunctionError> {
        match self.set.lookup(name).cloned() {
            Some(template) => self.run(&template, data),
            None => Err(self.set.missing_template(name)),
        }
    }

    /// Executes a template with `data` as dot, and gives its output (`Template.Execute`).
    pub fn run(&mut self, template: &Rc<Template>, data: &Value) -> Result<Str, FunctionError> {
        // The output grows at the end of what is there, which costs no buffer of its own.
        let start = self.out.len();
        let outer_templates = std::mem::take(&mut self.templates);
        let outer_at = self.at;
        let variables = self.variables.len();
        let levels = self.levels;
        let result = self.frame(template, &Operand::plain(data.clone()));
        self.variables.truncate(variables);
        self.levels = levels;
        self.at = outer_at;
        self.templates = outer_templates;
        let out = Str::from(self.out.get(start..).unwrap_or_default());
        self.out.truncate(start);
        match result {
            Ok(()) => Ok(out),
            Err(stop) => Err(*stop.0),
        }
    }

    /// Does something with other templates in sight: what Helm's `tpl` does with a clone of the set that it parsed
    /// a text into.
    pub fn with_set<T>(&mut self, set: TemplateSet, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.set, set);
        let result = run(self);
        self.set = outer;
        result
    }

    /// Runs a template as one more frame, whose only variable is its dot.
    fn frame(&mut self, template: &Rc<Template>, dot: &Operand) -> Result<(), Stop> {
        let outer = self.template.replace(Rc::clone(template));
        let base = std::mem::replace(&mut self.base, self.variables.len());
        self.variables.push(Variable {
            name: 0,
            value: dot.clone(),
        });
        let result = self.deeper(|this| this.walk(&template.source, template.root, dot));
        self.variables.truncate(self.base);
        self.base = base;
        self.template = outer;
        result.map(|_| ())
    }

    /// One level down.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.levels >= MAX_LEVELS {
            return Err(LimitReached {
                what: "nested calls",
                limit: u64::from(MAX_LEVELS),
            }
            .into());
        }
        self.levels += 1;
        let result = with_stack(|| run(self));
        self.levels -= 1;
        result
    }

    /// The error of Go with this text about the node that was looked at last.
    fn fail(&self, source: &Source, text: &str) -> Stop {
        FunctionError::Failed(self.located(source, text)).into()
    }

    fn located(&self, source: &Source, text: &str) -> String {
        let (line, column) = source.position(self.at);
        let name = |of: fn(&Template) -> &Str| self.template.as_deref().map(of).cloned().unwrap_or_default();
        format!(
            "template: {}:{line}:{column}: executing {} at <{}>: {text}",
            name(|template| &template.file).text(),
            super::fmt::quoted(&name(|template| &template.name)).text(),
            source.text_of(self.at),
        )
    }
}
