//! A case: what is asked, and how its machine is made.

use crate::answer::Expected;
use crate::scene::Scene;

/// Where a case comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An incident from the field, labelled there.
    Field,
    /// The one case of a cause that no incident from the field has.
    Own,
    /// One of several that differ in the one fact that separates them; named by what they have in common.
    Neighbour(&'static str),
}

/// A case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) expected: Expected,
    /// Makes the machine of a seed. The case's name stirs the seed.
    pub(crate) make: fn(&str, u64) -> Scene,
}

/// One incident from the field.
pub(crate) const fn field(name: &'static str, expected: Expected, make: fn(&str, u64) -> Scene) -> Case {
    Case { name, kind: Kind::Field, expected, make }
}

/// A cause's own.
pub(crate) const fn own(name: &'static str, expected: Expected, make: fn(&str, u64) -> Scene) -> Case {
    Case { name, kind: Kind::Own, expected, make }
}

/// One of neighbours.
pub(crate) const fn neighbour(
    of: &'static str,
    name: &'static str,
    expected: Expected,
    make: fn(&str, u64) -> Scene,
) -> Case {
    Case { name, kind: Kind::Neighbour(of), expected, make }
}
