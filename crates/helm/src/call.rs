//! How templates call functions, and what functions may know of the world.

pub use crate::functions::Keys;
use crate::value::Value;

/// A function that templates call by name.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name in templates.
    pub name: &'static str,
    /// The types of the arguments. The evaluator checks and converts them as Go's does, so that a function sees
    /// only what its signature allows.
    pub params: &'static [Param],
    /// The type of each argument after `params`, if the function takes any number of them.
    pub variadic: Option<Param>,
    /// The function itself.
    pub call: fn(&mut Call<'_>, &[Value]) -> Result<Value, FunctionError>,
}

/// The static type of a parameter, as Go's signature has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`, or `reflect.Value`: anything, nil too.
    Any,
    /// `string`.
    String,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float64,
    /// `[]byte`.
    Bytes,
    /// `[]interface {}`.
    List,
    /// `[]string`.
    Strings,
    /// `map[string]interface {}`; `common.Values` is assignable to it.
    Map,
    /// Any other type, by its name in Go; only a value of exactly that type is taken.
    Other(&'static str),
}

/// Why a function failed: the text of Go's `error`, as Helm shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The function says no; the template's error wraps this text.
    #[error("{0}")]
    Failed(String),
    /// The same with the error below it, as `%w` wraps it in Go: the text holds the text of the cause.
    #[error("{text}")]
    Wrapped {
        /// The whole text.
        text: String,
        /// The error below.
        cause: Box<FunctionError>,
    },
    /// A limit was reached; nothing may catch or hide this.
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

/// A chart costs more than it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chart needs more than the {limit} {what} that are allowed")]
pub struct LimitReached {
    /// What there is too much of: "steps", "bytes of memory", "nested calls".
    pub what: &'static str,
    /// How much of it is allowed.
    pub limit: u64,
}

impl FunctionError {
    /// The failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// The failure with this text before that of its cause. A limit stays what it is.
    #[must_use]
    pub fn wrap(self, text: &str) -> Self {
        match self {
            Self::Limit(_) => self,
            cause => Self::Wrapped {
                text: format!("{text}{cause}"),
                cause: Box::new(cause),
            },
        }
    }
}

/// What a function call may use besides its arguments.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the rendering may cost.
    pub budget: &'a mut Budget,
    /// The world outside the chart.
    pub world: &'a mut World,
}

/// The world outside the chart, given by the caller, so that the same call gives the same output.
#[derive(Clone, Debug)]
pub struct World {
    /// What `now` gives: seconds since 1970 and nanoseconds.
    pub now: (i64, u32),
    /// The state that random functions draw from.
    pub seed: u64,
    /// The RSA keys that were made so far; see [`crate::functions`] for why they are shared.
    pub keys: Keys,
}

impl World {
    /// A world at this time (seconds since 1970 and nanoseconds), whose random functions draw from this seed.
    pub fn new(now: (i64, u32), seed: u64) -> Self {
        Self {
            now,
            seed,
            keys: Keys::new(seed),
        }
    }
}

/// What a rendering may cost; every loop and every growing string draws on it.
#[derive(Clone, Debug)]
pub struct Budget {
    steps: u64,
    max_steps: u64,
    bytes: u64,
    max_bytes: u64,
}

impl Budget {
    /// A budget of steps (nodes evaluated, items visited, kilobytes scanned) and of bytes made.
    pub const fn new(max_steps: u64, max_bytes: u64) -> Self {
        Self {
            steps: 0,
            max_steps,
            bytes: 0,
            max_bytes,
        }
    }

    /// The steps taken so far.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The bytes taken so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `count` steps.
    pub fn step(&mut self, count: u64) -> Result<(), LimitReached> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > self.max_steps {
            return Err(LimitReached {
                what: "steps",
                limit: self.max_steps,
            });
        }
        Ok(())
    }

    /// Takes `count` bytes for something that is about to be made; call it before allocating.
    pub fn take(&mut self, count: usize) -> Result<(), LimitReached> {
        self.bytes = self.bytes.saturating_add(count as u64);
        if self.bytes > self.max_bytes {
            return Err(LimitReached {
                what: "bytes of memory",
                limit: self.max_bytes,
            });
        }
        Ok(())
    }
}

impl Param {
    /// The name of the type in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Bytes => "[]uint8",
            Self::List => "[]interface {}",
            Self::Strings => "[]string",
            Self::Map => "map[string]interface {}",
            Self::Other(name) => name,
        }
    }
}
