//! What may be typed. One definition: help, man page and completions come from it.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::model::live::source::Source;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Who filled the connection-tracking table, how, since when, and what it cost.
#[derive(Debug, Parser)]
#[command(name = "conntriage", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done (incidents or not), 1 failed, 2 usage, 3 partial (an input could not be \
    read, or was damaged: the rest is reported), 10 an incident was found and --fail-on-incident was given."
)]
pub struct Typed {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse archived logs and saved tables, and write the report
    ///
    /// Logs, conntrack tables, sysctl listings, counters and the output of `conntriage scan` may be given in any order
    /// and any mix; each input is recognised by its content. Logs alone and tables alone both give a report.
    Analyze(Analyze),
    /// Sum logs up as JSON lines, for `analyze` to join: many machines can scan, one concludes
    Scan(Scan),
    /// Follow logs, capture the table when it is full, keep the evidence
    ///
    /// A small daemon for a machine in trouble: it follows its sources, counts once a second beside them, takes the table
    /// at the moment it is full and at intervals after it, and keeps what it took. Ends on SIGTERM; reads its
    /// configuration again on SIGHUP. Needs CAP_NET_ADMIN for the table and CAP_SYSLOG for kmsg; `conntriage doctor` says
    /// what is missing.
    Watch(Watch),
    /// List, show and export the incidents that `watch` kept
    Incidents {
        /// What to do with them.
        #[command(subcommand)]
        command: IncidentsCommand,
    },
    /// Show what waits to be mailed, hand it over, try the way
    ///
    /// `watch` writes its messages into an outbox and never touches the network; `mail deliver` hands over what is due,
    /// each message once, and says what came of it. dist/ has a timer for it. `mail test` says whether mail would arrive.
    Mail {
        /// What to do with it.
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Show, check or begin a configuration
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Take an evidence bundle of this machine, now
    ///
    /// The connection-tracking table as the kernel lists it, and beside it its settings and counters, memory, sockets with
    /// their programs, addresses and packet filter: what `analyze` reads, in one archive or directory. The table is
    /// streamed, never held in memory; what could not be read is said on standard error, with the reason. Needs
    /// CAP_NET_ADMIN for the table; run as root to see all.
    Capture(Capture),
    /// Say what the program can and cannot see and do here, and why
    ///
    /// Each source of lines, each file, each capability: whether it is there, and if not, what to change. The table's
    /// headroom of today, and the way that mail takes: what sendmail really is, or the settings of SMTP with the rules that
    /// keep the way to the relay open while the table is full. Answers 0 where nothing is amiss, 1 where something would
    /// fail, 3 where something could not be examined.
    Doctor(ConfigFlags),
    /// One line and a code for Nagios or node-problem-detector
    ///
    /// How full the fullest table of this machine is. Codes of Nagios: 0 fine, 1 filling (90 % of the limit), 2 full (98 %,
    /// or packets refused while it was watched), 3 not known.
    Check(Check),
    /// Print the JSON Schema of one of the program's own formats
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

/// `analyze`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are typed one by one")]
pub struct Analyze {
    /// Files, directories, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only incidents that are not over before TIME (2026-11-23, "2026-11-23 04:00", RFC 3339, or @SECONDS)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only incidents that began before TIME
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only this host (repeatable)
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Host of lines that name none
    #[arg(long, value_name = "NAME")]
    pub host_name: Option<String>,
    /// Time zone of lines that name none, e.g. Europe/Berlin [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Year of the newest line, for stamps without year [default: from file times]
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(i32).range(1970..=2999))]
    pub year: Option<i32>,
    /// An address of the host (repeatable)
    #[arg(long, value_name = "ADDR")]
    pub local: Vec<IpAddr>,
    /// Rows of each ranking
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub top: u16,
    /// What to try in thought: the limit (max=262144), a timeout (tcp_timeout_time_wait=30), or a deed (repeatable)
    ///
    /// All that are given are one scenario; the report says what it frees now, where the table settles, and when it is
    /// full again. Settings may be named in any form the kernel ever had (net.netfilter.nf_conntrack_max=262144). Deeds
    /// are remove=ADDRESS (a source is stopped and its entries deleted), reuse=ADDRESS:PORT (connections to that peer are
    /// kept open and used again), and 'notrack=SOURCE>ADDRESS:PORT' (a pair is taken out of tracking, and its entries
    /// deleted; /udp behind the port for UDP).
    #[arg(long, value_name = "KEY=VALUE")]
    pub what_if: Vec<String>,
    /// Mail the report to whom the configuration names, beside writing it: kept in the outbox first, then handed over
    #[arg(long)]
    pub mail: bool,
    /// With --mail: write the message as MESSAGE-ID.eml here instead of sending it
    #[arg(long, requires = "mail")]
    pub dry_run: bool,
    /// Answer 10 when an incident was found
    #[arg(long)]
    pub fail_on_incident: bool,
    /// No progress on a terminal
    #[arg(long)]
    pub no_progress: bool,
    /// Colour in text
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Configuration and state, for --mail.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// `scan`
#[derive(Debug, Args)]
pub struct Scan {
    /// Logs: files, directories, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// No progress on a terminal
    #[arg(long)]
    pub no_progress: bool,
}

/// `capture`
#[derive(Debug, Args)]
pub struct Capture {
    /// Where to: PATH ending with .tar.zst or - for standard output is one archive, any other a directory [default:
    /// conntriage-HOST-TIME.tar.zst here]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Another network namespace, by its name or inode (needs CAP_SYS_ADMIN) [default: the one this runs in]
    #[arg(long, value_name = "NAME|INODE")]
    pub netns: Option<String>,
    /// Longest time that all of it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub time_budget: u16,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Answer as a plugin of node-problem-detector does: 0 fine, 1 a problem, 2 not known
    #[arg(long)]
    pub npd: bool,
}

/// Flags of every command that reads the configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigFlags {
    /// Configuration [default: /etc/conntriage/config.toml, where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where state and evidence are kept [default: /var/lib/conntriage; for an ordinary user below ~/.local/state]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// `watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// What to follow: kmsg, journal, file:PATH or journal-export:PATH; PATH may be a FIFO or - (repeatable) [default: as
    /// configured, journal]
    #[arg(long, value_name = "SOURCE")]
    pub source: Vec<Source>,
    /// Take no table, only samples of the counters
    #[arg(long)]
    pub no_capture: bool,
    /// Read what there is, from the beginning, and stop when the sources end
    #[arg(long)]
    pub once: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// `incidents`
#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// A line for each incident, the oldest first
    List(ListIncidents),
    /// The report of one incident
    Show(ShowIncident),
    /// The evidence of one incident as a bundle that `analyze` reads anywhere
    Export(ExportIncident),
}

