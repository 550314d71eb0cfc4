//! `conntriage.bundle/1`: the manifest of an evidence bundle, `manifest.json`.
//!
//! It says what was captured, when, by what, and what could not be read. It is optional, and may have been made by
//! hand: what it does not say is not known. Unknown fields are ignored, so that an older program reads what a newer
//! one of the same number wrote.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::incident::Namespace;
use crate::model::report::Role;
use crate::model::time::{BootId, WallTime};

use super::value::{Number, moment, pretty, schema_of};

/// Name and version of the format.
pub const SCHEMA: &str = "conntriage.bundle/1";
/// A manifest larger than this is refused: it lists a few dozen files.
pub const BYTES_MAX: usize = 16 << 20;
/// Key of [`Manifest::settings`]: when the watcher that kept the incident saw that it was over.
pub const CLOSED: &str = "incident.closed";
/// Key of [`Manifest::settings`]: when the incident began, as far as that was known when it was opened.
pub const OPENED: &str = "incident.opened";
/// Captures, files and names that are read, each; more are an error.
pub const ITEMS_MAX: usize = 65_536;

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// Of the bundle.
    pub id: Option<String>,
    /// Incident it was captured for.
    pub incident: Option<String>,
    /// Names of the host, the shown one first.
    pub host_names: Vec<String>,
    /// `/etc/machine-id`, 32 hex digits.
    pub machine_id: Option<String>,
    /// Boot.
    pub boot_id: Option<BootId>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// The tie between wall time and time since boot, when the bundle was opened.
    pub clock: Option<Clock>,
    /// Settings of the program that captured it.
    pub settings: BTreeMap<String, String>,
    /// Name and version of that program.
    pub tool: Option<(String, String)>,
    /// Captures, in order.
    pub captures: Vec<Capture>,
    /// Files in it.
    pub files: Vec<File>,
}

/// The same moment on two clocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// Wall time.
    pub wall: WallTime,
    /// Seconds since boot (the printk clock), where known.
    pub since_boot_seconds: Option<f64>,
    /// Name of the machine's time zone, where known.
    pub zone: Option<String>,
}

/// One capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Its directory within the bundle.
    pub dir: String,
    /// When, seen from the incident.
    pub role: Option<Role>,
    /// What set it off: `kernel-line`, `near-full`, `by-hand` …
    pub trigger: Option<String>,
    /// When.
    pub taken_at: Option<WallTime>,
    /// How long it took.
    pub took_seconds: Option<f64>,
    /// Of which namespace.
    pub namespace: Namespace,
    /// Everything wanted was read.
    pub complete: bool,
    /// What was not read: file and reason.
    pub not_read: Vec<(String, String)>,
    /// Entries of its table, each once.
    pub entries: Option<u64>,
    /// Entries that the kernel listed again while it did so, left out of the table.
    pub duplicates_removed: Option<u64>,
    /// What a reader of the table should know, in words.
    pub note: Option<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path within the bundle: relative, no `..`.
    pub path: String,
    /// Length as stored.
    pub bytes: Option<u64>,
    /// SHA-256 as stored, 64 hex digits.
    pub sha256: Option<String>,
}

/// Reads a manifest. An error says what is wrong with it.
pub fn read(json: &[u8]) -> Result<Manifest, String> {
    if json.len() > BYTES_MAX {
        return Err(format!("a manifest of {} bytes: at most {BYTES_MAX} are read", json.len()));
    }
    let wire: Wire = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if wire.schema != SCHEMA {
        return Err(format!("schema {:?}: only {SCHEMA:?} is read", wire.schema));
    }
    for (what, length) in [
        ("captures", wire.captures.len()),
        ("files", wire.files.len()),
        ("host_names", wire.host_names.len()),
        ("settings", wire.settings.len()),
    ] {
        if length > ITEMS_MAX {
            return Err(format!("{what}: {length} of them, at most {ITEMS_MAX} are read"));
        }
    }
    wire.into_manifest()
}

