//! What is known of a package in an index.

use std::fmt;

/// How much a system needs a package (Policy 2.5), most needed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Without it the package manager may not work.
    Required,
    /// Every Unix system has it.
    Important,
    /// A small system for text has it.
    Standard,
    /// Nearly all packages, and those that say nothing.
    Optional,
    /// The old word for some optional ones.
    Extra,
}

impl Priority {
    /// The priority of this name; any unknown word is optional.
    pub fn of(word: &str) -> Self {
        match word {
            "required" => Self::Required,
            "important" => Self::Important,
            "standard" => Self::Standard,
            "extra" => Self::Extra,
            _ => Self::Optional,
        }
    }
}

/// The `Multi-Arch` field (deb-control(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MultiArch {
    /// Serves packages of its own architecture only.
    #[default]
    No,
    /// May be installed for several architectures at once.
    Same,
    /// Serves packages of any architecture.
    Foreign,
    /// Serves packages of any architecture that ask for `:any`.
    Allowed,
}

/// The fields that relate packages to others. The order is that in which apt reads and follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Needed before it is unpacked.
    PreDepends,
    /// Needed.
    Depends,
    /// Not together, not even unpacked.
    Conflicts,
    /// Not together configured.
    Breaks,
    /// Needed by nearly all users.
    Recommends,
    /// Useful with it.
    Suggests,
}

impl Kind {
    /// Whether the relation names what must not be there.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::Conflicts | Self::Breaks)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
        })
    }
}
