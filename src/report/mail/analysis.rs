//! Messages that nobody owes: the report that a person has sent, and the one that tries the way.

use super::words::{self, COLUMNS, words_of_host};
use super::{ComposeError, Head, Rest, Said, html, write};
use crate::model::live::message::Envelope;
use crate::model::report::Report;
use crate::model::time::WallTime;
use crate::report::{escape, spell, text};

/// What such a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Analysis<'a> {
    /// Between whom.
    pub envelope: &'a Envelope,
    /// Message-ID, without brackets.
    pub id: &'a str,
    /// When it is written.
    pub created: WallTime,
    /// Name of the host that writes.
    pub host: &'a str,
}

impl Analysis<'_> {
    fn head(&self, subject: String) -> Head<'_> {
        Head {
            envelope: self.envelope,
            id: self.id,
            first: None,
            created: self.created,
            subject,
            domain: words::domain(self.host),
        }
    }
}

/// A report as a message, with the same as JSON attached.
pub fn compose_analysis(of: &Analysis<'_>, report: &Report, json: &str) -> Result<Vec<u8>, ComposeError> {
    let rest = Rest::of(Some(json), "`conntriage analyze` on the same input");
    let sign = format!("\nconntriage on {}: the report of `conntriage analyze`.\n", escape::text(of.host));
    let after = rest.left_out() + &sign;
    let around = html::Around { before: None, after: &after, rest: &rest.whereabouts() };
    let said = Said {
        text: text::render(report, text::Look { width: COLUMNS, colour: false }),
        end: rest.left_out() + "\n-- " + &sign,
        page: Some(html::render(Some(report), &around, of.id)),
        rest,
        name: "conntriage-report.json".to_owned(),
    };
    write(of.head(subject(report, of.host)), said)
}

/// `[web8] conntrack was full: 192.168.1.38 → :3128 (96 % of 30,611)`; of several incidents how many there are.
fn subject(report: &Report, own: &str) -> String {
    let named = |at: usize| report.hosts.get(at).map(|view| view.host.name.to_string());
    let line = match report.incidents.as_slice() {
        [] => format!("[{}] conntrack: no full table in what was analysed", words_of_host(own)),
        [one] => {
            let host = named(one.incident.host).unwrap_or_else(|| own.to_owned());
            let who = words::who(one).map(|who| format!(": {who}")).unwrap_or_default();
            format!("[{}] conntrack was full{who}", words_of_host(&host))
        }
        [first, rest @ ..] => {
            let host = first.incident.host;
            let all = spell::number(report.incidents.len() as u64);
            let one_host = rest.iter().all(|view| view.incident.host == host);
            let hosts = if one_host { named(host) } else { None };
            let hosts = hosts.map_or_else(|| "several hosts".to_owned(), |host| words_of_host(&host));
            format!("[{hosts}] conntrack was full: {all} incidents")
        }
    };
    line.replace(spell::FIRM, " ")
}

/// The message of `mail test`.
pub fn compose_test(of: &Analysis<'_>) -> Result<Vec<u8>, ComposeError> {
    let host = words_of_host(of.host);
    let text = format!(
        "This message was asked for with `conntriage mail test` on {host}. Messages about a full\n\
         connection-tracking table come the same way: mail is in order.\n"
    );
    let rest = Rest::of(None, "nothing");
    let said = Said { text, end: String::new(), page: None, rest, name: String::new() };
    write(of.head(format!("[{host}] conntriage: a test")), said)
}
