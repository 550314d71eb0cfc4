//! `mail`: what waits in the outbox, and handing it over. The watcher never does that itself: whatever hangs, hangs here.

use std::path::Path;

use super::watch;
use crate::cli::args::{DeliverMail, ListFormat, MailCommand};
use crate::cli::exit::Exit;
use crate::edge::deliver::{eml, sendmail};
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::model::live::config::Transport;
use crate::model::live::message::{Fate, Letter, Next};
use crate::model::time::WallTime;
use crate::report::{escape, text};
use crate::steer::outbox::{LEASE_US, after};
use crate::wire;

/// Shows or delivers.
pub fn run(command: &MailCommand) -> anyhow::Result<Exit> {
    match command {
        MailCommand::Queue(typed) => queue(&watch::of_flags(&typed.config)?.state_dir, typed.format),
        MailCommand::Deliver(typed) => deliver(typed),
    }
}

fn queue(state: &Path, format: ListFormat) -> anyhow::Result<Exit> {
    let messages = Outbox::open(state)?.map_or_else(|| Ok(Vec::new()), |outbox| outbox.queue())?;
    let written = match format {
        ListFormat::Json => wire::queue::to_json(&messages),
        ListFormat::Text if messages.is_empty() => format!("No message is kept in {}.\n", state.display()),
        ListFormat::Text => text::queue::render(&messages),
    };
    output::to_stdout(&written)?;
    Ok(Exit::Done)
}

/// Each message that is due, once.
fn deliver(typed: &DeliverMail) -> anyhow::Result<Exit> {
    let config = watch::of_flags(&typed.config)?;
    let Some(mut outbox) = Outbox::open(&config.state_dir)? else {
        anyhow::bail!("{}: holds no state: has `conntriage watch` run?", config.state_dir.display());
    };
    let hand_over: Box<dyn Fn(&Letter) -> Fate> = match (&typed.eml, config.mail.transport) {
        (Some(directory), _) => {
            let directory = directory.clone();
            Box::new(move |letter| match eml::write(&directory, letter) {
                Ok(_) => Fate::Taken,
                Err(error) => Fate::NotNow(format!("{}: {error}", directory.display())),
            })
        }
        (None, Transport::Smtp) => anyhow::bail!(
            "mail.transport = \"smtp\": this version hands messages to a local MTA only; set it to \"sendmail\", or write \
             them as files with --eml"
        ),
        (None, Transport::Sendmail) => {
            let program = sendmail::program().ok_or_else(|| {
                anyhow::anyhow!("/usr/sbin/sendmail: is not there; install an MTA that queues (postfix, opensmtpd, dma, nullmailer)")
            })?;
            Box::new(move |letter| {
                sendmail::hand_over(&program, &letter.envelope, &letter.bytes, sendmail::PATIENCE)
            })
        }
    };
    let begun = output::now();
    let mut exit = Exit::Done;
    // What was put off meanwhile is due later than this run began.
    while let Some(letter) = outbox.lease(begun, WallTime(output::now().0.saturating_add(LEASE_US)))? {
        let next = after(hand_over(&letter), letter.attempts, letter.created, output::now());
        outbox.answer(&letter, &next)?;
        let to = letter.envelope.to.join(", ");
        let said = match &next {
            Next::Done => format!("{}: handed over, to {to}", letter.id),
            Next::Again { at, why } => {
                let at = at.rfc3339().unwrap_or_default();
                format!("{}: not handed over: {why}; it is tried again at {at}", letter.id)
            }
            Next::GiveUp(why) => format!("{}: given up: {why}", letter.id),
        };
        output::complain(&escape::text(&said));
        exit = match next {
            Next::Done => exit,
            Next::Again { .. } if exit != Exit::Failed => Exit::Partial,
            Next::Again { .. } | Next::GiveUp(_) => Exit::Failed,
        };
    }
    Ok(exit)
}
