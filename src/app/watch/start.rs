//! How `watch` begins: the configuration, the state, what an earlier run left behind.

use crate::cli::args::{ConfigFlags, Watch as Typed};
use crate::cli::config;
use crate::cli::exit::Exit;
use crate::cli::plan::{Origin, WatchPlan};
use crate::detect::scan::Scan;
use crate::edge::capture::{bundle::sweep, clock, facts, identity, namespaces};
use crate::edge::configured;
use crate::edge::follow::{self, Follow, Options};
use crate::edge::live::{self, Jobs, Signals};
use crate::edge::store::evidence::drop_all_early;
use crate::edge::store::state::{KeptIncident, State};
use crate::edge::{output, zone};
use crate::model::live::config::Config;
use crate::model::live::event::{Captured, Ending, Event};
use crate::model::live::intent::{About, IncidentNo};
use crate::model::live::life::{Memory, Phase};
use crate::report::escape;
use crate::steer::Steer;

use super::cases::Cases;
use super::heard::Kept;
use super::letters::Letters;
use super::numbers::Gauges;
use super::{Done, Watch};

/// Follows until it is told to stop.
pub fn run(typed: &Typed) -> anyhow::Result<Exit> {
    // Whoever tells it to stop while it begins is heard as well.
    let signals = Signals::listen()?;
    let plan = plan(typed)?;
    let (watch, sources, options) = begin(plan)?;
    let (to, from) = live::channel_of_sources();
    let following = follow::follow::<Scan>(sources, &options, &to)?;
    drop(to);
    let mut watch = watch;
    Ok(watch.go(&from, following, &signals))
}

/// The configuration with what was typed over it.
fn plan(typed: &Typed) -> anyhow::Result<WatchPlan> {
    let from = Origin::of(&typed.config);
    let mut config = configuration(&from)?;
    if !typed.source.is_empty() {
        config.sources.clone_from(&typed.source);
    }
    if typed.no_capture {
        config.policy.capture = false;
    }
    Ok(WatchPlan { config, from, once: typed.once })
}

/// The configuration that the flags point at, with its state directory.
pub(in crate::app) fn configuration(from: &Origin) -> anyhow::Result<Config> {
    let found = configured::read(from.file.as_deref(), config::BYTES_MAX)?;
    let mut config = match &found {
        None => Config::default(),
        Some((path, text)) => config::read(text).map_err(|wrong| {
            let lines: Vec<String> =
                wrong.iter().map(|wrong| format!("{}: {wrong}", path.display())).collect();
            anyhow::anyhow!("{}", escape::text(&lines.join("\nconntriage: ")))
        })?,
    };
    if let Some(directory) = &from.state_dir {
        config.state_dir.clone_from(directory);
    } else if found.is_none() {
        config.state_dir = configured::state_directory(&config.state_dir);
    }
    Ok(config)
}

/// The flags that every command which reads the configuration has.
pub(in crate::app) fn of_flags(flags: &ConfigFlags) -> anyhow::Result<Config> {
    configuration(&Origin::of(flags))
}

fn begin(plan: WatchPlan) -> anyhow::Result<(Watch, Vec<Follow>, Options)> {
    let now = clock::now();
    let Some(boot) = identity::boot_id() else {
        anyhow::bail!("/proc/sys/kernel/random/boot_id cannot be read: is /proc mounted?");
    };
    let zone = zone::local_zone_name();
    let (state, aside) = State::open(&plan.config.state_dir)?;
    if let Some(aside) = aside {
        output::complain(&format!(
            "the state was damaged; it was set aside as {}, and a new one begun: what was read before may be read again",
            aside.display()
        ));
    }
    let memory = state.memory().unwrap_or_else(|why| {
        output::complain(&format!(
            "what was remembered of incidents cannot be read ({why}): a new memory is begun"
        ));
        None
    });
    let memory = memory.unwrap_or_else(|| Memory::new(boot, now));
    let interrupted: Vec<_> = memory.running().map(|running| running.capture).collect();
    let steer = Steer::resume(memory, plan.config.policy.clone(), boot, now);
    let mut sources = Vec::new();
    for source in &plan.config.sources {
        let name = source.to_string();
        let kept = state.source(&name).unwrap_or_else(|why| {
            output::complain(&escape::text(&format!(
                "{name}: where it was left cannot be read ({why}): it is followed from its end"
            )));
            None
        });
        sources.push(Kept::new(source, kept, zone.as_deref(), now));
    }
    let follow = plan.config.sources.iter().zip(&sources);
    let follow =
        follow.map(|(source, kept)| Follow { source: source.clone(), position: kept.position.clone() });
    let follow: Vec<Follow> = follow.collect();
    let options = Options { once: plan.once, from_beginning: plan.once, ..Options::default() };
    let machine = identity::manifest();
    let cases = Cases::new(&plan.config.state_dir);
    let count = sources.len();
    let mut watch = Watch {
        zone,
        host: facts::host_name(),
        machine,
        boot,
        names_namespaces: names_namespaces(),
        committed: steer.memory().clone(),
        committed_us: now.uptime_us,
        kept_us: now.uptime_us,
        steer,
        sources,
        cases,
        changed: Vec::new(),
        early: std::collections::BTreeMap::new(),
        sampler: namespaces::Sampler::new(),
        jobs: Jobs::<Done>::new(),
        letters: Letters::default(),
        gauges: Gauges::default(),
        urgent: false,
        deaf: vec![false; count],
        failed: vec![false; count],
        complained: None,
        seconds: 0,
        state,
        plan,
    };
    watch.resume()?;
    // What an earlier run owed and did not come to write.
    watch.write_drafts();
    for capture in interrupted {
        watch.step(Event::Captured(Captured { capture, ending: Ending::Interrupted }));
    }
    Ok((watch, follow, options))
}

impl Watch {
    /// Takes up the incidents of an earlier run.
    fn resume(&mut self) -> anyhow::Result<()> {
        sweep(&self.cases.directory);
        drop_all_early(&self.cases.directory);
        let known = self.state.incidents()?;
        let lives = self.steer.memory().lives.iter().filter(|life| life.phase != Phase::Closed);
        let open: Vec<u64> = lives.map(|life| life.incident.0).collect();
        let mut over = Vec::new();
        for mut kept in known {
            // The policy forgot it: it is over.
            if kept.closed_us.is_none() && !open.contains(&kept.number) {
                kept.closed_us = Some(clock::now().wall.0);
                over.push(kept.number);
            }
            self.take_up(kept);
        }
        // Programs may hold it to go on still.
        for number in &over {
            self.tell_programs(About::Closed(IncidentNo(*number)), clock::now());
        }
        self.urgent |= !over.is_empty();
        self.changed.extend(over);
        Ok(())
    }

    fn take_up(&mut self, kept: KeptIncident) {
        let id = kept.id.clone();
        if let Err(error) = self.cases.resume(kept, self.machine.clone()) {
            output::complain(&format!("incident {id}: its evidence cannot be gone on with: {error}"));
        }
    }
}

/// The kernel names the namespace of a full table, unless it is the initial one (6.18).
fn names_namespaces() -> bool {
    let release = facts::kernel();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 18)
}
