//! Errors of a rendering, decorated as Helm decorates those of `text/template`.

use crate::call::{FunctionError, LimitReached};
use crate::chart::Profile;

use super::SetError;

/// Why a chart cannot be rendered, in Helm's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// What a user gave on the command line is not understood.
    #[error(transparent)]
    Given(#[from] SetError),
    /// The release cannot have this name.
    #[error("{0}")]
    Name(String),
    /// The values of charts do not go together.
    #[error("{0}")]
    Values(String),
    /// The values are not what a schema wants.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// A library chart cannot be installed.
    #[error("{0} charts are not installable")]
    NotInstallable(String),
    /// Charts that are named and not there.
    #[error("{lead}found in Chart.yaml, but missing in charts/ directory: {}", .names.join(", "))]
    Missing {
        /// What Helm says before it, which differs between its generations.
        lead: &'static str,
        /// Their names.
        names: Vec<String>,
    },
    /// The chart wants another version of Kubernetes.
    #[error("chart requires kubeVersion: {range} which is incompatible with Kubernetes {version}")]
    KubeVersion {
        /// What it wants.
        range: String,
        /// What there is.
        version: String,
    },
    /// A template is not well formed, or it failed.
    #[error("{shown}")]
    Template {
        /// The text as Helm prints it.
        shown: String,
        /// The text as `text/template` gives it.
        text: String,
    },
    /// A rendered file is not YAML.
    #[error("YAML parse error on {path}: {problem}")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that is to be shown is not there.
    #[error("could not find template {0} in chart")]
    NotShown(String),
    /// The caller's post-processing failed.
    #[error("error while running post render on files: {0}")]
    PostRender(String),
    /// The chart costs more than it may.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// One template, or what it gave, costs more than is left.
    #[error("{limit}: {path}")]
    TemplateLimit {
        /// What there is too much of.
        limit: LimitReached,
        /// The template.
        path: String,
    },
}

impl RenderError {
    /// Whether the chart costs more than it may; the answer then says nothing about whether Helm could render it.
    pub const fn is_limit(&self) -> bool {
        matches!(self, Self::Limit(_) | Self::TemplateLimit { .. })
    }
}

impl From<FunctionError> for RenderError {
    fn from(error: FunctionError) -> Self {
        match error {
            FunctionError::Limit(limit) => Self::Limit(limit),
            other => Self::Values(other.to_string()),
        }
    }
}

/// What `required` and `fail` put around their texts, so that Helm finds them in those of the engine.
const START: &str = "HELM_ERR_START";
const END: &str = "HELM_ERR_END";

/// The error of `required` and `fail`.
pub(super) fn warned(text: &str) -> FunctionError {
    FunctionError::new(format!("{START}{text}{END}"))
}

/// The error about a text that is no template.
pub(super) fn unparsed(file: &str, text: String) -> RenderError {
    let tokens: Vec<&str> = text.split(": ").collect();
    let shown = match (tokens.get(1), tokens.last()) {
        (Some(location), Some(last)) => format!("parse error at ({location}): {last}"),
        _ => format!("parse error in ({file}): {text}"),
    };
    RenderError::Template { shown, text }
}

/// The error about a template that failed.
pub(super) fn failed(error: FunctionError, file: &str, profile: Profile) -> RenderError {
    if let FunctionError::Limit(limit) = error {
        return RenderError::TemplateLimit {
            limit,
            path: file.to_owned(),
        };
    }
    let text = error.to_string();
    let mut tokens = text.splitn(3, ": ");
    let (_, location, rest) = (tokens.next(), tokens.next(), tokens.next());
    let shown = match (location, rest) {
        (Some(location), Some(rest)) => match between(rest) {
            Some(said) => format!("execution error at ({location}): {said}"),
            None if profile == Profile::Helm4 => located(&error).unwrap_or_else(|| text.clone()),
            None => text.clone(),
        },
        _ => format!("execution error in ({file}): {text}"),
    };
    RenderError::Template { shown, text }
}

/// What `required` or `fail` said.
fn between(text: &str) -> Option<&str> {
    let start = text.find(START)? + START.len();
    let rest = text.get(start..)?;
    rest.get(..rest.rfind(END)?)
}

/// One error of a chain, in its parts.
#[derive(PartialEq, Eq)]
struct Link<'a> {
    location: &'a str,
    executed: String,
    message: &'a str,
}

/// Helm 4's lines: where, what, why, of each error in the chain; `None` if one of them is not the engine's own.
fn located(error: &FunctionError) -> Option<String> {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    let mut links: Vec<Link<'_>> = Vec::new();
    for text in &texts {
        let link = Link::parse(text)?;
        if links.last() != Some(&link) {
            links.push(link);
        }
    }
    let mut out = String::new();
    for link in links {
        for (part, end) in [
            (link.location, "\n  "),
            (&link.executed, "\n    "),
            (link.message, "\n"),
        ] {
            if !part.is_empty() {
                out.push_str(part);
                out.push_str(end);
            }
        }
    }
    Some(out.trim().to_owned())
}

fn chain(error: &FunctionError) -> impl Iterator<Item = &FunctionError> {
    std::iter::successors(Some(error), |error| match error {
        FunctionError::Wrapped { cause, .. } => Some(cause.as_ref()),
        _ => None,
    })
}

impl<'a> Link<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self {
                location: "",
                executed: String::new(),
                message: text,
            });
        }
        Self::executing(rest).or_else(|| {
            let (location, message) = rest.rsplit_once(": ")?;
            Some(Self {
                location,
                executed: String::new(),
                message: before_next(message),
            })
        })
    }

    fn executing(rest: &'a str) -> Option<Self> {
        let (location, after) = rest.split_once(": executing ")?;
        let (name, after) = after.strip_prefix('"')?.split_once('"')?;
        let (place, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Self {
            location,
            executed: format!("executing \"{name}\" at <{place}>:"),
            message: before_next(message),
        })
    }
}

/// Without the error that follows in the same text.
fn before_next(message: &str) -> &str {
    message.split(" template:").next().unwrap_or(message)
}
