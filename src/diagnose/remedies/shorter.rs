//! What is alike in every shorter timeout of a state of TCP, and in every deletion of what is in one.

use std::net::IpAddr;

use crate::model::census::Class;
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::timeout_name;
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::Word;
use crate::sentence;

use super::super::facts::Case;
use super::super::outlook::{Change, outlook};
use super::{HERE, family, here, set};

/// A timeout that saves less than this share of the table is no remedy: it costs connections and gains nothing.
const WORTH_PRINTING: f64 = 0.05;

/// Whether other lifetimes save entries worth the trouble, in the long run; true where that is not known.
pub(super) fn saves(case: &Case<'_>, then: impl Fn(&Class) -> Option<u64>) -> bool {
    let (Some(now), Some(then)) = (case.offered(|_| None), case.offered(then)) else { return true };
    now.saturating_sub(then) as f64 >= WORTH_PRINTING * case.entries() as f64
}

/// What a state is to be kept for.
pub(super) struct Shorter {
    pub(super) id: &'static str,
    /// The title up to the seconds: `keep unanswered SYNs for`.
    pub(super) keep: &'static str,
    pub(super) state: State,
    pub(super) seconds: u64,
    /// What runs now.
    pub(super) now: u64,
}

/// A shorter timeout, without its side effects; none where what runs is as short already, or too few entries are in
/// that state.
pub(super) fn shorter(case: &Case<'_>, what: &Shorter) -> Option<Remedy> {
    let Shorter { id, keep, state, seconds, now } = *what;
    let name = timeout_name(L4::TCP, Some(state), Reply::Assured).filter(|_| now > seconds)?;
    let concerned = |class: &Class| class.l4 == L4::TCP && class.state == Some(state);
    let then = |class: &Class| concerned(class).then_some(seconds);
    if !saves(case, then) {
        return None;
    }
    let change = Change::of_lifetimes(case, then);
    Some(Remedy {
        id,
        title: sentence![keep, Word::Duration(seconds as f64), "instead of", Word::Duration(now as f64)],
        commands: set(&case.kernel, name, seconds, Some(now)),
        effect: outlook(case, &change).effect(
            case,
            sentence!["timers that run keep their old end: it shows after", Word::Duration(now as f64)],
        ),
        side_effects: Vec::new(),
        persists: true,
    })
}

/// Lines that delete what is in a state towards one address and port. Where the destination is translated, only what was
/// given one server: the address of the service alone would take that of the others, too. `server`: which one that is.
pub(super) fn delete_in_state(
    state: State,
    (address, port): (IpAddr, u16),
    translated: bool,
    server: &str,
) -> Option<Vec<Command>> {
    let (ip, family, word) = (address.to_canonical(), family(address), state.word()?);
    let select = format!("-p tcp --state {word} -d {ip} --dport {port}");
    if !translated {
        return Some(vec![here(format!("conntrack {family}-D {select}"), None)]);
    }
    Some(vec![
        Command {
            place: format!("{HERE}: the second src= of a line is the server it was given"),
            ..here(format!("conntrack {family}-L {select}"), None)
        },
        Command {
            place: format!("{HERE}, with the address of {server} for SERVER"),
            ..here(format!("conntrack {family}-D {select} -r SERVER"), None)
        },
    ])
}

/// The effect of such a deletion: so many, and what follows.
pub(super) fn deleted(entries: u64, steady_state: Option<u64>, then: &'static str) -> Effect {
    Effect { entries_freed_now: Some(entries), steady_state_entries: steady_state, note: then.into() }
}
