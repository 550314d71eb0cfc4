//! `mail deliver`: each message that is due, once.

use super::way::Way;
use crate::app::watch;
use crate::cli::args::DeliverMail;
use crate::cli::exit::Exit;
use crate::edge::deliver::http;
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::model::live::config::Notify;
use crate::model::live::message::{Channel, Fate, Fates, Letter, Next, Queued, RecipientState};
use crate::model::time::WallTime;
use crate::report::escape;
use crate::steer::outbox::{LEASE_US, after, again};

/// Hands over what is due.
pub(super) fn run(typed: &DeliverMail) -> anyhow::Result<Exit> {
    let config = watch::of_flags(&typed.config)?;
    let Some(mut outbox) = Outbox::open(&config.state_dir)? else {
        anyhow::bail!("{}: holds no state: has `conntriage watch` run?", config.state_dir.display());
    };
    let begun = output::now();
    let mut exit = Exit::Done;
    // Programs first: they answer at once. As files only mail is of use.
    for channel in [Channel::Alertmanager, Channel::Webhook].into_iter().filter(|_| typed.eml.is_none()) {
        while let Some(letter) = outbox.lease_of(channel, begun, until())? {
            exit = worse(exit, post(&mut outbox, &config.notify, &letter)?);
        }
    }
    let no_mail = || -> anyhow::Result<bool> {
        let waits = |queued: &Queued| queued.channel == Channel::Mail && queued.next_attempt.is_some();
        Ok(config.mail.to.is_empty() && !outbox.queue()?.iter().any(waits))
    };
    let way = match Way::of(&config, typed.eml.as_deref()) {
        Ok(way) => way,
        // Whoever has only programs told needs no MTA.
        Err(_) if no_mail()? => return Ok(exit),
        Err(error) => return Err(error),
    };
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
    settle(outbox, letter, fates)
}

/// Posts one message to the program that it is for.
fn post(outbox: &mut Outbox, notify: &Notify, letter: &Letter) -> anyhow::Result<Exit> {
    let (url, token) = match letter.channel {
        Channel::Alertmanager => (
            notify
                .alertmanager_url
                .as_ref()
                .map(|url| format!("{}/api/v2/alerts", url.trim_end_matches('/'))),
            &notify.alertmanager_token_file,
        ),
        Channel::Webhook | Channel::Mail => (notify.webhook_url.clone(), &notify.webhook_token_file),
    };
    let fate = match url {
        Some(url) => http::post(&url, token.as_deref(), letter, http::PATIENCE),
        None => {
            Fate::Misconfigured(format!("notify.{}_url is not configured any more", letter.channel.word()))
        }
    };
    let fates = letter.envelope.to.iter().map(|to| (to.clone(), fate.clone())).collect();
    settle(outbox, letter, fates)
}

fn settle(outbox: &mut Outbox, letter: &Letter, fates: Fates) -> anyhow::Result<Exit> {
    let now = output::now();
    let next = after(fates, &letter.id, letter.attempts, letter.created, now);
    let next = if letter.repeats { again(next, now) } else { next };
    outbox.answer(letter, &next)?;
    say(letter, &next);
    let any = |wanted: fn(RecipientState) -> bool| next.recipients.iter().any(|(_, state, _)| wanted(*state));
    Ok(if any(|state| state == RecipientState::Dead) {
        Exit::Failed
    } else if any(RecipientState::waits) && next.why().is_some() {
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
            RecipientState::Waiting if letter.repeats && why.is_empty() => {
                format!("{}: handed over, to {to}; while the incident lasts, again at {at}", letter.id)
            }
            RecipientState::Waiting | RecipientState::Possibly => {
                format!("{}: not handed over, to {to}: {why}; it is tried again at {at}", letter.id)
            }
            RecipientState::Dead => format!("{}: given up, for {to}: {why}", letter.id),
        };
        output::complain(&escape::text(&line));
    }
}
