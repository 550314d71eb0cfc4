//! `analyze --mail`: the report as a message. It goes through the outbox like every other: kept first, then handed over, and
//! if it cannot be handed over now, by the next `mail deliver`.

use std::path::Path;

use super::deliver;
use super::way::Way;
use crate::app::watch;
use crate::cli::exit::Exit;
use crate::cli::plan::MailPlan;
use crate::edge::capture::facts;
use crate::edge::deliver::eml;
use crate::edge::output;
use crate::edge::store::outbox::Outbox;
use crate::model::live::config::Config;
use crate::model::live::message::{Channel, Envelope, Letter, Written};
use crate::model::report::Report;
use crate::model::time::WallTime;
use crate::report::{escape, mail, spell};
use crate::wire;

/// The configuration by which it will go: what is wrong with it is told before anything is read.
pub(in crate::app) fn ready(plan: &MailPlan) -> anyhow::Result<Config> {
    let config = watch::configuration(&plan.from)?;
    anyhow::ensure!(
        !config.mail.to.is_empty(),
        "--mail: mail.to of the configuration names nobody; `conntriage config template` shows the key"
    );
    if !plan.dry_run {
        Way::of(&config, None)?;
    }
    Ok(config)
}

/// Writes and mails it, to whom the configuration names.
pub(in crate::app) fn report(report: &Report, config: &Config, plan: &MailPlan) -> anyhow::Result<Exit> {
    let written = written(config, config.mail.to.clone(), "report", now(plan.dry_run), |of| {
        mail::compose_analysis(of, report, &wire::report::to_json(report, &spell::plain))
    })?;
    if plan.dry_run {
        return as_file(&written);
    }
    let way = Way::of(config, None)?;
    let mut outbox = Outbox::make(&config.state_dir)?;
    let number = outbox.put(&written)?;
    match outbox.lease_one(number, written.created, deliver::until())? {
        Some(letter) => {
            let exit = deliver::one(&mut outbox, &way, &letter);
            if exit == Exit::Partial && config.state_dir != Config::default().state_dir {
                output::complain(&escape::text(&who_goes_on(config, plan)));
            }
            Ok(exit)
        }
        // `mail deliver` of the timer was faster.
        None => Ok(Exit::Done),
    }
}

/// The timer of the package looks into the watcher's state alone.
fn who_goes_on(config: &Config, plan: &MailPlan) -> String {
    let file =
        plan.from.file.as_ref().map(|file| format!(" --config {}", file.display())).unwrap_or_default();
    format!(
        "No timer looks into this state: `conntriage mail deliver{file} --state-dir {}` tries what is due again.",
        config.state_dir.display()
    )
}

/// When a message is written. A file may be made again as it was.
pub(super) fn now(dry_run: bool) -> WallTime {
    if dry_run { output::now() } else { output::clock() }
}

/// A message of now, from this machine.
pub(super) fn written(
    config: &Config,
    to: Vec<String>,
    kind: &str,
    created: WallTime,
    compose: impl FnOnce(&mail::Analysis<'_>) -> Result<Vec<u8>, mail::ComposeError>,
) -> anyhow::Result<Written> {
    let host = facts::host_name();
    let from = config.mail.from.clone().unwrap_or_else(|| mail::sender(&host));
    let envelope = Envelope { from, to };
    let domain = mail::domain(&host);
    let id = format!("conntriage.{kind}.{}.{}@{domain}", created.0, std::process::id());
    let bytes = compose(&mail::Analysis { envelope: &envelope, id: &id, created, host: &host })?;
    Ok(Written { id, envelope, bytes, created })
}

/// `--dry-run`.
pub(super) fn as_file(written: &Written) -> anyhow::Result<Exit> {
    let path = eml::write(Path::new("."), &letter(written))
        .map_err(|error| anyhow::anyhow!("{}.eml: cannot be written: {error}", written.id))?;
    output::complain(&escape::text(&format!("{}: written, and sent to nobody", path.display())));
    Ok(Exit::Done)
}

/// As an attempt takes it.
pub(super) fn letter(written: &Written) -> Letter {
    Letter {
        channel: Channel::Mail,
        repeats: false,
        number: 0,
        id: written.id.clone(),
        envelope: written.envelope.clone(),
        bytes: written.bytes.clone(),
        created: written.created,
        attempts: 1,
    }
}
