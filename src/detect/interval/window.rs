//! The window at the end of a stretch: how many of its tokens may be used, and since when it is open.
//!
//! A window opens with the first call behind the one before it, ends after `cost`, or shows ten lines; so from a line
//! that surely opens one (it flushed a count, or nothing of the limiter stood before it for longer than a window) the
//! windows behind it follow by counting. Where a clock leaves open to which window a line belongs, both are followed.

use super::account::{Rules, doubt_us};
use crate::model::era::Era;
use crate::model::run::{Stretch, TOKENS_KEPT, Token};
use crate::model::time::Moment;

/// What may stand behind some lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// A window that was opened before everything known; any number of its tokens may be used. It is over at this time.
    Inherited { over_at: i64 },
    /// A window with so many tokens used, open since then. Up to 4.9 the time may run from the second call only.
    Open { since: Option<i64>, first: i64, used: usize },
}

/// What a stretch begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Its first line opens a window.
    Opens,
    /// Its first line may belong to a window that is not seen.
    Unknown,
}

/// The window at the end of a stretch, if it may have refused anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FullWindow {
    /// When it was opened at the earliest; none where that is not known.
    pub(super) opened_at: Option<i64>,
}

/// The last window of a stretch, if all its tokens may be used.
pub(super) fn last_full(
    stretch: &Stretch,
    beginning: Beginning,
    clock: &Moment,
    rules: &Rules,
) -> Option<FullWindow> {
    if rules.era == Some(Era::A) {
        // One line in five seconds: each is a window of its own.
        let last = stretch.last.last().filter(|token| !token.repeated);
        return (stretch.tokens() > 0).then(|| FullWindow { opened_at: last.map(|token| token.at) });
    }
    if stretch.last.is_empty() || rules.burst > TOKENS_KEPT {
        // Without times, or with more tokens than are kept, their number is all that is known.
        let full = stretch.tokens() >= u64::try_from(rules.burst).unwrap_or(u64::MAX);
        return full.then_some(FullWindow { opened_at: None });
    }
    let all_kept = stretch.tokens() <= stretch.last.len() as u64;
    let beginning = if all_kept { beginning } else { Beginning::Unknown };
    full_state(&stretch.last, beginning, clock, rules)
}

fn full_state(tokens: &[Token], beginning: Beginning, clock: &Moment, rules: &Rules) -> Option<FullWindow> {
    let mut states: Vec<State> = Vec::new();
    for token in tokens {
        let mut next = Vec::new();
        for state in &states {
            follow(*state, token, clock, rules, &mut next);
        }
        if states.is_empty() {
            start(token, beginning, rules, &mut next);
        }
        next.sort_unstable();
        next.dedup();
        states = next;
    }
    let full = states.iter().filter(|state| match state {
        State::Inherited { .. } => true,
        State::Open { used, .. } => *used >= rules.burst,
    });
    let opened = full.map(|state| match state {
        State::Inherited { .. } => None,
        State::Open { first, .. } => Some(*first),
    });
    // Copies of a repetition stand somewhere before its time, so with them the time of opening is not known.
    let known = tokens.iter().all(|token| !token.repeated);
    // `None` is less than any time.
    opened.min().map(|opened_at| FullWindow { opened_at: opened_at.filter(|_| known) })
}

fn start(token: &Token, beginning: Beginning, rules: &Rules, states: &mut Vec<State>) {
    open(token, rules, states);
    if beginning == Beginning::Unknown {
        states.push(State::Inherited { over_at: token.at.saturating_add(rules.cost_us) });
    } else if rules.may_begin_at_second_call() {
        // The call before, however long ago, may have opened a window whose time begins only now.
        states.push(State::Open { since: Some(token.at), first: token.at, used: 2 });
    }
}

fn open(token: &Token, rules: &Rules, states: &mut Vec<State>) {
    states.push(State::Open { since: Some(token.at), first: token.at, used: 1 });
    if rules.may_begin_at_second_call() {
        states.push(State::Open { since: None, first: token.at, used: 1 });
    }
}

/// One line more: where it may lead to from a state.
fn follow(state: State, token: &Token, clock: &Moment, rules: &Rules, states: &mut Vec<State>) {
    let doubt = doubt_us(clock);
    let is_over = |over_at: i64| {
        // Copies of a repetition may be earlier than their time.
        let surely = token.at > over_at.saturating_add(doubt) && !token.repeated;
        let perhaps = token.at > over_at.saturating_sub(doubt);
        (surely, perhaps)
    };
    let (stays, (surely_over, perhaps_over)) = match state {
        State::Inherited { over_at } => (state, (is_over(over_at).0, true)),
        State::Open { since: None, first, used } => {
            (State::Open { since: Some(token.at), first, used: used.saturating_add(1) }, (false, false))
        }
        State::Open { since: Some(since), first, used } => {
            let more = State::Open { since: Some(since), first, used: used.saturating_add(1) };
            let spent = used >= rules.burst;
            let (surely, perhaps) = is_over(since.saturating_add(rules.cost_us));
            (more, (surely || spent, perhaps || spent))
        }
    };
    if !surely_over {
        states.push(stays);
    }
    if perhaps_over {
        open(token, rules, states);
    }
}
