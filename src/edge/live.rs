//! What the loop of `watch` stands on: the bounded channel of its sources, work on threads of its own, signals, the
//! second, and the word to systemd.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::follow::Heard;
use crate::model::time::SECOND_US;

/// Parts that may wait for the loop; a source whose part finds no room goes on folding.
const WAITING_MAX: usize = 64;
/// How often the loop looks whether anything is due.
const TICK: Duration = Duration::from_secs(1);

/// The channel from the sources to the loop.
pub fn channel_of_sources<P>() -> (SyncSender<Heard<P>>, Receiver<Heard<P>>) {
    sync_channel(WAITING_MAX)
}

/// What woke the loop.
#[derive(Debug)]
pub enum Woken<P> {
    /// A source.
    Heard(Heard<P>),
    /// A second went by.
    Second,
    /// There are no sources left.
    Nobody,
}

/// Seconds, evenly spaced.
#[derive(Debug)]
pub struct Ticks {
    next: Instant,
}

impl Ticks {
    /// The first is now.
    pub fn new() -> Self {
        Self { next: Instant::now() }
    }

    /// Waits for a source or for the next second. A second that is due comes before sources that always have something.
    pub fn wait<P>(&mut self, sources: &Receiver<Heard<P>>) -> Woken<P> {
        let left = self.next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // After a stall the missed seconds are not made up for.
            self.next = (self.next + TICK).max(Instant::now());
            return Woken::Second;
        }
        match sources.recv_timeout(left) {
            Ok(heard) => Woken::Heard(heard),
            Err(RecvTimeoutError::Timeout) => self.wait(sources),
            Err(RecvTimeoutError::Disconnected) => Woken::Nobody,
        }
    }
}

impl Default for Ticks {
    fn default() -> Self {
        Self::new()
    }
}

/// Work that takes a while, each piece on a thread of its own, whose results the loop collects.
#[derive(Debug)]
pub struct Jobs<T> {
    to: Sender<T>,
    done: Receiver<T>,
    running: Arc<AtomicUsize>,
}

impl<T: Send + 'static> Jobs<T> {
    /// None yet.
    pub fn new() -> Self {
        let (to, done) = channel();
        Self { to, done, running: Arc::new(AtomicUsize::new(0)) }
    }

    /// Begins one. The error is that of the thread that could not be made. Work that panics leaves no result, and is at an
    /// end all the same.
    pub fn begin(&self, name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<()> {
        let (to, running) = (self.to.clone(), Arc::clone(&self.running));
        running.fetch_add(1, Ordering::SeqCst);
        let begun = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Ok(result) = caught(work) {
                // The loop may have ended.
                let _ = to.send(result);
            }
            running.fetch_sub(1, Ordering::SeqCst);
        });
        if begun.is_err() {
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
        begun.map(drop)
    }

    /// What has ended since it was last asked.
    pub fn done(&self) -> Vec<T> {
        self.done.try_iter().collect()
    }

    /// So many are at work.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Waits for the next to end, so long at most.
    pub fn wait(&self, patience: Duration) -> Option<T> {
        self.done.recv_timeout(patience).ok()
    }
}

impl<T: Send + 'static> Default for Jobs<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The result of some work, or what it said as it panicked: a fault in what tells of an incident must not end what watches
/// for the next.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic.downcast_ref::<&str>().copied();
        let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!("a fault of this program: {}", words.unwrap_or("it panicked without a word"))
    })
}

/// What the administrator asked for by a signal.
#[derive(Debug, Clone)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Listens to SIGTERM and SIGINT (stop) and SIGHUP (read the configuration again). A second SIGTERM ends at once.
    pub fn listen() -> std::io::Result<Self> {
        let signals = Self { stop: Arc::default(), reload: Arc::default() };
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&signals.stop))?;
        }
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        Ok(signals)
    }

    /// It is to end.
    pub fn stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// The configuration is to be read again; told once.
    pub fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}

/// Tells systemd, where it started us, that all is ready. Nobody to tell is no error.
pub fn ready(status: &str) {
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells systemd that the loop is alive and its sources are.
pub fn alive(status: &str) {
    let _ = sd_notify::notify(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// Tells systemd that it is ending.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// Now, on a clock that only tells how long something took.
pub fn instant() -> Instant {
    Instant::now()
}

/// Time that the machine slept in this boot, microseconds.
pub fn asleep_us() -> i64 {
    let us = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec.saturating_mul(SECOND_US).saturating_add(time.tv_nsec / 1_000)
    };
    us(ClockId::Boottime).saturating_sub(us(ClockId::Monotonic)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_is_at_an_end_and_says_why() {
        let jobs = Jobs::<u32>::new();
        jobs.begin("panics", || panic!("so")).unwrap();
        jobs.begin("works", || 7).unwrap();
        assert_eq!(jobs.wait(Duration::from_secs(20)), Some(7));
        let begun = Instant::now();
        while jobs.running() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it counts as at work for ever");
            std::thread::yield_now();
        }
        let said = caught(|| -> u32 { panic!("number {}", 7) });
        assert_eq!(said, Err("a fault of this program: number 7".to_owned()));
    }
}
