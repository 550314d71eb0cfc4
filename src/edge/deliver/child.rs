//! What every program that is started here needs: an end, somebody who writes to it, and somebody who listens.

use std::io::Read;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Of what it says so much is kept.
const SAID_MAX: usize = 512;
/// How often one looks whether it is to be ended.
const LOOK: Duration = Duration::from_millis(200);

/// How long a program may take, and what may end it before.
#[derive(Clone, Copy)]
pub struct Bound<'a> {
    /// Then it is killed.
    pub wall: Duration,
    /// It is to be ended now.
    pub stop: &'a dyn Fn() -> bool,
}

impl Bound<'_> {
    /// Nothing but time ends it.
    pub fn of(wall: Duration) -> Self {
        Self { wall, stop: &|| false }
    }
}

/// Until one looks again.
pub(super) fn look(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).min(LOOK)
}

/// Does something on a thread that nobody has to wait for.
pub(super) fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (to, from) = mpsc::channel();
    std::thread::spawn(move || to.send(work()));
    from
}

/// The beginning of what it said, read to its end.
pub(super) fn said(mut from: impl Read) -> String {
    let (mut kept, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = from.read(&mut block) {
        let room = SAID_MAX.saturating_sub(kept.len());
        kept.extend(block.iter().take(read.min(room)));
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}
