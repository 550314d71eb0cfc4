//! Wiring only: an `if` about the domain is in the wrong room.

pub mod analyze;
pub mod capture;
pub mod check;
pub mod doctor;
pub mod incidents;
pub mod mail;
pub mod scan;
pub mod watch;

use clap::Parser;

use crate::cli::args::{self, Command, ConfigCommand, Typed};
use crate::cli::config;
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::edge::{output, zone};

/// Runs the program: reads the command line, does it, answers.
pub fn run() -> Exit {
    let typed = Typed::parse();
    match carry_out(typed.command) {
        Ok(exit) => exit,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Exit::Failed
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Analyze(typed) => {
            let local_zone = zone::local_zone_name();
            let plan = plan::analyze(typed, local_zone.as_deref()).unwrap_or_else(|wrong| usage(&wrong));
            analyze::run(&plan, local_zone)
        }
        Command::Scan(typed) => scan::run(typed, zone::local_zone_name()),
        Command::Watch(typed) => watch::run(&typed),
        Command::Incidents { command } => incidents::run(&command),
        Command::Mail { command } => mail::run(&command),
        Command::Config { command } => configuration(&command),
        Command::Capture(typed) => capture::run(&typed),
        Command::Doctor(flags) => doctor::run(&flags),
        Command::Check(typed) => check::run(&typed),
        Command::Schema(typed) => {
            let schema = crate::wire::schema(&typed.name);
            print(&schema.ok_or_else(|| anyhow::anyhow!("no schema is called {}", typed.name))?)
        }
        Command::Completions(typed) => print(&args::completions(typed.shell)),
        Command::Man => print(&args::manual()),
    }
}

fn configuration(command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Show(flags) => print(&config::show(&watch::of_flags(flags)?)),
        ConfigCommand::Check(flags) => watch::of_flags(flags).map(|_| Exit::Done),
        ConfigCommand::Template => print(&config::template()),
    }
}

fn print(text: &str) -> anyhow::Result<Exit> {
    output::to_stdout(text)?;
    Ok(Exit::Done)
}

/// A wrong flag ends the program as the argument parser would: with its word on stderr, and 2.
fn usage(wrong: &plan::PlanError) -> ! {
    use clap::CommandFactory;
    Typed::command().error(clap::error::ErrorKind::ValueValidation, wrong).exit()
}
