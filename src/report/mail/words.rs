//! What a message says: its subject, its text.

use std::fmt::Write as _;

use crate::model::live::intent::{About, Limit, SuppressedList};
use crate::model::report::IncidentView;
use crate::report::scene::Scene;
use crate::report::{escape, spell, text};

use super::Content;

/// Columns of the text: mail programs show it in a fixed width, and phones not at all wider.
pub(super) const COLUMNS: usize = 78;
/// Bytes of a domain.
const DOMAIN_MAX: usize = 253;
/// Characters of a host's name in a subject: the longest that Linux takes (`HOST_NAME_MAX`).
const HOST_MAX: usize = 64;
/// Messages not sent that are named one by one.
const LISTED_MAX: usize = 20;

/// `[web8] conntrack full: 192.168.1.38 → :3128 (96 % of 30,611)`
pub(super) fn subject(content: &Content<'_>) -> String {
    let host = words_of_host(content.host);
    let state = match content.owed.notice.about {
        About::Backlog => return format!("[{host}] conntrack was full before it was watched"),
        About::Summary => return format!("[{host}] conntrack: messages that were not sent"),
        About::Opened(_) | About::Evidence(_) => "full",
        About::Digest(_) => "still full",
        About::Reopened(_) => "full again",
        About::Closed(_) => "was full",
    };
    let who = incident(content).and_then(who);
    let who = who.map(|who| format!(": {who}")).unwrap_or_default();
    format!("[{host}] conntrack {state}{who}").replace(spell::FIRM, " ")
}

/// The subject without the host, and the sentences that answer; in place of a report what is said instead of it.
pub(super) fn brief(content: &Content<'_>) -> (String, String) {
    let subject = subject(content);
    let summary = subject.split_once("] ").map_or(subject.as_str(), |(_, words)| words).to_owned();
    let said = content.report.zip(incident(content));
    let description = said.map_or_else(
        || before(content).unwrap_or_default().trim_end().to_owned(),
        |(report, view)| Scene::of(report).all_prose(&view.body.verdict.summary),
    );
    (summary, description.replace(spell::FIRM, " "))
}

/// A header's line is folded at blanks only: a name without any must not fill it (RFC 5322 §2.1.1).
pub(super) fn words_of_host(host: &str) -> String {
    let shown = escape::text(host);
    if shown.chars().count() <= HOST_MAX {
        return shown;
    }
    shown.chars().take(HOST_MAX).chain(['\u{2026}']).collect()
}

fn incident<'a>(content: &Content<'a>) -> Option<&'a IncidentView> {
    let id = content.owed.incident.as_deref();
    let incidents = &content.report?.incidents;
    incidents.iter().find(|view| Some(&*view.incident.id) == id).or_else(|| incidents.first())
}

/// The leading source, the port of the leading peer, and the source's share of the entries that were listed.
pub(super) fn who(view: &IncidentView) -> Option<String> {
    let source = view.body.top_sources.first()?;
    let port = view.body.top_peers.first().and_then(|peer| peer.peer.port);
    let port = port.map(|port| format!(" \u{2192} :{port}")).unwrap_or_default();
    let listed = view.snapshots.iter().find(|used| used.leads).and_then(|used| used.listed);
    let of = listed.map(|listed| format!(" of {}", spell::number(listed))).unwrap_or_default();
    Some(format!("{}{port} ({}{of})", source.address, spell::share(source.share)))
}

/// The report, whose first three lines answer.
pub(super) fn body(content: &Content<'_>) -> String {
    match content.report {
        Some(report) => text::render(report, text::Look { width: COLUMNS, colour: false }),
        None => before(content).unwrap_or_default().to_owned(),
    }
}

/// What stands after it in the text: what was not sent, and what kind of message this was.
pub(super) fn end(content: &Content<'_>) -> String {
    not_sent(&content.owed.notice.suppressed) + "\n-- \n" + &ending(content)
}

/// What is said in place of a report.
pub(super) fn before(content: &Content<'_>) -> Option<&'static str> {
    match (content.report, content.owed.notice.about) {
        (Some(_), _) => None,
        (None, About::Backlog) => Some(
            "The connection-tracking table of this machine was full before it was watched.\n\
             Nothing could be captured at that time: `conntriage analyze` on the logs tells what is known.\n",
        ),
        (None, About::Summary) => {
            Some("So many messages were due that some were not sent; they are listed below.\n")
        }
        (None, _) => Some("The evidence of this incident cannot be read.\n"),
    }
}

/// The same for a page.
pub(super) fn after(content: &Content<'_>) -> String {
    not_sent(&content.owed.notice.suppressed) + "\n" + &ending(content)
}

fn ending(content: &Content<'_>) -> String {
    let host = escape::text(content.host);
    match &content.owed.incident {
        Some(id) => format!(
            "conntriage on {host}, message {} of incident {id}: {}.\n`conntriage incidents show {id}` \
             tells what is known by now.\n",
            content.owed.notice.ordinal,
            because(content.owed.notice.about)
        ),
        None => format!("conntriage on {host}. `conntriage incidents list` shows what is kept.\n"),
    }
}

fn because(about: About) -> &'static str {
    match about {
        About::Opened(_) => "it began, and this is what was known at once",
        About::Evidence(_) => "its table was captured",
        About::Digest(_) => "it goes on",
        About::Closed(_) => "it is over",
        About::Reopened(_) => "it goes on, though it was told to be over",
        About::Backlog | About::Summary => "several are told of at once",
    }
}

fn not_sent(list: &SuppressedList) -> String {
    let mut out = String::new();
    let all = list.listed.len() as u64 + list.more;
    if all > 0 {
        let _ = write!(out, "\nNot sent since the last message ({} in all):\n", spell::number(all));
        for one in list.listed.iter().take(LISTED_MAX) {
            let why = match one.why {
                Limit::Incident => "its incident had as many today as it may have",
                Limit::All => "all messages together were as many as there may be",
            };
            let at = one.at.wall.rfc3339().unwrap_or_else(|| "at an unknown time".to_owned());
            let _ = writeln!(out, "  {at}  {}: {why}", super::kind(one.about));
        }
        let more = all.saturating_sub(list.listed.len().min(LISTED_MAX) as u64);
        if more > 0 {
            let _ = writeln!(out, "  and {} more", spell::number(more));
        }
    }
    if list.unopened > 0 {
        let _ = write!(
            out,
            "\nNot even opened, since too many incidents were open: {} incidents.\n",
            spell::number(list.unopened)
        );
    }
    out
}

/// A host's name as a domain: letters, digits, dots and dashes; `localhost` where nothing is left.
pub(super) fn domain(host: &str) -> String {
    let safe: String = host
        .split('.')
        .map(|label| {
            label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(63).collect::<String>()
        })
        .map(|label| label.trim_matches('-').to_owned())
        .filter(|label| !label.is_empty())
        .take(16)
        .collect::<Vec<_>>()
        .join(".");
    // RFC 1035 §2.3.4: a name has at most 255 octets, its lengths among them.
    let safe = safe.get(..DOMAIN_MAX).unwrap_or(&safe).trim_end_matches(['.', '-']).to_owned();
    if safe.is_empty() { "localhost".to_owned() } else { safe }
}

/// At most so many bytes, whole lines; `rest` has what is missing then.
pub(super) fn cut(text: String, bytes_max: usize, rest: &str) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() > bytes_max {
            break;
        }
        kept.push_str(line);
    }
    kept + &format!("\n(The rest is longer than a message may be: {rest} has it.)\n")
}
