//! Recipients of a transaction: each is settled once.

use crate::model::live::message::{Fate, Fates};

/// Recipients, and what is settled about each.
#[derive(Clone)]
pub(super) struct Open(Vec<(String, Option<Fate>)>);

impl Open {
    /// Nothing is settled yet.
    pub(super) fn of(to: &[String]) -> Self {
        Self(to.iter().map(|to| (to.clone(), None)).collect())
    }

    pub(super) fn settle(&mut self, address: &str, fate: &Fate) {
        for (to, settled) in &mut self.0 {
            if to == address && settled.is_none() {
                *settled = Some(fate.clone());
            }
        }
    }

    /// Nobody is left who could get it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, settled)| settled.is_some())
    }

    /// The same for all who are not settled.
    pub(super) fn all(self, fate: &Fate) -> Fates {
        self.0.into_iter().map(|(to, settled)| (to, settled.unwrap_or_else(|| fate.clone()))).collect()
    }
}

/// Fates, with later ones in their places.
pub(super) fn replaced(first: Fates, later: &Fates) -> Fates {
    let of = |to: &String| later.iter().find(|(other, _)| other == to).map(|(_, fate)| fate.clone());
    first
        .into_iter()
        .map(|(to, fate)| {
            let fate = of(&to).unwrap_or(fate);
            (to, fate)
        })
        .collect()
}
