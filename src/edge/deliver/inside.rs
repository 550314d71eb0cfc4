//! The process of an attempt ([`super::attempt`]), from within: bounds itself, reads its errand, does it.

use std::io::{Read, Write};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getppid, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};

use super::http;
use super::smtp::{Patience, attempt, resolve};
use crate::model::live::attempt::{Errand, Outcome, Told};
use crate::wire::attempt::{HEAD_MAX, read_errand, write_told};

/// Bytes of an errand: a head and two messages, each with at most a report of 1 MiB, in base64.
const ERRAND_MAX: u64 = HEAD_MAX as u64 + (8 << 20);
/// Address space of an attempt.
const MEMORY_MAX: u64 = 512 << 20;
/// Seconds of processor time.
const SECONDS_MAX: u64 = 60;
/// Open files.
const FILES_MAX: u64 = 64;

/// Does what it was started for.
pub fn run() -> Result<(), String> {
    bound().map_err(|error| format!("no limits could be set: {error}"))?;
    let mut all = Vec::new();
    std::io::stdin().lock().take(ERRAND_MAX).read_to_end(&mut all).map_err(|error| error.to_string())?;
    let (parent, errand) = read_errand(&all)?;
    // Whoever died before `bound` had its say sent no signal.
    if getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()) != Some(parent) {
        return Err("whoever began it is gone: nothing is sent".to_owned());
    }
    let mut tell = |told: &Told| {
        let mut out = std::io::stdout().lock();
        out.write_all(write_told(told).as_bytes()).and_then(|()| out.flush()).is_ok()
    };
    let outcome = match errand {
        Errand::Mail(job) => attempt(&job, &Patience::default(), &mut tell),
        Errand::Post(post) => {
            let fate = http::post(&post, http::PATIENCE);
            Outcome::all(std::slice::from_ref(&post.to), &fate)
        }
        Errand::Resolve(relay) => {
            let addresses = resolve(&relay.host, relay.port, Patience::default().resolve)?;
            Outcome { addresses, resolved: true, ..Outcome::default() }
        }
    };
    tell(&Told::Outcome(outcome));
    Ok(())
}

fn bound() -> rustix::io::Result<()> {
    // Whoever started it records what it comes to: without it nothing more may be sent.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, limit(MEMORY_MAX))?;
    setrlimit(Resource::Cpu, limit(SECONDS_MAX))?;
    setrlimit(Resource::Nofile, limit(FILES_MAX))?;
    // A core would hold the password. A core that goes into a pipe (core_pattern) knows no limit.
    setrlimit(Resource::Core, limit(0))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
