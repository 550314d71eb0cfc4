//! `conntriage.report/1`: the whole report as JSON. [`shape`] and [`body`] are the format; the rest makes it from the
//! view.

mod gaps;
mod incident;
mod shared;

pub mod body;
pub mod shape;
pub mod words;

use serde_json::Value;

use crate::model::input;
use crate::model::report::{HostView, IncidentView, Report, Settings};
use crate::model::sentence::{Sentence, Word};

use super::value::{moment, pretty, schema_of};

/// Name and version of the format.
pub const SCHEMA: &str = "conntriage.report/1";

/// The report as JSON, pretty-printed, with a final line end. `spell` turns sentences into plain words, and with them
/// bytes that came from input.
pub fn to_json(report: &Report, spell: &dyn Fn(&Sentence) -> String) -> String {
    pretty(&Door { report, spell }.whole())
}

/// Reads one. Unknown fields are errors: this reads what the same version wrote.
pub fn from_json(json: &str) -> Result<shape::Report, String> {
    serde_json::from_str(json).map_err(|error| format!("not a report of {SCHEMA}: {error}"))
}

/// Its JSON Schema.
pub fn schema() -> String {
    schema_of::<shape::Report>()
}

/// A report without what differs from run to run: two reports are the same when these are equal. Removes
/// `generated_at`, `tool` and `inputs`; keys are sorted.
pub fn comparable(json: &str) -> Result<String, String> {
    let mut value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let fields = value.as_object_mut().ok_or("a report is an object")?;
    for run in ["generated_at", "tool", "inputs"] {
        fields.remove(run).ok_or_else(|| format!("a report has a field {run}"))?;
    }
    Ok(pretty(&value))
}

/// One incident with its sentences left empty, for formats that show none.
pub(super) fn incident_without_prose(report: &Report, view: &IncidentView) -> shape::Incident {
    Door { report, spell: &|_| String::new() }.incident(view)
}

/// The door out of the model: the report, and how its sentences are spelled.
struct Door<'a> {
    report: &'a Report,
    spell: &'a dyn Fn(&Sentence) -> String,
}

impl Door<'_> {
    fn say(&self, sentence: &Sentence) -> String {
        (self.spell)(sentence)
    }

    /// Sentences, one a line.
    fn lines(&self, sentences: &[Sentence]) -> String {
        sentences.iter().map(|sentence| self.say(sentence)).collect::<Vec<_>>().join("\n")
    }

    /// Bytes that came from input, escaped.
    fn untrusted(&self, raw: &[u8]) -> String {
        self.say(&Sentence(vec![Word::Untrusted(raw.into())]))
    }

    fn whole(&self) -> shape::Report {
        let report = self.report;
        shape::Report {
            schema: SCHEMA.to_owned(),
            generated_at: moment(Some(report.generated_at)),
            tool: shape::Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            complete: report.complete,
            settings: settings(&report.settings),
            inputs: report.inputs.iter().map(|input| self.input(input)).collect(),
            hosts: report.hosts.iter().map(host).collect(),
            shared: crate::model::shared::of(report).into_iter().map(shared::row).collect(),
            incidents: report.incidents.iter().map(|view| self.incident(view)).collect(),
            snapshots: report.snapshots.iter().map(|view| self.snapshot(view)).collect(),
            findings: report.findings.iter().map(|finding| self.finding(finding)).collect(),
            assumptions: report.assumptions.iter().map(|assumption| self.assumption(assumption)).collect(),
            gaps: report.gaps.iter().map(|gap| self.gap(gap)).chain(gaps::constant(report)).collect(),
        }
    }

    fn input(&self, input: &input::Input) -> shape::Input {
        shape::Input {
            id: String::from(&*input.id),
            path: String::from(&*input.path),
            member: text(input.member.as_deref()),
            via: input.via.iter().map(|via| (*via).to_owned()).collect(),
            kind: (&input.kind).into(),
            dialect: input.dialect.map(str::to_owned),
            bytes: input.bytes,
            records: input.records,
            signals: input.signals,
            malformed: input.malformed,
            first: moment(input.first),
            last: moment(input.last),
            complete: input.complete,
            note: self.note(input),
        }
    }

    /// Its note, and the first damage.
    fn note(&self, input: &input::Input) -> Option<String> {
        let damage = input.first_malformed.as_ref().map(|(kind, blemish)| {
            self.say(&Sentence(vec![
                Word::Text(kind.words()),
                Word::Text("at byte"),
                Word::Number(blemish.first_offset),
                Word::Text(":"),
                Word::Untrusted(blemish.first_raw.clone()),
            ]))
        });
        let parts: Vec<String> = input.remarks().into_iter().chain(damage).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn finding(&self, finding: &crate::model::diagnosis::Finding) -> shape::Finding {
        shape::Finding {
            host: text(finding.host.as_deref()),
            cause: finding.cause.0.to_owned(),
            summary: self.lines(&finding.summary),
            evidence: self.evidence(&finding.evidence),
            remedies: self.remedies(&finding.remedies),
        }
    }

    fn assumption(&self, assumption: &crate::model::incident::Assumption) -> shape::Assumption {
        shape::Assumption {
            about: assumption.about.to_owned(),
            text: self.say(&assumption.text),
            from: text(assumption.from.as_deref()),
        }
    }

    fn gap(&self, gap: &crate::model::incident::Gap) -> shape::Gap {
        shape::Gap { what: self.say(&gap.what), why: self.say(&gap.why), command: gap.command.clone() }
    }
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn settings(settings: &Settings) -> shape::Settings {
    shape::Settings {
        zone: text(settings.zone.as_deref()),
        year: settings.year,
        host_name: text(settings.host_name.as_deref()),
        hosts: settings.hosts.iter().map(|host| String::from(&**host)).collect(),
        since: moment(settings.since),
        until: moment(settings.until),
        local: settings.local.iter().map(ToString::to_string).collect(),
        top: settings.top as u64,
        quiet_seconds: settings.quiet_seconds,
        what_if: settings.what_if.iter().cloned().collect(),
        what_if_traffic: settings.what_if_traffic.iter().map(ToString::to_string).collect(),
    }
}

fn host(view: &HostView) -> shape::Host {
    let address = |(local, from): &(crate::model::counters::LocalAddress, Box<str>)| shape::HostAddress {
        address: local.address.to_string(),
        from: String::from(&**from),
    };
    shape::Host {
        name: String::from(&*view.host.name),
        also_written_as: view.host.also_written_as.iter().map(|word| String::from(&**word)).collect(),
        kernel: text(view.kernel.as_deref()),
        boot_ids: view.host.boot_ids.iter().map(crate::model::time::BootId::uuid).collect(),
        local_addresses: view.local_addresses.iter().map(address).collect(),
        incidents: view.incidents,
    }
}