/// Writes one, pretty-printed, with a final line end.
pub fn write(manifest: &Manifest) -> String {
    pretty(&Wire::of(manifest))
}

/// Its JSON Schema: what we write. A reader takes less.
pub fn schema() -> String {
    schema_of::<Wire>()
}

/// The head of an input looks like a manifest of this format.
pub fn looks_like(head: &[u8]) -> bool {
    let name = br#""conntriage.bundle/"#;
    head.trim_ascii_start().starts_with(b"{") && head.windows(name.len()).any(|window| window == name)
}

/// The manifest of an evidence bundle.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "Manifest")]
struct Wire {
    /// Name and version of this format.
    #[schemars(extend("const" = "conntriage.bundle/1"))]
    schema: String,
    /// Of the bundle.
    id: Option<String>,
    /// Incident it was captured for.
    incident: Option<String>,
    /// Names of the host, the shown one first.
    host_names: Vec<String>,
    /// 32 hex digits.
    machine_id: Option<String>,
    /// As the kernel writes it.
    boot_id: Option<String>,
    /// Kernel release.
    kernel: Option<String>,
    /// The same moment on two clocks.
    clock: Option<WireClock>,
    /// Settings of the program that captured it.
    settings: BTreeMap<String, String>,
    /// That program.
    tool: Option<WireTool>,
    /// Captures, in order.
    captures: Vec<WireCapture>,
    /// Files.
    files: Vec<WireFile>,
}

/// The same moment on two clocks.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Clock")]
struct WireClock {
    /// Wall time (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    wall: String,
    /// Since boot.
    #[serde(default)]
    since_boot_seconds: Option<Number>,
    /// The machine's time zone.
    #[serde(default)]
    zone: Option<String>,
}

/// A program.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "Tool")]
struct WireTool {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
}

/// One capture.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "Capture")]
struct WireCapture {
    /// Its directory.
    dir: String,
    /// When, seen from the incident.
    role: Option<super::report::words::Role>,
    /// What set it off.
    trigger: Option<String>,
    /// When (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    taken_at: Option<String>,
    /// How long it took.
    took_seconds: Option<Number>,
    /// Of which namespace.
    namespace: WireNamespace,
    /// Everything wanted was read.
    complete: bool,
    /// What was not read.
    not_read: Vec<WireNotRead>,
    /// Entries of its table, each once.
    entries: Option<u64>,
    /// Entries that came again in the dump, left out.
    duplicates_removed: Option<u64>,
    /// What a reader of the table should know.
    note: Option<String>,
}

/// A network namespace.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "CaptureNamespace")]
struct WireNamespace {
    /// Of which kind.
    kind: Option<super::report::words::NamespaceKind>,
    /// Inode.
    inode: Option<u64>,
    /// Name or container id.
    name: Option<String>,
}

/// A file that was wanted and not read.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "NotRead")]
struct WireNotRead {
    /// Which.
    what: String,
    /// Why.
    why: String,
}

/// A file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "File")]
struct WireFile {
    /// Path within the bundle.
    path: String,
    /// Length as stored.
    bytes: Option<u64>,
    /// SHA-256 as stored, 64 hex digits.
    sha256: Option<String>,
}

impl Wire {
    fn of(manifest: &Manifest) -> Self {
        let clock = |clock: &Clock| {
            Some(WireClock {
                wall: clock.wall.rfc3339()?,
                since_boot_seconds: clock.since_boot_seconds.and_then(Number::of),
                zone: clock.zone.clone(),
            })
        };
        let file = |file: &File| WireFile {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        };
        Self {
            schema: SCHEMA.to_owned(),
            id: manifest.id.clone(),
            incident: manifest.incident.clone(),
            host_names: manifest.host_names.clone(),
            machine_id: manifest.machine_id.clone(),
            boot_id: manifest.boot_id.map(|boot| boot.uuid()),
            kernel: manifest.kernel.clone(),
            clock: manifest.clock.as_ref().and_then(clock),
            settings: manifest.settings.clone(),
            tool: manifest.tool.clone().map(|(name, version)| WireTool { name, version }),
            captures: manifest.captures.iter().map(WireCapture::of).collect(),
            files: manifest.files.iter().map(file).collect(),
        }
    }

