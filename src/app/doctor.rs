//! `doctor`: what the program can and cannot see and do here, and why.

use std::fmt::Write as _;

use super::watch;
use crate::cli::args::ConfigFlags;
use crate::cli::exit::Exit;
use crate::diagnose::own_way::own_way;
use crate::edge::capture::health::{self, Row, Verdict};
use crate::edge::deliver::examine::{self, Examined};
use crate::edge::output;
use crate::edge::store::examine as state;
use crate::edge::store::outbox::Outbox;
use crate::model::diagnosis::Command;
use crate::report::escape;

/// Examines, prints, answers.
pub fn run(flags: &ConfigFlags) -> anyhow::Result<Exit> {
    let mut rows = health::examine();
    let configured = configured(flags);
    rows.extend(configured.rows);
    let line = |row: &Row| {
        let (what, said) = (escape::text(&row.what), escape::text(&row.said));
        format!("{:<7} {what:<28} {said}\n", row.verdict.word())
    };
    let mut text = rows.iter().map(line).collect::<Vec<_>>().concat();
    if let Some((client, server, port)) = configured.way {
        recipe(own_way(client, server, port), &mut text);
    }
    output::to_stdout(&text)?;
    let any = |verdict: Verdict| rows.iter().any(|row| row.verdict == verdict);
    Ok(if any(Verdict::Fails) {
        Exit::Failed
    } else if any(Verdict::Unknown) {
        Exit::Partial
    } else {
        Exit::Done
    })
}

/// What is kept by this configuration, and the way that mail takes; one that cannot be read is a row.
fn configured(flags: &ConfigFlags) -> Examined {
    let config = match watch::of_flags(flags) {
        Ok(config) => config,
        Err(error) => {
            let row =
                Row { verdict: Verdict::Fails, what: "configuration".to_owned(), said: format!("{error:#}") };
            return Examined { rows: vec![row], way: None };
        }
    };
    let mut rows = state::examine(&config);
    let outbox = Outbox::open(&config.state_dir).ok().flatten();
    let host = config.mail.host.as_deref().unwrap_or_default();
    let found = outbox.and_then(|outbox| outbox.relay(host).ok().flatten());
    let mail = examine::examine(&config.mail, &found.map(|found| found.addresses).unwrap_or_default());
    rows.extend(mail.rows);
    Examined { rows, way: mail.way }
}

/// What keeps the way to the relay open while the table is full. It is printed, and never done.
fn recipe([by_nft, by_iptables]: [Vec<Command>; 2], text: &mut String) {
    *text += "\nWhile the table is full no new connection to the relay begins. These lines take the way to it out of\n\
        tracking, both directions, so that mail goes out all the same; they are only printed, never run. Use one of the\n\
        two. Rules that ask for a state (ct state, -m state) do not see these packets any more: the accepts stand first.\n\
        Nothing may translate these addresses (NAT). Lines given by hand are lost when the firewall is loaded anew.\n";
    for (title, commands) in
        [("nftables (`inet filter` stands for your own table)", by_nft), ("iptables", by_iptables)]
    {
        let _ = write!(text, "\n{title}:\n");
        for command in commands {
            let _ = writeln!(text, "    {}", command.line);
        }
    }
}
