//! `mail deliver`: each message that is due, once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::way::{self, Came, Way};
use crate::app::watch;
use crate::cli::args::{DeliverMail, Only};
use crate::cli::exit::Exit;
use crate::edge::deliver::{Bound, attempt, http};
use crate::edge::live::{self, Signals};
use crate::edge::output;
use crate::edge::store::outbox::{Outbox, Turn};
use crate::model::live::attempt::{Errand, Outcome, Post};
use crate::model::live::config::{Config, Notify, Transport};
use crate::model::live::message::{Answered, Channel, Fate, Letter, Next, RecipientState};
use crate::model::time::WallTime;
use crate::report::escape;
use crate::steer::outbox::{LEASE_US, after, again};
use crate::wire::notice;

/// Hands over what is due.
pub(super) fn run(typed: &DeliverMail) -> anyhow::Result<Exit> {
    let config = watch::of_flags(&typed.config)?;
    let Some(outbox) = Outbox::open(&config.state_dir)? else {
        let said = format!(
            "{}: holds no state, and so no message: `conntriage watch` makes it",
            config.state_dir.display()
        );
        output::complain(&escape::text(&said));
        return Ok(Exit::Done);
    };
    let signals = Signals::listen()?;
    let begun = output::clock();
    let mut run = Run { outbox, signals, begun, taken: BTreeSet::new(), exit: Exit::Done };
    run.outbox.tidy()?;
    // Programs first: they answer at once. As files only mail is of use.
    if typed.only != Some(Only::Mail) && typed.eml.is_none() {
        for channel in [Channel::Alertmanager, Channel::Webhook] {
            run.programs(channel, &config.notify)?;
        }
    }
    if typed.only != Some(Only::Programs) {
        run.mail(&config, typed.eml.as_deref())?;
    }
    Ok(run.exit)
}

/// One run.
struct Run {
    outbox: Outbox,
    signals: Signals,
    begun: WallTime,
    /// Messages that it has had.
    taken: BTreeSet<i64>,
    exit: Exit,
}

impl Run {
    fn programs(&mut self, channel: Channel, notify: &Notify) -> anyhow::Result<()> {
        while let Some((letter, since)) = self.next(channel)? {
            let outcome = post(notify, &letter, &|| self.signals.stop());
            // Whoever does not answer one does not answer the next either.
            let leave = outcome.stopped
                || outcome
                    .fates
                    .iter()
                    .any(|(_, fate)| matches!(fate, Fate::NotNow(_) | Fate::Misconfigured(_)));
            let exit = settle(&mut self.outbox, &letter, Came { outcome, found: None }, since);
            self.exit = worse(self.exit, exit);
            if leave {
                break;
            }
        }
        Ok(())
    }

    fn mail(&mut self, config: &Config, files: Option<&Path>) -> anyhow::Result<()> {
        // Whoever has nothing to send needs no MTA.
        if !self.outbox.is_due(Channel::Mail, self.begun)? {
            if files.is_none() && config.mail.transport == Transport::Smtp && !config.mail.to.is_empty() {
                way::refresh(&config.mail, &self.outbox, &|| self.signals.stop());
            }
            return Ok(());
        }
        let way = Way::of(config, files)?;
        while let Some((letter, since)) = self.next(Channel::Mail)? {
            let came = way.hand_over(&letter, Some(&self.outbox), &|| self.signals.stop(), &mut |_| {});
            let leave = came.outcome.shut || came.outcome.stopped;
            let exit = settle(&mut self.outbox, &letter, came, since);
            self.exit = worse(self.exit, exit);
            if leave {
                break;
            }
        }
        Ok(())
    }

    /// The next message, and since when it is ours.
    fn next(&mut self, channel: Channel) -> anyhow::Result<Option<(Letter, Instant)>> {
        if self.signals.stop() {
            return Ok(None);
        }
        let since = live::instant();
        let turn = Turn { besides: &self.taken, begun: self.begun };
        let letter = self.outbox.lease_next(channel, &turn, output::clock(), until())?;
        self.taken.extend(letter.iter().map(|letter| letter.number));
        Ok(letter.map(|letter| (letter, since)))
    }
}

/// When a lease that is taken now ends.
pub(super) fn until() -> WallTime {
    WallTime(output::clock().0.saturating_add(LEASE_US))
}

/// Hands over one message that was leased just now, and keeps what came of it.
pub(super) fn one(outbox: &mut Outbox, way: &Way, letter: &Letter) -> Exit {
    let since = live::instant();
    let came = way.hand_over(letter, Some(outbox), &|| false, &mut |_| {});
    settle(outbox, letter, came, since)
}

/// Posts one message to the program that it is for.
fn post(notify: &Notify, letter: &Letter, stop: &dyn Fn() -> bool) -> Outcome {
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
    let Some(url) = url else {
        let why = format!("notify.{}_url is not configured any more", letter.channel.word());
        return Outcome::all(&letter.envelope.to, &Fate::Misconfigured(why));
    };
    let post = Post {
        to: letter.envelope.to.first().cloned().unwrap_or_default(),
        url,
        token: token.clone(),
        id: letter.id.clone(),
        bytes: letter.bytes.clone(),
        smaller: notice::without_report(&letter.bytes),
    };
    let bound = Bound { wall: http::WALL, stop };
    attempt::run(Path::new(attempt::THIS), &Errand::Post(post), &bound, &mut |_| {})
}

/// Keeps what came of a message that is ours since then. An error is said, and is about this message alone.
fn settle(outbox: &mut Outbox, letter: &Letter, came: Came, since: Instant) -> Exit {
    let now = output::clock();
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        output::complain(&escape::text(&format!("{}: {what}: {error}", letter.id)));
    };
    if came.outcome.stopped {
        match outbox.give_back(letter, now) {
            Ok(()) => output::complain(&escape::text(&format!("{}: not tried: told to stop", letter.id))),
            Err(error) => wrong("not tried, and that cannot be kept", &error),
        }
        return Exit::Partial;
    }
    let Came { outcome, found } = came;
    let next = after(outcome.fates, &letter.id, letter.attempts, letter.created, now);
    let next = if letter.repeats { again(next, now) } else { next };
    // The answer before all else, and as long as nobody else can have the message: whoever loses it sends a second one.
    let lease = Duration::from_micros(LEASE_US.unsigned_abs());
    let exit = match outbox.answer_within(letter, &next, lease.saturating_sub(since.elapsed())) {
        Ok(Answered::Kept(at)) => {
            let next = Next { at, ..next };
            say(letter, &next);
            code(&next)
        }
        Ok(Answered::Lost) => {
            let said =
                "what came of it counts no more: another run has it, or another message took its place";
            output::complain(&escape::text(&format!("{}: {said}", letter.id)));
            Exit::Done
        }
        Err(error) => {
            say(letter, &next);
            wrong("that cannot be kept, so that it may be sent once more", &error);
            Exit::Failed
        }
    };
    if let Some((host, found)) = found
        && let Err(error) = outbox.keep_relay(&host, &found)
    {
        // A relay that is not remembered is asked for again: that is no reason to fail.
        output::complain(&escape::text(&error.to_string()));
    }
    exit
}

fn code(next: &Next) -> Exit {
    let any = |wanted: fn(RecipientState) -> bool| next.recipients.iter().any(|(_, state, _)| wanted(*state));
    if any(|state| state == RecipientState::Dead) {
        Exit::Failed
    } else if any(RecipientState::waits) && next.why().is_some() {
        Exit::Partial
    } else {
        Exit::Done
    }
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