/// `incidents list`
#[derive(Debug, Args)]
pub struct ListIncidents {
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// Forms of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people, in a terminal
    Text,
    /// For programs: conntriage.incidents/1
    Json,
}

/// `incidents show`
#[derive(Debug, Args)]
pub struct ShowIncident {
    /// Its id: twelve hex digits
    #[arg(value_name = "ID")]
    pub id: String,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Colour in text
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// `incidents export`
#[derive(Debug, Args)]
pub struct ExportIncident {
    /// Its id: twelve hex digits
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where to, or - for standard output [default: conntriage-ID.tar.zst here]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// `mail`
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// A line for each message, the oldest first
    Queue(ListIncidents),
    /// Hand over each message that is due; answers 3 where one has to be tried again, 1 where one was given up
    Deliver(DeliverMail),
    /// Send a test message, and say each step it took; answers 3 where some recipients did not get it, 1 where none did
    Test(TestMail),
    /// One attempt, for `deliver`: a job on standard input, its steps on standard output
    #[command(hide = true)]
    Attempt,
}

/// `mail test`
#[derive(Debug, Args)]
pub struct TestMail {
    /// To whom (repeatable) [default: mail.to of the configuration]
    #[arg(long, value_name = "ADDR")]
    pub to: Vec<String>,
    /// Write the message as MESSAGE-ID.eml here instead of sending it
    #[arg(long)]
    pub dry_run: bool,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// `mail deliver`
#[derive(Debug, Args)]
pub struct DeliverMail {
    /// Only what is for programs (webhook, Alertmanager), or only mail
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with = "eml")]
    pub only: Option<Only>,
    /// Write each as a file DIR/MESSAGE-ID.eml instead of handing it over
    #[arg(long, value_name = "DIR")]
    pub eml: Option<PathBuf>,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// What `mail deliver` hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Webhook and Alertmanager
    Programs,
    /// Mail
    Mail,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// What is in force, in the form of the file
    Show(ConfigFlags),
    /// Whether the configuration is right; says all that is wrong, each with its line
    Check(ConfigFlags),
    /// Every key with its default and what it is for
    Template,
}

/// `schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// Which format
    #[arg(value_name = "NAME", value_parser = ["report", "incidents", "bundle", "signals", "samples"])]
    pub name: String,
}

/// `completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// For which shell
    pub shell: clap_complete::Shell,
}

/// Forms of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, in a terminal
    Text,
    /// For tickets and chat: GitHub's dialect
    Markdown,
    /// For people, in a browser or on paper: one file, no script, nothing remote
    Html,
    /// For programs: conntriage.report/1
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The manual page: commands and options from the definition above, the rest from `manual.roff`.
pub fn manual() -> String {
    let program = Typed::command().disable_help_subcommand(true);
    let mut head = Vec::new();
    let manual = clap_mangen::Man::new(program.clone()).date("2026-11-23");
    // Writing into memory cannot fail.
    let _ = manual.render_title(&mut head);
    let _ = manual.render_name_section(&mut head);
    let commands: String = program.get_subcommands().map(section).collect();
    String::from_utf8_lossy(&head).into_owned()
        + include_str!("manual-head.roff")
        + &commands
        + include_str!("manual-tail.roff")
}

/// One command as a section of the page.
fn section(command: &clap::Command) -> String {
    let mut page = Vec::new();
    let name = format!("conntriage {}", command.get_name());
    let manual = clap_mangen::Man::new(command.clone().bin_name(name).disable_help_flag(true));
    let _ = manual.render_synopsis_section(&mut page);
    let _ = manual.render_description_section(&mut page);
    if command.get_arguments().next().is_some() {
        let _ = manual.render_options_section(&mut page);
    }
    let text = String::from_utf8_lossy(&page);
    // Headings become headings of the second order; the quoting preamble stands once, at the top of the page.
    let lines = text.lines().filter(|line| !line.starts_with(".ie") && !line.starts_with(".el"));
    let body: String = lines.map(|line| line.replacen(".SH ", ".SS ", 1) + "\n").collect();
    format!(".SH \"CONNTRIAGE {}\"\n{body}", command.get_name().to_uppercase())
}

/// Completions for a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "conntriage", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
