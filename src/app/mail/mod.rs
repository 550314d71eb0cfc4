//! `mail`: what waits in the outbox, handing it over, and trying the way. The watcher never does that itself: whatever
//! hangs, hangs here.

mod deliver;
mod report;
mod test;
mod way;

use std::path::Path;

pub(super) use report::{ready, report};

use super::watch;
use crate::cli::args::{ListFormat, MailCommand};
use crate::cli::exit::Exit;
use crate::edge::deliver::inside;
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::report::text;
use crate::wire;

/// Shows, delivers, tries.
pub fn run(command: &MailCommand) -> anyhow::Result<Exit> {
    match command {
        MailCommand::Queue(typed) => queue(&watch::of_flags(&typed.config)?.state_dir, typed.format),
        MailCommand::Deliver(typed) => deliver::run(typed),
        MailCommand::Test(typed) => test::run(typed),
        MailCommand::Attempt => match inside::run() {
            Ok(()) => Ok(Exit::Done),
            Err(why) => anyhow::bail!("mail attempt: {why}"),
        },
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
