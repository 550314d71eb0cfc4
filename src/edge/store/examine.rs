//! What a watcher keeps, examined for `doctor`: nothing is made, locked or changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{evidence, lock, state};
use crate::edge::capture::health::{Row, Verdict};
use crate::model::live::config::Config;

/// Units that are installed with the program, and what each is for.
const UNITS: [(&str, &str); 3] = [
    ("conntriage-watch.service", "watches"),
    ("conntriage-mail.timer", "hands mail over"),
    ("conntriage-notify.timer", "tells programs"),
];
/// Where systemd shows that it runs this machine (sd_booted).
const BOOTED: &str = "/run/systemd/system";

fn row(verdict: Verdict, what: &str, said: impl Into<String>) -> Row {
    Row { verdict, what: what.to_owned(), said: said.into() }
}

/// Examines the state of this configuration, its evidence, and who keeps them.
pub fn examine(config: &Config) -> Vec<Row> {
    let directory = &config.state_dir;
    let shown = directory.display();
    let mut rows = Vec::new();
    match std::fs::symlink_metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let said = format!("{shown} is not there yet: `conntriage watch` makes it");
            rows.push(row(Verdict::Absent, "state", said));
        }
        Err(error) => rows.push(row(Verdict::Unknown, "state", format!("{shown}: {error}"))),
        Ok(meta) => {
            if let Some(why) = wrong(&meta) {
                rows.push(row(Verdict::Fails, "state", format!("{shown} {why}")));
            } else {
                rows.push(kept(directory));
                rows.push(room(config));
            }
        }
    }
    rows.push(watcher(directory));
    rows.extend(units());
    rows
}

/// Why a watcher that runs as root would not use it.
fn wrong(meta: &std::fs::Metadata) -> Option<&'static str> {
    if meta.file_type().is_symlink() {
        Some("is a symbolic link, which is not followed: configure state_dir as the directory itself")
    } else if !meta.is_dir() {
        Some("is no directory")
    } else if meta.mode() & 0o022 != 0 {
        Some("can be written to by others, and is refused: chmod 700 it")
    } else {
        None
    }
}

fn kept(directory: &Path) -> Row {
    match state::list(directory) {
        Ok(incidents) => {
            let open = incidents.iter().filter(|incident| incident.closed_us.is_none()).count();
            let all = match incidents.len() {
                1 => "1 incident is kept".to_owned(),
                all => format!("{all} incidents are kept"),
            };
            row(Verdict::Fine, "state", format!("{}: {all}, {open} of them open", directory.display()))
        }
        Err(error) => row(
            Verdict::Fails,
            "state",
            format!("{error}; a watcher sets a damaged state aside and begins a new one"),
        ),
    }
}

/// How much evidence there is, and how much more there may be.
fn room(config: &Config) -> Row {
    const WHAT: &str = "evidence";
    let directory = config.state_dir.join("evidence");
    let keep = &config.keep;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let (held, most) = (mib(evidence::bytes(&directory)), mib(keep.bytes));
    let said = format!("{held} MiB of at most {most} MiB (evidence.max_bytes)");
    if evidence::has_room(&config.state_dir, keep.free_percent) {
        return row(Verdict::Fine, WHAT, said);
    }
    let said = format!(
        "{said}; less than {} % of the file system is free (evidence.keep_free): incidents are told, and no more evidence \
         is kept of them",
        keep.free_percent
    );
    row(Verdict::Fails, WHAT, said)
}

/// Whether a watcher keeps it now.
fn watcher(directory: &Path) -> Row {
    const WHAT: &str = "watcher";
    match lock::holder(directory) {
        Some(process) => row(Verdict::Fine, WHAT, format!("process {process} keeps this state")),
        None => row(Verdict::Note, WHAT, "none keeps this state: what happens now is seen by nobody"),
    }
}

/// What systemd says of the units; nothing where it does not run this machine.
fn units() -> Vec<Row> {
    if !Path::new(BOOTED).is_dir() {
        return Vec::new();
    }
    let of = |(unit, does): &(&str, &str)| {
        let what = format!("unit {unit}");
        let asked = Command::new("systemctl")
            .args(["show", "--property=LoadState,ActiveState,UnitFileState", unit])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let Ok(answer) = asked else {
            return row(Verdict::Unknown, &what, "systemctl cannot be run");
        };
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        match (value("LoadState"), value("ActiveState"), value("UnitFileState")) {
            (Some("loaded"), Some("active"), Some("enabled")) => {
                row(Verdict::Fine, &what, "runs, and after a reboot, too")
            }
            (Some("loaded"), Some("active"), _) => row(
                Verdict::Note,
                &what,
                format!("runs, and after a reboot nobody {does}: systemctl enable {unit}"),
            ),
            (Some("loaded"), Some(state), _) => {
                row(Verdict::Note, &what, format!("is {state}: systemctl enable --now {unit}"))
            }
            (Some(_), ..) => row(Verdict::Absent, &what, "is not installed: copy it from dist/"),
            (None, ..) => row(Verdict::Unknown, &what, "systemd does not answer"),
        }
    };
    UNITS.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(directory: &Path) -> Config {
        Config { state_dir: directory.join("state"), ..Config::default() }
    }

    #[test]
    fn a_state_that_a_watcher_would_refuse_fails_and_one_that_is_missing_is_absent() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        assert_eq!(examine(&config)[0].verdict, Verdict::Absent);
        assert!(!config.state_dir.exists(), "nothing is made");
        let (state, _) = state::State::open(&config.state_dir).unwrap();
        let rows = examine(&config);
        assert_eq!(rows[0].verdict, Verdict::Fine, "{rows:?}");
        assert!(rows[0].said.ends_with(": 0 incidents are kept, 0 of them open"), "{rows:?}");
        assert!(rows.iter().any(|row| row.what == "evidence" && row.said.starts_with("0 MiB of at most ")));
        drop(state);
        std::fs::set_permissions(&config.state_dir, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(examine(&config)[0].verdict, Verdict::Fails);
        std::fs::set_permissions(&config.state_dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(config.state_dir.join("state.db"), "no database at all").unwrap();
        assert_eq!(examine(&config)[0].verdict, Verdict::Fails);
    }
}
