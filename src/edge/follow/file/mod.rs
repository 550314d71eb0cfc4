//! A log file, followed by its path.
//!
//! [`Follower`] knows the files, this page wakes it: once a second, and at once when `notify` tells of a change in the
//! directory. Notification is never relied upon: its queue may overflow, its watches may be refused (ENOSPC, EMFILE), and
//! network file systems tell nothing of what others write.

mod follower;
mod generation;
pub(super) mod identity;
mod lines;
mod reading;
mod siblings;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

pub use follower::{Failure, Follower, Look, Manner};

use super::bell::Bell;
use super::hand::Hand;
use super::{LAST_PATIENCE, LOOK_EVERY, Options, clocks};
use crate::model::fold::RecordSink;
use crate::model::live::clock::Now;
use crate::model::live::gap::Severity;
use crate::model::live::position::Position;

/// Two looks are at least this far apart, however often the directory changes.
const LOOK_STEP: Duration = Duration::from_millis(4);
/// A watch that was refused is asked for again after this long.
const WATCH_AGAIN_US: i64 = 30_000_000;
/// What is to be watched is thought over this often.
const THINK_AGAIN_US: i64 = 900_000;

/// Follows the path until it is told to stop, or to the end of what there is.
pub(super) fn run<S: RecordSink + Default>(
    path: &Path,
    position: Option<Position>,
    options: &Options,
    bell: &Arc<Bell>,
    mut hand: Hand<S>,
) {
    let manner = Manner { from_beginning: options.from_beginning || options.once, linger: options.linger };
    let mut follower = Follower::new(path, position, manner);
    let mut watch = (!options.only_polling && !options.once).then(Watch::default);
    // Why not to the end of what there is.
    let mut why = None;
    while !hand.is_done() {
        let now = clocks::now();
        if let Some(watch) = &mut watch {
            watch.keep(&follower, path, bell, now, &mut hand);
        }
        let look = follower.look(now, &mut hand.out(now));
        bell.beat(now.uptime_us);
        why = look.trouble.as_ref().filter(|_| options.once).map(|failure| failure.words.clone());
        match look.trouble {
            Some(failure) => hand.trouble(now, Severity::Deaf, failure.words, failure.hint),
            None => hand.well(now),
        }
        if look.turned {
            hand.hand_over(now, follower.position());
        } else {
            hand.hand_over_if_due(now, || follower.position());
        }
        if look.more {
            continue;
        }
        if options.once && (why.is_some() || follower.has_read_all()) {
            break;
        }
        let patience = hand.due_in(clocks::now()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        let woken = bell.wait(patience, None);
        if woken.is_err() || woken.is_ok_and(|woken| woken.rung) {
            std::thread::sleep(LOOK_STEP);
        }
    }
    if options.once {
        let now = clocks::now();
        follower.finish(&mut hand.out(now));
    }
    hand.end(follower.position().as_ref(), why, LAST_PATIENCE);
}

/// The watch on a directory.
#[derive(Default)]
struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// Directories that are watched, that of the path and, behind a link, that of the file itself; with their numbers,
    /// since one that was made anew has its name but not its watch.
    watched: Vec<(PathBuf, Option<(u64, u64)>)>,
    /// The file itself, links resolved.
    behind: Option<PathBuf>,
    /// When it was last asked what is to be watched.
    thought_us: Option<i64>,
    /// When the system was last asked to watch.
    asked_us: Option<i64>,
}

