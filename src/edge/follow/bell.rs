//! What wakes a source: its bell, which the stop handle and `notify` ring, or the descriptor it reads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// No look yet.
const NEVER: i64 = i64::MIN;

/// One source's bell, shared with whoever rings it; and its pulse.
#[derive(Debug)]
pub(super) struct Bell {
    event: OwnedFd,
    stopped: AtomicBool,
    looked_us: AtomicI64,
}

/// Why a source woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Woken {
    /// Somebody rang.
    pub(super) rung: bool,
    /// There is something to read, or the descriptor has an error to tell.
    pub(super) readable: bool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event, stopped: AtomicBool::new(false), looked_us: AtomicI64::new(NEVER) })
    }

    /// Wakes the source, now or when it next waits.
    pub(super) fn ring(&self) {
        // A counter that is full wakes as well.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// The source ends within a second.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The source looked and nothing failed, at this uptime.
    pub(super) fn beat(&self, uptime_us: i64) {
        self.looked_us.store(uptime_us, Ordering::Release);
    }

    /// When the source last looked and nothing failed, by uptime.
    pub(super) fn looked_us(&self) -> Option<i64> {
        Some(self.looked_us.load(Ordering::Acquire)).filter(|us| *us != NEVER)
    }

    /// Waits for the bell, the descriptor, or so long.
    pub(super) fn wait(&self, patience: Duration, other: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        let patience = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        let mut polled = vec![PollFd::from_borrowed_fd(self.event.as_fd(), PollFlags::IN)];
        polled.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        match poll(&mut polled, Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woke = |at: usize| polled.get(at).is_some_and(|polled| !polled.revents().is_empty());
        let woken = Woken { rung: woke(0), readable: woke(1) };
        if woken.rung {
            let _ = rustix::io::read(&self.event, &mut [0_u8; 8]);
        }
        Ok(woken)
    }
}
