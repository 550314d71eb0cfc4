//! `mail test`: a message to try the way, and each step that it took.

use std::fmt::Write as _;

use super::report::{as_file, letter, now, written};
use super::way::Way;
use crate::app::watch;
use crate::cli::args::TestMail;
use crate::cli::config;
use crate::cli::exit::Exit;
use crate::edge::deliver::mta::{self, Kind};
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::model::live::attempt::{Stage, Step};
use crate::model::live::message::{Fate, Fates};
use crate::report::{escape, mail};

/// Writes, sends, tells.
pub(super) fn run(typed: &TestMail) -> anyhow::Result<Exit> {
    let config = watch::of_flags(&typed.config)?;
    let to = if typed.to.is_empty() { config.mail.to.clone() } else { typed.to.clone() };
    anyhow::ensure!(!to.is_empty(), "mail.to of the configuration names nobody: give --to ADDRESS");
    for address in &to {
        config::address(address).map_err(|why| anyhow::anyhow!("--to {why}"))?;
    }
    let written = written(&config, to, "test", now(typed.dry_run), mail::compose_test)?;
    if typed.dry_run {
        return as_file(&written);
    }
    let way = Way::of(&config, None)?;
    if let Way::Sendmail(program) = &way {
        say_mta(program)?;
    }
    // Where relays are is remembered in the state, if there is one; a test needs none.
    let outbox = Outbox::open(&config.state_dir).ok().flatten();
    let mut broken = None;
    let came = way.hand_over(&letter(&written), outbox.as_ref(), &|| false, &mut |step| {
        broken = broken.take().or(say(step).err());
    });
    let fates = came.outcome.fates;
    if let (Some(outbox), Some((host, found))) = (&outbox, &came.found)
        && let Err(error) = outbox.keep_relay(host, found)
    {
        output::complain(&escape::text(&error.to_string()));
    }
    if let Some(error) = broken {
        return Err(error.into());
    }
    if let Way::Sendmail(_) = &way {
        for (address, fate) in &fates {
            let fine = *fate == Fate::Taken;
            say(&Step { stage: Stage::Recipient, fine, said: format!("{address}: {}", word(fate)) })?;
        }
    }
    end(&written.id, &fates)
}

fn say_mta(program: &std::path::Path) -> std::io::Result<()> {
    let shown = program.display();
    let (word, said) = match mta::identify(program) {
        Ok(mta) => {
            let what = format!("{shown} is {} ({})", mta.name, mta.path.display());
            match mta.kind {
                Kind::Queues => ("ok", format!("{what}, which keeps a queue on disk")),
                Kind::Direct => (
                    "note",
                    format!(
                        "{what}, which keeps no queue: while the table is full it cannot send, and the outbox keeps the message instead"
                    ),
                ),
                Kind::Unknown => ("note", format!("{what}: whether it keeps a queue is not known")),
            }
        }
        Err(error) => ("note", format!("{shown}: what it really is cannot be seen: {error}")),
    };
    row(word, Stage::Configuration.word(), &said)
}

fn say(step: &Step) -> std::io::Result<()> {
    row(if step.fine { "ok" } else { "FAILS" }, step.stage.word(), &step.said)
}

fn row(verdict: &str, what: &str, said: &str) -> std::io::Result<()> {
    output::to_stdout(&format!("{verdict:<7} {what:<14} {}\n", escape::text(said)))
}

fn word(fate: &Fate) -> String {
    match fate {
        Fate::Taken => "taken; it queues, and delivers by itself: its log tells what comes of it".to_owned(),
        Fate::NotNow(why) => format!("not now: {why}"),
        Fate::Misconfigured(why) => format!("not before something is changed: {why}"),
        Fate::Perhaps(why) => format!("possibly delivered: {why}"),
        Fate::Never(why) => format!("refused: {why}"),
    }
}

/// What it came to, and the code.
fn end(id: &str, fates: &Fates) -> anyhow::Result<Exit> {
    let taken = fates.iter().filter(|(_, fate)| *fate == Fate::Taken).count();
    let mut text = format!("\nTaken for {taken} of {} recipients. Message-ID: <{id}>\n", fates.len());
    for (address, fate) in fates.iter().filter(|(_, fate)| *fate != Fate::Taken) {
        let _ = writeln!(text, "{address}: {}", escape::text(&word(fate)));
    }
    output::to_stdout(&text)?;
    Ok(match taken {
        0 => Exit::Failed,
        all if all == fates.len() => Exit::Done,
        _ => Exit::Partial,
    })
}
