//! Decoding beside scanning: a thread reads ahead, a few blocks at most.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of one block.
const BLOCK_BYTES: usize = 512 * 1024;
/// Blocks that may wait.
const BLOCKS_WAITING_MAX: usize = 3;

/// A reader fed by a thread of its own. The thread ends with its input, or when this end is dropped.
#[derive(Debug)]
pub struct ReadAhead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    taken: usize,
}

impl ReadAhead {
    /// Reads ahead of the caller.
    pub fn new(mut inner: Box<dyn Read + Send>) -> Self {
        let (give, blocks) = sync_channel(BLOCKS_WAITING_MAX);
        std::thread::spawn(move || pump(&mut *inner, &give));
        Self { blocks, current: Vec::new(), taken: 0 }
    }
}

fn pump(inner: &mut dyn Read, give: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let read = inner.take(BLOCK_BYTES as u64).read_to_end(&mut block);
        let ended = block.is_empty();
        if !ended && give.send(Ok(block)).is_err() {
            return;
        }
        match read {
            // What was decoded before the error has been handed over above: nothing is lost.
            Err(error) => {
                let _ = give.send(Err(error));
                return;
            }
            Ok(_) if ended => return,
            Ok(_) => {}
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.current.len() {
            match self.blocks.recv() {
                Ok(block) => {
                    self.current = block?;
                    self.taken = 0;
                }
                Err(_) => return Ok(0),
            }
        }
        let rest = self.current.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }
}
