//! Exit codes (documented in conntriage(1)).

/// What the program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, incidents or not.
    Done,
    /// Failed: nothing useful was written.
    Failed,
    /// An input named on the command line was unreadable or unrecognised, or a recognised one damaged or truncated.
    /// What could be read is reported.
    Partial,
    /// `--fail-on-incident` was given, and there is one. Outranks `Partial`.
    Incident,
    /// `check`: the code that its reader gives a meaning.
    Plugin(u8),
}

impl Exit {
    /// The number. 2 is usage, answered by the argument parser itself.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Partial => 3,
            Self::Incident => 10,
            Self::Plugin(code) => code,
        }
    }
}