    fn into_manifest(self) -> Result<Manifest, String> {
        Ok(Manifest {
            id: self.id,
            incident: self.incident,
            host_names: self.host_names,
            machine_id: self.machine_id,
            boot_id: self.boot_id.as_deref().map(boot_id).transpose()?,
            kernel: self.kernel,
            clock: self.clock.map(WireClock::into_clock).transpose()?,
            settings: self.settings,
            tool: self.tool.map(|tool| (tool.name, tool.version)),
            captures: self.captures.into_iter().map(WireCapture::into_capture).collect::<Result<_, _>>()?,
            files: self.files.into_iter().map(WireFile::into_file).collect::<Result<_, _>>()?,
        })
    }
}

impl WireClock {
    fn into_clock(self) -> Result<Clock, String> {
        Ok(Clock {
            wall: wall_time(&self.wall)?,
            since_boot_seconds: self.since_boot_seconds.map(Number::value),
            zone: self.zone,
        })
    }
}

impl WireCapture {
    fn of(capture: &Capture) -> Self {
        let (inode, name) = match &capture.namespace {
            Namespace::Netns(inode) => (Some(*inode), None),
            Namespace::Container(id) => (None, Some(String::from(&**id))),
            Namespace::Initial | Namespace::Unknown => (None, None),
        };
        let not_read = |(what, why): &(String, String)| WireNotRead { what: what.clone(), why: why.clone() };
        Self {
            dir: capture.dir.clone(),
            role: capture.role.as_ref().map(Into::into),
            trigger: capture.trigger.clone(),
            taken_at: moment(capture.taken_at),
            took_seconds: capture.took_seconds.and_then(Number::of),
            namespace: WireNamespace { kind: Some((&capture.namespace).into()), inode, name },
            complete: capture.complete,
            not_read: capture.not_read.iter().map(not_read).collect(),
            entries: capture.entries,
            duplicates_removed: capture.duplicates_removed,
            note: capture.note.clone(),
        }
    }

    fn into_capture(self) -> Result<Capture, String> {
        use super::report::words::Role as Word;
        let role = |word| match word {
            Word::Before => Role::Before,
            Word::At => Role::At,
            Word::FollowUp => Role::FollowUp,
            Word::After => Role::After,
        };
        Ok(Capture {
            dir: within(self.dir)?,
            role: self.role.map(role),
            trigger: self.trigger,
            taken_at: self.taken_at.as_deref().map(wall_time).transpose()?,
            took_seconds: self.took_seconds.map(Number::value),
            namespace: self.namespace.into_namespace(),
            complete: self.complete,
            not_read: self.not_read.into_iter().map(|missing| (missing.what, missing.why)).collect(),
            entries: self.entries,
            duplicates_removed: self.duplicates_removed,
            note: self.note,
        })
    }
}

impl WireNamespace {
    /// What is named by half only is not known.
    fn into_namespace(self) -> Namespace {
        use super::report::words::NamespaceKind as Kind;
        match (self.kind, self.inode, self.name) {
            (Some(Kind::Initial), ..) => Namespace::Initial,
            (Some(Kind::Netns), Some(inode), _) => Namespace::Netns(inode),
            (Some(Kind::Container), _, Some(id)) => Namespace::Container(id.into()),
            _ => Namespace::Unknown,
        }
    }
}

impl WireFile {
    fn into_file(self) -> Result<File, String> {
        Ok(File { path: within(self.path)?, bytes: self.bytes, sha256: self.sha256 })
    }
}

/// A path that stays within the bundle.
fn within(path: String) -> Result<String, String> {
    let leaves = path.starts_with('/') || path.split('/').any(|part| part == "..") || path.contains('\0');
    if leaves { Err(format!("path {path:?} leaves the bundle")) } else { Ok(path) }
}

