//! Another network namespace each time: containers that live for a short while.

use std::collections::BTreeSet;

use crate::model::diagnosis::Evidence;
use crate::model::incident::Namespace;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::evidence::{Cited, context};
use super::super::facts::Case;

/// So many namespaces make a turnover.
const NAMESPACES_MIN: usize = 3;

pub(super) fn hint(case: &Case<'_>) -> Option<Evidence> {
    let named = case.past.iter().filter_map(|incident| match &incident.namespace {
        Namespace::Netns(inode) => Some(*inode),
        _ => None,
    });
    let all: Vec<u64> = named.collect();
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    if distinct.len() < NAMESPACES_MIN || distinct.len() < all.len() {
        return None;
    }
    let said = sentence![
        Word::Count(all.len() as u64, noun::INCIDENT),
        "were in as many network namespaces, none twice: containers that live for a short while, each with a table of its own; a number that comes again need not be the same container"
    ];
    Some(context("namespace-turnover", said).value("namespaces", distinct.len() as f64).read_in_log(case))
}
