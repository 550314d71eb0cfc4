//! `mail deliver`: each message that is due, once.

use super::way::Way;
use crate::app::watch;
use crate::cli::args::DeliverMail;
use crate::cli::exit::Exit;
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::model::live::message::{Letter, Next, RecipientState};
use crate::model::time::WallTime;
use crate::report::escape;
use crate::steer::outbox::{LEASE_US, after};

/// Hands over what is due.
pub(super) fn run(typed: &DeliverMail) -> anyhow::Result<Exit> {
    let config = watch::of_flags(&typed.config)?;
    let Some(mut outbox) = Outbox::open(&config.state_dir)? else {
        anyhow::bail!("{}: holds no state: has `conntriage watch` run?", config.state_dir.display());
    };
    let way = Way::of(&config, typed.eml.as_deref())?;
    let begun = output::now();
    let mut exit = Exit::Done;
    // What was put off meanwhile is due later than this run began.
    while let Some(letter) = outbox.lease(begun, until())? {
        exit = worse(exit, one(&mut outbox, &way, &letter)?);
    }
    Ok(exit)
}

/// When a lease that is taken now ends.
pub(super) fn until() -> WallTime {
    WallTime(output::now().0.saturating_add(LEASE_US))
}

/// Hands over one message that was leased, and keeps what came of it.
pub(super) fn one(outbox: &mut Outbox, way: &Way, letter: &Letter) -> anyhow::Result<Exit> {
    let fates = way.hand_over(letter, Some(outbox), &mut |_| {});
    let next = after(fates, &letter.id, letter.attempts, letter.created, output::now());
    outbox.answer(letter, &next)?;
    say(letter, &next);
    let any = |wanted: fn(RecipientState) -> bool| next.recipients.iter().any(|(_, state, _)| wanted(*state));
    Ok(if any(|state| state == RecipientState::Dead) {
        Exit::Failed
    } else if any(RecipientState::waits) {
        Exit::Partial
    } else {
        Exit::Done
    })
}

fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
        (Exit::Partial, _) | (_, Exit::Partial) => Exit::Partial,
        _ => Exit::Done,
    }
}

/// A line for each thing that can be said of some recipients.
fn say(letter: &Letter, next: &Next) {
    let at = next.at.and_then(WallTime::rfc3339).unwrap_or_default();
    let mut said: Vec<(RecipientState, &Option<String>)> = Vec::new();
    for (_, state, why) in &next.recipients {
        if said.contains(&(*state, why)) {
            continue;
        }
        said.push((*state, why));
        let of = next.recipients.iter().filter(|(_, other, reason)| (other, reason) == (state, why));
        let to: Vec<&str> = of.map(|(address, ..)| address.as_str()).collect();
        let to = to.join(", ");
        let why = why.as_deref().unwrap_or_default();
        let line = match state {
            RecipientState::Sent => format!("{}: handed over, to {to}", letter.id),
            RecipientState::Waiting | RecipientState::Possibly => {
                format!("{}: not handed over, to {to}: {why}; it is tried again at {at}", letter.id)
            }
            RecipientState::Dead => format!("{}: given up, for {to}: {why}", letter.id),
        };
        output::complain(&escape::text(&line));
    }
}
