//! Decoding beside scanning: a thread unpacks ahead of its reader, a few blocks at most.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::decode::{Decoded, Face, Failing, decode};
use super::packing::Packing;

/// Bytes of one block.
const BLOCK_BYTES: usize = 512 * 1024;
/// Blocks that may wait.
const BLOCKS_WAITING_MAX: usize = 3;
/// Bytes that tell every container.
const MAGIC_BYTES: u64 = 16;

/// Unpacks a stream; what is packed, on a thread of its own, which ends with its input or when the reader is dropped.
pub fn decode_beside(mut raw: Box<dyn Read + Send>) -> Decoded<'static> {
    let mut magic = Vec::new();
    let error = (&mut raw).take(MAGIC_BYTES).read_to_end(&mut magic).err();
    let packed = Packing::of(&magic).is_some();
    let begun = io::Cursor::new(magic);
    if !packed || error.is_some() {
        let rest: Box<dyn Read> = match error {
            Some(error) => Box::new(begun.chain(Failing(Some(error)))),
            None => Box::new(begun.chain(raw)),
        };
        return decode(rest, &[]);
    }
    let whole: Box<dyn Read + Send> = Box::new(begun.chain(raw));
    let (give, blocks) = sync_channel(BLOCKS_WAITING_MAX);
    let (show, face) = sync_channel(1);
    std::thread::spawn(move || pump(whole, &show, &give));
    let face = face.recv().unwrap_or_default();
    Decoded { reader: Box::new(ReadAhead { blocks, current: Vec::new(), taken: 0 }), face, padding: 0 }
}

fn pump(raw: Box<dyn Read + Send>, show: &SyncSender<Face>, give: &SyncSender<io::Result<Vec<u8>>>) {
    let Decoded { mut reader, face, .. } = decode(raw, &[]);
    if show.send(face).is_err() {
        return;
    }
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let read = (&mut reader).take(BLOCK_BYTES as u64).read_to_end(&mut block);
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

/// The reading end.
struct ReadAhead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    taken: usize,
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
