//! The evidence of one incident: a bundle that grows while the incident lasts, in a directory of its own.
//!
//! What `analyze` makes of the directory is the incident's report, here or wherever it was copied to. Every file in it is
//! whole under its name at any time: it is written under another one, synced and renamed. Only the samples grow at their
//! end; a line that a crash left half written is cut off when the incident is gone on with.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::private_directory;
use crate::edge::capture::bundle::{TEMPORARY, keep_manifest, sweep, sync_directory};
use crate::model::input::{LogStream, SAMPLES_MAX};
use crate::model::live::config::Keep;
use crate::model::live::sample::Sample;
use crate::model::time::WallTime;
use crate::wire::bundle::{self, Manifest};
use crate::wire::{owners, samples, signals};

/// Bytes of a line of samples, a little more than they have.
const SAMPLE_BYTES: u64 = 512;

/// Evidence of one incident, being kept.
#[derive(Debug)]
pub struct Evidence {
    root: PathBuf,
    manifest: Manifest,
    samples: u64,
}

impl Evidence {
    /// Begins the evidence of an incident; `machine` names the machine. A capture may already be writing beside it.
    pub fn begin(directory: &Path, id: &str, machine: Manifest) -> io::Result<Self> {
        private_directory(directory)?;
        let root = directory.join(id);
        private_directory(&root)?;
        let manifest = Manifest { incident: Some(id.to_owned()), id: Some(id.to_owned()), ..machine };
        let evidence = Self { root, manifest, samples: 0 };
        keep_manifest(&evidence.root, &evidence.manifest)?;
        sync_directory(directory)?;
        Ok(evidence)
    }

    /// Goes on with what an earlier run kept: what it left half written is removed, what it left whole stays. The tie
    /// between the clocks stays that of the boot in which the incident was opened; `machine` is for a bundle that lost
    /// its manifest.
    pub fn resume(directory: &Path, id: &str, machine: Manifest) -> io::Result<Self> {
        let root = directory.join(id);
        private_directory(directory)?;
        private_directory(&root)?;
        sweep(&root);
        let samples = cut_to_lines(&root.join("samples.jsonl"))?;
        match manifest_of(&root) {
            Some(manifest) => Ok(Self { root, manifest, samples }),
            None => Ok(Self { samples, ..Self::begin(directory, id, machine)? }),
        }
    }

    /// Keeps an early look, which belongs to no incident yet: a bundle of its own.
    pub fn early(
        root: &Path,
        machine: Manifest,
        record: bundle::Capture,
        files: Vec<bundle::File>,
    ) -> io::Result<()> {
        keep_manifest(root, &Manifest { captures: vec![record], files, ..machine })
    }

    /// Takes an early look over, with its directory.
    pub fn adopt(&mut self, early: &Path) -> io::Result<()> {
        let Some(manifest) = manifest_of(early) else { return Ok(()) };
        for capture in manifest.captures {
            let (from, to) = (early.join(&capture.dir), self.root.join(&capture.dir));
            if let Some(above) = to.parent() {
                private_directory(above)?;
            }
            std::fs::rename(from, to)?;
            let files: Vec<_> =
                manifest.files.iter().filter(|file| file.path.starts_with(&capture.dir)).cloned().collect();
            self.add_capture(capture, files)?;
        }
        std::fs::remove_dir_all(early)
    }

    /// When the incident began, and that it is over, or goes on again.
    pub fn set_times(&mut self, opened: WallTime, closed: Option<WallTime>) -> io::Result<()> {
        let times =
            [(bundle::OPENED, opened.rfc3339()), (bundle::CLOSED, closed.and_then(WallTime::rfc3339))];
        let settings = &mut self.manifest.settings;
        if times.iter().all(|(key, at)| settings.get(*key) == at.as_ref()) {
            return Ok(());
        }
        for (key, at) in times {
            match at {
                Some(at) => settings.insert(key.to_owned(), at),
                None => settings.remove(key),
            };
        }
        keep_manifest(&self.root, &self.manifest)
    }