impl Watch {
    /// Watches what is to be watched now, or says why it cannot.
    fn keep<S: RecordSink + Default>(
        &mut self,
        follower: &Follower,
        path: &Path,
        bell: &Arc<Bell>,
        now: Now,
        hand: &mut Hand<S>,
    ) {
        if self.thought_us.is_some_and(|then| now.uptime_us.saturating_sub(then) < THINK_AGAIN_US) {
            return;
        }
        self.thought_us = Some(now.uptime_us);
        let directory = follower.directory();
        let mut wanted = vec![numbered(directory)];
        let behind = std::fs::canonicalize(path).ok();
        if let Some(parent) = behind.as_deref().and_then(Path::parent)
            && std::fs::canonicalize(directory).is_ok_and(|directory| directory != parent)
        {
            wanted.push(numbered(parent));
        }
        let again = self.asked_us.is_none_or(|asked| now.uptime_us.saturating_sub(asked) >= WATCH_AGAIN_US);
        let same = self.watched == wanted && self.behind == behind;
        if same && (self.watcher.is_some() || !again) {
            return;
        }
        self.asked_us = Some(now.uptime_us);
        (self.watched, self.behind) = (wanted, behind);
        let directories: Vec<&Path> = self.watched.iter().map(|(directory, _)| directory.as_path()).collect();
        match watch(&directories, path, self.behind.as_deref(), bell) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                hand.quick(now);
            }
            Err(error) => {
                self.watcher = None;
                let (why, hint) = words(&error);
                let words = format!(
                    "changes of {} cannot be watched ({why}); it is looked at once a second",
                    directory.display()
                );
                hand.trouble(now, Severity::Slower, words, hint);
            }
        }
    }
}

fn numbered(directory: &Path) -> (PathBuf, Option<(u64, u64)>) {
    (directory.to_owned(), identity::number_at(directory).ok())
}

fn watch(
    directories: &[&Path],
    path: &Path,
    behind: Option<&Path>,
    bell: &Arc<Bell>,
) -> notify::Result<RecommendedWatcher> {
    let names: Vec<Vec<u8>> = [Some(path), behind]
        .into_iter()
        .flatten()
        .filter_map(|path| path.file_name().map(|name| name.as_encoded_bytes().to_vec()))
        .collect();
    let bell = Arc::clone(bell);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !concerns(&event, &names)) {
            return;
        }
        bell.ring();
    })?;
    for directory in directories {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Whether an event may be one of ours. A queue that overflowed may have held one.
fn concerns(event: &notify::Event, names: &[Vec<u8>]) -> bool {
    if event.need_rescan() {
        return true;
    }
    // Reading is an event too.
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    event.paths.is_empty()
        || event.paths.iter().any(|path| {
            let name = path.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default();
            names.iter().any(|own| name.starts_with(own))
        })
}

/// Why a watch was refused, and what helps.
fn words(error: &notify::Error) -> (String, Option<&'static str>) {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            ("no watches are left".to_owned(), Some("raise fs.inotify.max_user_watches"))
        }
        notify::ErrorKind::Io(error) => match rustix::io::Errno::from_io_error(error) {
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => (
                "no inotify instances or files are left".to_owned(),
                Some("raise fs.inotify.max_user_instances, or LimitNOFILE= of the unit"),
            ),
            Some(rustix::io::Errno::NOSPC) => {
                ("no watches are left".to_owned(), Some("raise fs.inotify.max_user_watches"))
            }
            _ => (crate::edge::read::open::words(error), None),
        },
        notify::ErrorKind::PathNotFound => ("it is not there".to_owned(), None),
        _ => (error.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Event {
        notify::Event::new(kind).add_path(PathBuf::from(path))
    }

    #[test]
    fn only_events_of_our_names_wake_us_and_reading_does_not() {
        let names = [b"messages".to_vec()];
        let modified = EventKind::Modify(notify::event::ModifyKind::Any);
        assert!(concerns(&event(modified, "/var/log/messages"), &names));
        assert!(concerns(&event(EventKind::Any, "/var/log/messages.1"), &names));
        assert!(!concerns(&event(modified, "/var/log/secure"), &names));
        let read = EventKind::Access(notify::event::AccessKind::Any);
        assert!(!concerns(&event(read, "/var/log/messages"), &names));
    }

    #[test]
    fn f23_a_queue_that_overflowed_may_have_held_one_of_ours() {
        let overflow = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert!(concerns(&overflow, &[b"messages".to_vec()]));
    }

    #[test]
    fn f24_a_watch_that_is_refused_names_the_setting() {
        let of = |number| notify::Error::io(std::io::Error::from_raw_os_error(number));
        let limits = [
            (notify::Error::new(notify::ErrorKind::MaxFilesWatch), "max_user_watches"),
            (of(rustix::io::Errno::NOSPC.raw_os_error()), "max_user_watches"),
            (of(rustix::io::Errno::MFILE.raw_os_error()), "max_user_instances"),
        ];
        for (error, setting) in limits {
            assert!(words(&error).1.is_some_and(|hint| hint.contains(setting)), "{error}");
        }
    }
}