/// RFC 3339, to the microsecond.
fn wall_time(text: &str) -> Result<WallTime, String> {
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|error| format!("time {text:?}: {error}"))?;
    Ok(WallTime(at.timestamp_micros()))
}

/// 32 hex digits, with or without hyphens.
fn boot_id(text: &str) -> Result<BootId, String> {
    let wrong = || format!("boot_id {text:?} is not 32 hex digits");
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
    let id = <[u8; 16]>::try_from(bytes).map_err(|_| wrong())?;
    if digits.len() == 32 { Ok(BootId(id)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Manifest {
        Manifest {
            id: Some("b-1".into()),
            incident: Some("5e0c7a91f3b2".into()),
            host_names: vec!["web8".into(), "web8.example.org".into()],
            machine_id: Some("0123456789abcdef0123456789abcdef".into()),
            boot_id: Some(BootId([7; 16])),
            kernel: Some("6.18.0".into()),
            clock: Some(Clock {
                wall: WallTime(1_334_222_275_000_001),
                since_boot_seconds: Some(12.5),
                zone: Some("Europe/Berlin".into()),
            }),
            settings: [("quiet".to_owned(), "10m".to_owned())].into(),
            tool: Some(("conntriage".into(), "0.1.0".into())),
            captures: [
                Namespace::Initial,
                Namespace::Netns(4_026_532_281),
                Namespace::Container("101".into()),
                Namespace::Unknown,
            ]
            .map(|namespace| Capture {
                dir: "capture/1-at".into(),
                role: Some(Role::FollowUp),
                trigger: Some("kernel-line".into()),
                taken_at: Some(WallTime(1_334_222_276_000_000)),
                took_seconds: Some(0.25),
                namespace,
                complete: false,
                not_read: vec![("slabinfo".into(), "permission denied".into())],
                entries: Some(30_611),
                duplicates_removed: Some(0),
                note: Some("a walk of 0.1 s".into()),
            })
            .into(),
            files: vec![File {
                path: "capture/1-at/nf_conntrack".into(),
                bytes: Some(7),
                sha256: Some("ab".into()),
            }],
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        for manifest in [full(), Manifest::default()] {
            assert_eq!(read(write(&manifest).as_bytes()), Ok(manifest));
        }
    }

    #[test]
    fn a_manifest_made_by_hand_may_say_little() {
        let read =
            read(br#"{"schema":"conntriage.bundle/1","host_names":["web8"],"made_by":"hand"}"#).unwrap();
        assert_eq!(read.host_names, ["web8"]);
        assert_eq!(read.boot_id, None);
    }

    #[test]
    fn another_format_is_an_error_that_names_it() {
        for (json, wanted) in [
            (r#"{"schema":"conntriage.bundle/2"}"#, "conntriage.bundle/2"),
            ("{}", "only"),
            ("[]", "only"),
            ("7", "invalid type"),
            (r#"{"schema":"conntriage.bundle/1","boot_id":"xyz"}"#, "boot_id"),
            (r#"{"schema":"conntriage.bundle/1","boot_id":"abc"}"#, "boot_id"),
            (r#"{"schema":"conntriage.bundle/1","clock":{"wall":"noon"}}"#, "noon"),
        ] {
            let error = read(json.as_bytes()).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_path_that_leaves_the_bundle_is_an_error() {
        for path in ["/etc/passwd", "../x", "a/../../x", "a\\u0000"] {
            let json = format!(r#"{{"schema":"conntriage.bundle/1","files":[{{"path":"{path}"}}]}}"#);
            assert!(read(json.as_bytes()).unwrap_err().contains("leaves the bundle"), "{path}");
        }
    }

    #[test]
    fn a_manifest_is_known_by_its_head() {
        assert!(looks_like(write(&full()).as_bytes()));
        assert!(!looks_like(br#"{"schema":"conntriage.signals/1"}"#));
        assert!(!looks_like(b""));
    }
}