    /// Captures kept.
    pub fn captures(&self) -> usize {
        self.manifest.captures.len()
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes up a capture whose directory is whole.
    pub fn add_capture(&mut self, record: bundle::Capture, files: Vec<bundle::File>) -> io::Result<()> {
        self.manifest.captures.push(record);
        self.manifest.files.extend(files);
        keep_manifest(&self.root, &self.manifest)
    }

    /// What the sources said, in the place of what they had said before.
    pub fn keep_signals<'a>(&self, streams: impl IntoIterator<Item = &'a LogStream>) -> io::Result<()> {
        let lines: String = streams.into_iter().map(|stream| signals::write(stream) + "\n").collect();
        self.replace("signals.jsonl", lines.as_bytes())
    }

    /// Who had which socket.
    pub fn keep_owners(&self, found: &owners::Owners) -> io::Result<()> {
        self.replace("owners.json", owners::write(found).as_bytes())
    }

    /// Further samples. Beyond the number that a reader takes nothing is added.
    pub fn add_samples(&mut self, all: &[Sample]) -> io::Result<()> {
        let room = (SAMPLES_MAX as u64).saturating_sub(self.samples);
        let lines: Vec<String> = all.iter().filter_map(samples::write).collect();
        let lines =
            lines.get(..usize::try_from(room).unwrap_or(usize::MAX).min(lines.len())).unwrap_or_default();
        if lines.is_empty() {
            return Ok(());
        }
        let mut file =
            private(OpenOptions::new().append(true).create(true)).open(self.root.join("samples.jsonl"))?;
        let mut text = lines.join("\n");
        text.push('\n');
        file.write_all(text.as_bytes())?;
        self.samples += lines.len() as u64;
        Ok(())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.root.join(format!("{name}{TEMPORARY}"));
        let mut file =
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(&temporary, self.root.join(name))?;
        sync_directory(&self.root)
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600).custom_flags(i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits()).unwrap_or(0))
}

fn manifest_of(root: &Path) -> Option<Manifest> {
    let mut json = Vec::new();
    let file = private(OpenOptions::new().read(true)).open(root.join("manifest.json")).ok()?;
    file.take(bundle::BYTES_MAX as u64 + 1).read_to_end(&mut json).ok()?;
    bundle::read(&json).ok()
}

/// Cuts off what stands behind the last line end, and tells how many lines there are.
fn cut_to_lines(path: &Path) -> io::Result<u64> {
    let mut file = match private(OpenOptions::new().read(true).write(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let (mut lines, mut whole, mut at) = (0, 0_u64, 0_u64);
    let mut block = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        for (place, byte) in block.iter().take(read).enumerate() {
            if *byte == b'\n' {
                lines += 1;
                whole = at + place as u64 + 1;
            }
        }
        at += read as u64;
    }
    if whole < at && at - whole <= SAMPLE_BYTES {
        file.set_len(whole)?;
    }
    file.seek(SeekFrom::End(0))?;
    Ok(lines)
}

/// Name of the directory of an early look, before it belongs to an incident.
pub fn early_name(capture: u64) -> String {
    format!("{EARLY}{capture}")
}

/// How the names of early looks begin; no incident's id does.
const EARLY: &str = "early-";

/// Removes an early look that came to nothing.
pub fn drop_early(root: &Path) -> io::Result<()> {
    std::fs::remove_dir_all(root)
}

/// Removes the early looks of an earlier run: the tables that they were of are not known any more. Tells how many.
pub fn drop_all_early(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let early = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(EARLY));
    early.filter(|entry| drop_early(&entry.path()).is_ok()).count()
}

