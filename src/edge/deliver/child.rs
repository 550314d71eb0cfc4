//! What every program that is started here needs: somebody who writes to it, and somebody who listens.

use std::io::Read;
use std::sync::mpsc::{self, Receiver};

/// Of what it says so much is kept.
const SAID_MAX: usize = 512;

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
