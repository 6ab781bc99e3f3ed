//! Templates that see one another.

use std::{any::Any, collections::HashMap, rc::Rc, sync::Arc};

use super::{
    Execution, Functions, ParseError,
    node::{NodeId, Source},
    parse,
};
use crate::{
    call::{Call, FunctionError},
    value::{Str, Value},
};

/// What a key that a map does not have evaluates to (`Template.Option` in Go).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// Nothing: `<no value>` if printed, and fields of it are nothing too.
    #[default]
    Invalid,
    /// The zero value of the map's element type, which for `interface {}` is nil: fields of it are errors.
    Zero,
    /// An error.
    Error,
}

/// One parsed template.
#[derive(Debug)]
pub struct Template {
    pub(super) name: Str,
    /// The name that the text was parsed under, for positions.
    pub(super) file: Str,
    pub(super) source: Rc<Source>,
    pub(super) root: NodeId,
}

/// A text that was parsed: the template that it is, and what it defines. It can be added to every set that has the
/// functions it was parsed with.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(super) main: Rc<Template>,
    /// What it defines under other names.
    pub(super) defined: Vec<Rc<Template>>,
    /// It has a definition of its own name, which makes a difference.
    pub(super) defines_itself: bool,
}

impl Parsed {
    /// The text.
    pub(crate) fn source_text(&self) -> &[u8] {
        &self.main.source.text
    }

    /// What parsing the same text under another name gives; nothing where the name matters to the text.
    pub(crate) fn under(&self, name: &Str) -> Option<Self> {
        if self.defines_itself {
            return None;
        }
        if *name == self.main.name {
            return Some(self.clone());
        }
        if self.defined.iter().any(|template| template.name == *name) {
            return None;
        }
        let moved = |template: &Template, own: &Str| {
            Rc::new(Template {
                name: own.clone(),
                file: name.clone(),
                source: Rc::clone(&template.source),
                root: template.root,
            })
        };
        let defined = self.defined.iter();
        Some(Self {
            main: moved(&self.main, name),
            defined: defined.map(|template| moved(template, &template.name)).collect(),
            defines_itself: false,
        })
    }
}

impl Template {
    /// The name.
    pub fn name(&self) -> &Str {
        &self.name
    }

    /// Whether there is nothing in it but space, comments and definitions of others.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty(self.root)
    }
}

/// Templates that call one another by name, and the functions they may call. A clone is cheap, and what is parsed
/// into it is not seen by the original.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    name: Str,
    functions: Arc<Functions>,
    /// How missing keys of maps are taken.
    pub missing_key: MissingKey,
    shared: Rc<HashMap<Str, Rc<Template>>>,
    /// What was parsed into a clone, apart from what it shares with the original; the last of a name counts.
    own: Vec<Rc<Template>>,
}

/// How many templates a clone keeps apart; with more, looking them up one by one would be slow.
const MAX_OWN: usize = 8;

impl TemplateSet {
    /// A set without templates. Its name is only seen in the error about a template that is not there.
    pub fn new(name: impl Into<Str>, functions: Arc<Functions>) -> Self {
        Self {
            name: name.into(),
            functions,
            missing_key: MissingKey::default(),
            shared: Rc::default(),
            own: Vec::new(),
        }
    }

    /// Parses a text as the template `name`, and adds it and what it defines. As in Go, a definition goes before an
    /// older one of the same name unless there is nothing in it.
    ///
    /// The template is given back since the set may know another by its name: the older, if the text was empty.
    pub fn parse(
        &mut self,
        name: impl Into<Str>,
        text: impl AsRef<[u8]>,
    ) -> Result<Rc<Template>, ParseError> {
        let parsed = self.parsed(&name.into(), text.as_ref())?;
        Ok(self.add_parsed(&parsed))
    }

    /// Parses a text, and adds nothing.
    pub(crate) fn parsed(&self, name: &Str, text: &[u8]) -> Result<Parsed, ParseError> {
        parse::parse(name, text, &self.functions)
    }

    /// Adds a text that was parsed with the functions of this set, and gives the template that it is.
    pub(crate) fn add_parsed(&mut self, parsed: &Parsed) -> Rc<Template> {
        for template in &parsed.defined {
            self.add(Rc::clone(template));
        }
        self.add(Rc::clone(&parsed.main));
        Rc::clone(&parsed.main)
    }

    fn add(&mut self, template: Rc<Template>) {
        if template.is_empty() && self.lookup(&template.name).is_some() {
            return;
        }
        // Nobody else sees the shared part: it can be written to. Otherwise a clone keeps its own beside it.
        if self.own.is_empty()
            && let Some(shared) = Rc::get_mut(&mut self.shared)
        {
            shared.insert(template.name.clone(), template);
            return;
        }
        self.own.push(template);
        if self.own.len() > MAX_OWN {
            let shared = Rc::make_mut(&mut self.shared);
            for template in self.own.drain(..) {
                shared.insert(template.name.clone(), template);
            }
        }
    }

    /// The template of that name.
    pub fn lookup(&self, name: &[u8]) -> Option<&Rc<Template>> {
        self.own
            .iter()
            .rev()
            .find(|template| &*template.name == name)
            .or_else(|| self.shared.get(name))
    }

    /// The names of all templates, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Str> {
        self.shared
            .keys()
            .chain(self.own.iter().map(|template| &template.name))
    }

    /// The functions.
    pub fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    /// Executes the template of that name with `data` as dot, and gives its output. `host` is what
    /// [`super::EngineFunction`]s find in [`Execution::host`].
    ///
    /// The error holds the whole text of Go's `ExecError`, and the errors that it wraps.
    pub fn execute(
        &self,
        name: impl AsRef<[u8]>,
        data: &Value,
        call: Call<'_>,
        host: &mut dyn Any,
    ) -> Result<Vec<u8>, FunctionError> {
        Execution::new(self.clone(), call, host).finish(name.as_ref(), data)
    }

    pub(super) fn missing_template(&self, name: &[u8]) -> FunctionError {
        let quoted = |text: &[u8]| super::fmt::quoted(text).text().into_owned();
        FunctionError::Failed(format!(
            "template: no template {} associated with template {}",
            quoted(name),
            quoted(&self.name)
        ))
    }
}
