//! The machine itself: processors, modules, uptime, distribution.

/// A module of the kernel that is loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Name.
    pub name: Box<str>,
    /// Bytes.
    pub bytes: u64,
    /// What uses it; none: not told (2.4 and kernels that cannot unload).
    pub users: Option<u64>,
    /// From outside the kernel's own tree, or not under its licence (`O`, `P`).
    pub foreign: bool,
}

/// What is known of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Processors that are in use.
    pub processors: Option<u64>,
    /// Seconds since boot, whole ones.
    pub uptime_seconds: Option<u64>,
    /// Loaded modules by name; none: no list was read. An empty list is a kernel without modules.
    pub modules: Option<Vec<Module>>,
    /// Boot parameters of the tracker (`nf_conntrack.hashsize=…`), as written. None: the command line was not read.
    pub boot_parameters: Option<Vec<Box<str>>>,
    /// The distribution in its own words.
    pub distribution: Option<Box<str>>,
}

impl Machine {
    /// Takes from `other` what this one does not know.
    pub fn fill_from(&mut self, other: &Self) {
        self.processors = self.processors.or(other.processors);
        self.uptime_seconds = self.uptime_seconds.or(other.uptime_seconds);
        self.modules = self.modules.take().or_else(|| other.modules.clone());
        self.boot_parameters = self.boot_parameters.take().or_else(|| other.boot_parameters.clone());
        self.distribution = self.distribution.take().or_else(|| other.distribution.clone());
    }
}