/// Bytes that the evidence of an incident takes.
pub fn bytes(root: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(root) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes(&entry.path()),
        Ok(meta) => meta.blocks().saturating_mul(512).max(meta.len()),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// An incident whose evidence may have to go: its id, and when it closed (microseconds since the epoch; none: it is open).
pub type Kept = (String, Option<i64>);

/// Removes evidence until it fits, the incident that closed first before the others; an open one is never touched. Tells
/// which are gone.
pub fn make_room(directory: &Path, all: &[Kept], keep: &Keep, now_us: i64) -> Vec<String> {
    let mut closed: Vec<(&String, i64, u64)> =
        (all.iter()).filter_map(|(id, closed)| Some((id, (*closed)?, bytes(&directory.join(id))))).collect();
    closed.sort_by_key(|(_, at, _)| *at);
    let open = all.iter().filter(|(_, closed)| closed.is_none());
    let mut total: u64 = open.map(|(id, _)| bytes(&directory.join(id))).sum::<u64>()
        + closed.iter().map(|(_, _, bytes)| bytes).sum::<u64>();
    let mut count = all.len() as u64;
    let mut gone = Vec::new();
    for (id, at, bytes) in closed {
        let old = now_us.saturating_sub(at) > keep.age_us;
        if !old && total <= keep.bytes && count <= keep.incidents && has_room(directory, keep.free_percent) {
            break;
        }
        if std::fs::remove_dir_all(directory.join(id)).is_ok() || !directory.join(id).is_dir() {
            total = total.saturating_sub(bytes);
            count -= 1;
            gone.push(id.clone());
        }
    }
    gone
}

/// So many hundredths of the file system are free.
pub fn has_room(directory: &Path, percent: u8) -> bool {
    let Ok(found) = rustix::fs::statvfs(directory) else { return true };
    found.f_blocks == 0 || found.f_bavail.saturating_mul(100) >= found.f_blocks.saturating_mul(percent.into())
}

/// Opens what is in a directory of evidence, for export. An id is twelve hex digits: nothing else is a name there.
pub fn directory_of(state: &Path, id: &str) -> Result<PathBuf, String> {
    let digits = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits {
        return Err(format!(
            "{id:?} is no id of an incident: twelve hex digits, as `incidents list` shows them"
        ));
    }
    let root = state.join("evidence").join(id);
    match std::fs::symlink_metadata(&root) {
        Ok(meta) if meta.is_dir() => Ok(root),
        Ok(_) => Err(format!("{}: is no directory", root.display())),
        Err(error) => Err(format!("{}: {error}", root.display())),
    }
}

/// The file that an export goes to.
pub fn export_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(directory: &Path, id: &str, bytes: usize) {
        std::fs::create_dir_all(directory.join(id)).unwrap();
        std::fs::write(directory.join(id).join("signals.jsonl"), vec![b'x'; bytes]).unwrap();
    }

    #[test]
    fn the_oldest_closed_incident_goes_first_and_an_open_one_never() {
        let directory = tempfile::tempdir().unwrap();
        for id in ["a", "b", "c"] {
            kept(directory.path(), id, 1 << 20);
        }
        let all = [("a".to_owned(), None), ("b".to_owned(), Some(2)), ("c".to_owned(), Some(1))];
        let keep = |bytes| Keep { bytes, age_us: 1_000, incidents: 9, free_percent: 0 };
        assert_eq!(make_room(directory.path(), &all, &keep(u64::MAX), 3), Vec::<String>::new());
        assert_eq!(make_room(directory.path(), &all, &keep(2_500_000), 3), ["c"]);
        assert_eq!(make_room(directory.path(), &all[..2], &keep(1), 3), ["b"]);
        assert!(directory.path().join("a").is_dir());
        kept(directory.path(), "d", 1);
        let old = [("d".to_owned(), Some(0))];
        assert_eq!(make_room(directory.path(), &old, &keep(u64::MAX), 2_000), ["d"]);
    }

    #[test]
    fn a_sample_that_a_crash_left_half_written_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.jsonl");
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        assert_eq!(cut_to_lines(&path).unwrap(), 2);
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        assert_eq!(cut_to_lines(&directory.path().join("none")).unwrap(), 0);
    }

    #[test]
    fn early_looks_of_an_earlier_run_go_and_incidents_stay() {
        let directory = tempfile::tempdir().unwrap();
        kept(directory.path(), &early_name(7), 9);
        kept(directory.path(), "0123456789ab", 9);
        assert_eq!(drop_all_early(directory.path()), 1);
        assert!(directory.path().join("0123456789ab").is_dir());
        assert_eq!(drop_all_early(&directory.path().join("none")), 0);
    }

    #[test]
    fn what_is_no_id_is_no_path() {
        for id in ["", "..", "../../etc", "0123456789ag", "0123456789abc", "0123456789a/"] {
            assert!(directory_of(Path::new("/"), id).is_err(), "{id}");
        }
    }
}
