//! The faults of state, disk and process, each by its number in the test plan: a watcher is killed, refused, starved and
//! lied to while it reads a log, and afterwards it has read each line once.
//!
//! What was read is compared as it is kept (`state.db`: place and piece), with what a watcher kept that nothing happened
//! to. Not here: D10 (two watchers) is in `watch.rs`; D13 (killed for want of memory) is a kill as in D01; D14 (clocks that
//! step, years that turn) is held by the model of `steer` with clocks of its own, since setting the machine's clock would
//! reach everything else on it.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{outcome, skip};
use serde_json::Value;

/// A log, and states that keep how far it was read.
struct Room {
    directory: tempfile::TempDir,
    next: u64,
}

impl Room {
    /// With a log of a few lines, which `name` has read.
    fn new(name: &str) -> Self {
        let mut room = Self { directory: tempfile::tempdir().unwrap(), next: 0 };
        room.write(5);
        room.read(name);
        room
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        format!("file:{}", self.at("messages").display())
    }

    /// Lines as a kernel says them, now and then with a count of those it did not say.
    fn write(&mut self, count: u64) {
        let mut text = String::new();
        for number in self.next..self.next + count {
            let second = number / 10;
            let stamp =
                format!("Nov 27 {:02}:{:02}:{:02} gw kernel:", second / 3_600, second / 60 % 60, second % 60);
            let words = if number % 50 == 49 {
                "net_ratelimit: 123 callbacks suppressed"
            } else {
                "nf_conntrack: nf_conntrack: table full, dropping packet"
            };
            text.extend([&*stamp, " ", words, "\n"]);
        }
        self.next += count;
        let mut log = File::options().create(true).append(true).open(self.at("messages")).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    /// `watch` on the log, with what stands in front of it (`strace …`).
    fn watch(&self, before: &[&str], state: &str, more: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_conntriage");
        let words: Vec<&str> = before.iter().copied().chain([program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["watch", "--no-capture", "--source", &self.log(), "--state-dir"]);
        command.arg(self.at(state)).args(more);
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("TZ", "UTC")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn once(&self, before: &[&str], state: &str) -> Output {
        self.watch(before, state, &["--once"]).output().unwrap()
    }

    /// Reads all there is, undisturbed.
    fn read(&self, state: &str) {
        let (_, complaint, code) = outcome(&self.once(&[], state));
        assert_eq!(code, 0, "{complaint}");
    }

    /// What is kept of the log: the place in it, and what was read.
    fn kept(&self, state: &str) -> (Value, Value) {
        kept(&self.at(state))
    }

    fn copy(&self, from: &str, to: &str) {
        let _ = std::fs::remove_dir_all(self.at(to));
        let copied = Command::new("cp").arg("-a").arg(self.at(from)).arg(self.at(to)).status().unwrap();
        assert!(copied.success());
    }

    fn is_set_aside(&self, state: &str) -> bool {
        self.at(state).join("state.db.damaged").exists()
    }
}

fn kept(state: &Path) -> (Value, Value) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = rusqlite::Connection::open_with_flags(state.join("state.db"), flags).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    read_kept(&db).unwrap()
}

fn read_kept(db: &rusqlite::Connection) -> rusqlite::Result<(Value, Value)> {
    let row = db.query_row("SELECT position, piece FROM source", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let (position, piece) = row?;
    let mut piece: Value = serde_json::from_str(&piece).unwrap();
    forget_when(&mut piece);
    Ok((serde_json::from_str(&position).unwrap(), piece))
}

/// When it was read differs, and nothing else.
fn forget_when(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("modified");
            fields.values_mut().for_each(forget_when);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_when),
        _ => {}
    }
}

/// A watcher that goes on.
struct Running(Child);

impl Running {
    fn start(mut command: Command, said: &Path) -> Self {
        let said = File::options().create(true).append(true).open(said).unwrap();
        Self(command.stdout(Stdio::null()).stderr(said).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// As an administrator would end it; how long that took.
    fn stop(mut self) -> Duration {
        let begun = Instant::now();
        self.signal("TERM");
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
        begun.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn d01_a_watcher_killed_at_any_moment_has_read_each_line_once() {
    let mut room = Room::new("state");
    let said = room.at("said");
    for round in 0..25_u64 {
        let mut watcher = Running::start(room.watch(&[], "state", &[]), &said);
        for _ in 0..4 {
            room.write(30 + round);
            // Moments that fall everywhere between its beginning and its rest.
            std::thread::sleep(Duration::from_millis(10 + round * 37 % 90));
        }
        watcher.0.kill().unwrap();
    }
    room.read("state");
    room.read("undisturbed");
    assert_eq!(room.kept("state"), room.kept("undisturbed"), "{}", std::fs::read_to_string(said).unwrap());
}

const CALLS: &str = "trace=openat,pread64,pwrite64,read,write,fsync,fdatasync,ftruncate,unlink,unlinkat,fcntl,lseek,\
    newfstatat,fstat,statx,close,rename,fchmod,flock,mkdir,fallocate";

/// One run under strace, which injects something into the n-th call that reaches the state.
fn injected(room: &Room, what: &str, number: usize) -> Output {
    room.copy("base", "state");
    let state = room.at("state").display().to_string();
    let paths = [
        state.clone(),
        format!("{state}/state.db"),
        format!("{state}/state.db-journal"),
        format!("{state}/lock"),
    ];
    let inject = format!("inject={what}:when={number}");
    let mut before = vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", CALLS, "-e", &inject];
    for path in &paths {
        before.extend(["-P", path]);
    }
    room.once(&before, "state")
}

/// A base that has read half of the log, and what an undisturbed watcher keeps of all of it.
fn half_read(test: &str) -> Option<(Room, (Value, Value))> {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        skip(test, "strace cannot be used here (package strace, permission to trace)");
        return None;
    }
    let mut room = Room::new("base");
    room.write(120);
    room.copy("base", "undisturbed");
    room.read("undisturbed");
    let whole = room.kept("undisturbed");
    Some((room, whole))
}

#[test]
fn d02_a_watcher_killed_at_any_call_of_a_commit_loses_and_doubles_nothing() {
    const NAME: &str = "d02_a_watcher_killed_at_any_call_of_a_commit_loses_and_doubles_nothing";
    let Some((room, whole)) = half_read(NAME) else { return };
    let mut killed = 0;
    for number in 1..500 {
        let output = injected(&room, "all:signal=KILL", number);
        if output.status.success() {
            break;
        }
        killed += 1;
        room.read("state");
        assert_eq!(room.kept("state"), whole, "killed at call {number}");
        assert!(!room.is_set_aside("state"), "killed at call {number}");
    }
    assert!((30..499).contains(&killed), "{killed} calls");
    eprintln!("{NAME}: killed at each of {killed} calls");
}

#[test]
fn d03_a_call_of_a_commit_that_fails_is_told_and_costs_nothing() {
    const NAME: &str = "d03_a_call_of_a_commit_that_fails_is_told_and_costs_nothing";
    let Some((room, whole)) = half_read(NAME) else { return };
    // EINTR is nobody's fault: the call is made again.
    for (what, calls) in [
        ("pwrite64:error=ENOSPC", 200),
        ("pwrite64:error=EIO", 200),
        ("fdatasync,fsync:error=EIO", 60),
        ("openat:error=EMFILE", 60),
        ("openat:error=EACCES", 60),
        ("ftruncate,unlink:error=EIO", 20),
        ("pwrite64,pread64,fdatasync,fsync:error=EINTR", 200),
    ] {
        let mut failed = 0;
        for number in (1..calls).step_by(if calls > 100 { 3 } else { 1 }) {
            let output = injected(&room, what, number);
            let (_, complaint, code) = outcome(&output);
            assert!(
                code == 0 || code == 1 && complaint.starts_with("conntriage: "),
                "{what} {number}: {code} {complaint}"
            );
            failed += i32::from(code != 0);
            room.read("state");
            assert_eq!(room.kept("state"), whole, "{what} at call {number}: {complaint}");
            assert!(!room.is_set_aside("state"), "{what} at call {number}: {complaint}");
            // No call was reached any more.
            if code == 0 && !complaint.contains("state.db") && failed > 0 && number > 40 {
                break;
            }
        }
        eprintln!("{NAME}: {what}: {failed} runs failed with words");
    }
}

/// A mount namespace in which the state is on a small file system of its own.
struct Small {
    holder: Child,
    pid: String,
}

impl Small {
    fn new(state: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(state).unwrap();
        Self::by(&format!("mount -t tmpfs -o mode=700,{options} tmpfs '{}'", state.display()))
    }

    /// With an ext4 of its own in `small/`, on the image `disk/image`, which stands on a tmpfs of 12 MiB.
    fn on_an_image(room: &Room) -> Option<Self> {
        for name in ["small", "disk", "cut"] {
            std::fs::create_dir_all(room.at(name)).unwrap();
        }
        let (small, disk) = (room.at("small"), room.at("disk"));
        let (small, disk) = (small.display(), disk.display());
        Self::by(&format!(
            "mount -t tmpfs -o size=24m tmpfs '{disk}' && truncate -s 64M '{disk}/image' && \
             mkfs.ext4 -q -J size=4 -E lazy_itable_init=1 '{disk}/image' && \
             mount -o loop,commit=300 '{disk}/image' '{small}' && chmod 700 '{small}'"
        ))
    }

    fn run(&self, script: &str) -> bool {
        let enter = self.enter();
        let status = Command::new(enter[0])
            .args(&enter[1..])
            .args(["sh", "-c", script])
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    fn by(mounting: &str) -> Option<Self> {
        let script = format!("{mounting} && echo ready && exec sleep 1000");
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut first = [0; 5];
        let ready = std::io::Read::read_exact(holder.stdout.as_mut()?, &mut first).is_ok();
        let pid = holder.id().to_string();
        let small = Self { holder, pid };
        ready.then_some(small)
    }

    fn enter(&self) -> [&str; 4] {
        ["nsenter", "-m", "-t", &self.pid]
    }

    /// A path as it is seen in there.
    fn path(&self, path: &Path) -> PathBuf {
        Path::new("/proc").join(&self.pid).join("root").join(path.strip_prefix("/").unwrap())
    }

    /// What is kept in there, read from a copy; none while it is just being written.
    fn kept(&self, room: &Room) -> Option<(Value, Value)> {
        let inside = self.path(&room.at("small/state"));
        let copy = room.at("copy");
        std::fs::create_dir_all(&copy).unwrap();
        for name in ["state.db", "state.db-journal"] {
            std::fs::copy(inside.join(name), copy.join(name)).ok()?;
        }
        read_kept(&rusqlite::Connection::open(copy.join("state.db")).ok()?).ok()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Reads on while the state's file system has no room, is killed, goes on, and is given room again.
fn goes_on_without_room(test: &str, options: &str, fill: impl Fn(&Path)) {
    let mut room = Room::new("undisturbed");
    let Some(small) = Small::new(&room.at("small"), options) else {
        return skip(test, "a mount namespace of its own needs root");
    };
    let (inside, said) = (small.path(&room.at("small")), room.at("said"));
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
    assert_eq!(code, 0, "{complaint}");
    fill(&inside);
    for _ in 0..2 {
        let watcher = Running::start(room.watch(&small.enter(), "small/state", &[]), &said);
        room.write(200);
        room.copy("undisturbed", "expected");
        room.read("expected");
        let expected = room.kept("expected");
        until("the place moves though the disk is full", || {
            small.kept(&room).is_some_and(|now| now.0 == expected.0)
        });
        // nsenter becomes the watcher.
        watcher.signal("KILL");
    }
    std::fs::remove_dir_all(inside.join("filler")).unwrap();
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
    assert_eq!(code, 0, "{complaint}");
    room.read("undisturbed");
    assert_eq!(
        small.kept(&room),
        Some(room.kept("undisturbed")),
        "{}",
        std::fs::read_to_string(said).unwrap()
    );
}

#[test]
fn d04_on_a_full_disk_the_place_still_moves() {
    goes_on_without_room("d04_on_a_full_disk_the_place_still_moves", "size=8m", |inside| {
        std::fs::create_dir(inside.join("filler")).unwrap();
        let mut filler = File::create(inside.join("filler/bytes")).unwrap();
        while filler.write_all(&[0x5a; 4_096]).is_ok() {}
        let error = std::fs::write(inside.join("more"), vec![0x5a; 65_536]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        std::fs::remove_file(inside.join("more")).unwrap();
        while filler.write_all(&[0x5a; 512]).is_ok() {}
    });
}

#[test]
fn d05_without_inodes_the_place_still_moves() {
    goes_on_without_room("d05_without_inodes_the_place_still_moves", "size=16m,nr_inodes=20", |inside| {
        std::fs::create_dir(inside.join("filler")).unwrap();
        let made = (0..40).take_while(|n| File::create(inside.join(format!("filler/{n}"))).is_ok()).count();
        assert!((1..40).contains(&made), "{made}");
    });
}

/// Loop devices are not to be had in every container: then these two are not run, which is said.
fn without_loop(test: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "{test}: not run: an image cannot be mounted here (loop devices, mkfs.ext4)"
    );
}

#[test]
fn d06_a_disk_that_fails_is_told_and_what_was_kept_before_stays() {
    let mut room = Room::new("undisturbed");
    let Some(small) = Small::on_an_image(&room) else {
        return without_loop("d06_a_disk_that_fails_is_told_and_what_was_kept_before_stays");
    };
    let said = room.at("said");
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
    assert_eq!(code, 0, "{complaint}");
    // Blocks that the image does not hold yet cannot be written any more: an error comes with fsync.
    let disk = room.at("disk");
    assert!(small.run(&format!("sync; dd if=/dev/zero of='{}/filler' bs=64k; true", disk.display())));
    let mut watcher = Running::start(room.watch(&small.enter(), "small/state", &[]), &said);
    room.write(200);
    // Another state, which must grow into such blocks, breaks the file system for good.
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/new"));
    assert_eq!(code, 1, "a state that must grow into such blocks was made: {complaint}");
    assert!(complaint.contains("small/new/state.db: ") || complaint.contains("small/new: "), "{complaint}");
    eprintln!("d06: {complaint}");
    room.write(200);
    std::thread::sleep(Duration::from_secs(2));
    assert!(watcher.0.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&said).unwrap());
    watcher.signal("TERM");
    let code = watcher.0.wait().unwrap().code();
    let words = std::fs::read_to_string(&said).unwrap();
    assert!(code == Some(1) && words.contains("state.db: "), "{code:?}: {words}");
    // The disk is well again, and mounted anew.
    assert!(small.run(&format!(
        "rm '{disk}/filler' && umount '{small}' && mount -o loop '{disk}/image' '{small}'",
        disk = disk.display(),
        small = room.at("small").display()
    )));
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
    assert_eq!(code, 0, "{complaint}");
    assert!(!complaint.contains("state"), "{complaint}");
    room.read("undisturbed");
    assert_eq!(small.kept(&room), Some(room.kept("undisturbed")), "{words}");
}

const CUTS: u64 = 30;

#[test]
fn d07_after_a_power_cut_the_state_opens_and_each_line_was_read_once() {
    let mut room = Room::new("undisturbed");
    let Some(small) = Small::on_an_image(&room) else {
        return without_loop("d07_after_a_power_cut_the_state_opens_and_each_line_was_read_once");
    };
    let said = room.at("said");
    let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
    assert_eq!(code, 0, "{complaint}");
    let watcher = Running::start(room.watch(&small.enter(), "small/state", &[]), &said);
    let (disk, cut) = (room.at("disk"), room.at("cut"));
    // What stands on the disk at some moment is what a cut leaves.
    for number in 0..CUTS {
        room.write(20);
        std::thread::sleep(Duration::from_millis(3 + number * 11 % 40));
        let copied = format!("cp --sparse=always '{}/image' '{}/{number}'", disk.display(), cut.display());
        assert!(small.run(&copied));
    }
    watcher.stop();
    room.read("undisturbed");
    let whole = room.kept("undisturbed");
    for number in 0..CUTS {
        let mounted = format!(
            "umount '{small}' && mount -o loop '{}/{number}' '{small}'",
            cut.display(),
            small = room.at("small").display()
        );
        assert!(small.run(&mounted), "cut {number} cannot be mounted");
        let (_, complaint, code) = outcome(&room.once(&small.enter(), "small/state"));
        assert_eq!(code, 0, "cut {number}: {complaint}");
        assert!(!complaint.contains("state"), "cut {number}: {complaint}");
        assert_eq!(small.kept(&room).as_ref(), Some(&whole), "cut {number}");
    }
}

#[test]
fn d08_a_state_with_any_byte_wrong_is_used_or_set_aside_and_never_a_reason_not_to_start() {
    let room = Room::new("base");
    let sound = std::fs::read(room.at("base/state.db")).unwrap();
    let (_, whole) = room.kept("base");
    let mut aside = 0;
    // Bytes 60 to 63 are the version of the tables: with one of them wrong it is a later program's.
    let damages =
        (0..60).step_by(7).chain((64..100).step_by(7)).chain((100..sound.len().min(40_000)).step_by(1_777));
    let mut states: Vec<(String, Vec<u8>)> = damages
        .map(|at| {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x41;
            (format!("byte {at}"), bytes)
        })
        .collect();
    states.push(("nothing".to_owned(), Vec::new()));
    states.push(("zeros".to_owned(), vec![0; sound.len()]));
    states.push(("half".to_owned(), sound[..sound.len() / 2].to_vec()));
    states.push((
        "garbage".to_owned(),
        (0..10_u32 << 18).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect(),
    ));
    for (what, bytes) in states {
        room.copy("base", "state");
        std::fs::write(room.at("state/state.db"), &bytes).unwrap();
        let (_, complaint, code) = outcome(&room.once(&[], "state"));
        assert_eq!(code, 0, "{what}: {complaint}");
        let is_aside = room.is_set_aside("state");
        aside += usize::from(is_aside);
        assert_eq!(is_aside, complaint.contains("was set aside"), "{what}: {complaint}");
        // In either case everything was read, since a log of `--once` is read from its beginning.
        assert_eq!(room.kept("state").1, whole, "{what}: {complaint}");
    }
    assert!(aside >= 3, "{aside}");
}

#[test]
fn d09_a_later_programs_state_is_refused_and_an_earlier_ones_taken_over() {
    let room = Room::new("base");
    let whole = room.kept("base");
    let version = |state: &str, version: i64| {
        room.copy("base", state);
        let db = rusqlite::Connection::open(room.at(state).join("state.db")).unwrap();
        if version == 1 {
            db.execute_batch(
                "DROP TABLE message; DROP TABLE recipient; DROP TABLE relay; DROP TABLE room; CREATE TABLE message (id TEXT PRIMARY KEY, bytes BLOB) STRICT",
            )
            .unwrap();
        }
        db.pragma_update(None, "user_version", version).unwrap();
    };
    version("newer", 99);
    let before = std::fs::read(room.at("newer/state.db")).unwrap();
    let (_, complaint, code) = outcome(&room.once(&[], "newer"));
    assert_eq!(code, 1, "{complaint}");
    assert!(complaint.contains("was written by a later version of this program"), "{complaint}");
    assert!(before == std::fs::read(room.at("newer/state.db")).unwrap(), "it was written to");
    version("older", 1);
    room.read("older");
    assert_eq!(room.kept("older"), whole);
}

#[test]
fn d11_a_state_that_others_could_have_put_there_is_refused() {
    let room = Room::new("base");
    symlink(room.at("base"), room.at("link")).unwrap();
    room.copy("base", "open");
    std::fs::set_permissions(room.at("open"), PermissionsExt::from_mode(0o777)).unwrap();
    room.copy("base", "file");
    std::fs::rename(room.at("file/state.db"), room.at("elsewhere")).unwrap();
    symlink(room.at("elsewhere"), room.at("file/state.db")).unwrap();
    for (state, why) in
        [("link", "symbolic link"), ("open", "can be written to by others"), ("file", "state.db")]
    {
        let (_, complaint, code) = outcome(&room.once(&[], state));
        assert_eq!(code, 1, "{state}: {complaint}");
        assert!(complaint.contains(why), "{state}: {complaint}");
    }
}

#[test]
fn d12_a_storm_of_signals_and_a_long_halt_change_nothing_and_it_ends_at_once() {
    let mut room = Room::new("state");
    let said = room.at("said");
    let watcher = Running::start(room.watch(&[], "state", &[]), &said);
    let before = room.kept("state").0;
    room.write(10);
    until("it follows", || room.kept("state").0 != before);
    for _ in 0..100 {
        watcher.signal("HUP");
        room.write(3);
    }
    watcher.signal("STOP");
    room.write(50);
    std::thread::sleep(Duration::from_secs(3));
    watcher.signal("CONT");
    room.read("undisturbed");
    let whole = room.kept("undisturbed");
    until("it has read all", || room.kept("state").0 == whole.0);
    let took = watcher.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(room.kept("state"), whole, "{}", std::fs::read_to_string(said).unwrap());
}

#[test]
fn d15_a_flood_of_noise_hides_no_line_and_takes_no_memory() {
    let mut room = Room::new("state");
    let said = room.at("said");
    let watcher = Running::start(room.watch(&[], "state", &[]), &said);
    let noise =
        "Nov 27 03:00:00 gw app[7]: GET /a/path/that/is/as/long/as/those/of/today?with=parameters 200\n"
            .repeat(10_000);
    for _ in 0..60 {
        room.write(10);
        let mut log = File::options().append(true).open(room.at("messages")).unwrap();
        log.write_all(noise.as_bytes()).unwrap();
    }
    room.read("undisturbed");
    let whole = room.kept("undisturbed");
    until("it has read all", || room.kept("state").0 == whole.0);
    let status = std::fs::read_to_string(format!("/proc/{}/status", watcher.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    watcher.stop();
    assert_eq!(room.kept("state"), whole);
    assert!(peak < 64 * 1_024, "{peak} KiB");
    eprintln!("d15: 56 MB of noise, {peak} KiB at most");
}
