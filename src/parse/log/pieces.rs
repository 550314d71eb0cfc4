//! Pieces of one line that a container's runtime cut: joined again, each of its streams for itself.

use super::lines::LINE_BYTES_MAX;

/// Streams whose lines are open at the same time; a container has two.
const STREAMS_MAX: usize = 8;

/// Lines that are not ended.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<(Box<[u8]>, Vec<u8>)>);

impl Pieces {
    /// A piece of this stream; the whole line, if it is the last one. A line longer than [`LINE_BYTES_MAX`] is cut there.
    pub(super) fn join(&mut self, stream: &[u8], piece: &[u8], last: bool) -> Option<Vec<u8>> {
        let known = self.0.iter().position(|(name, _)| **name == *stream);
        let mut line = known.map(|at| self.0.swap_remove(at).1).unwrap_or_default();
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if last || self.0.len() >= STREAMS_MAX {
            return Some(line);
        }
        self.0.push((stream.into(), line));
        None
    }

    /// Lines of which the last piece did not come.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Vec<u8>> {
        std::mem::take(&mut self.0).into_iter().map(|(_, line)| line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_mix_and_lines_have_a_bound() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.join(b"stdout", b"a", false), None);
        assert_eq!(pieces.join(b"stderr", b"x", true), Some(b"x".to_vec()));
        assert_eq!(pieces.join(b"stdout", b"b", true), Some(b"ab".to_vec()));
        for _ in 0..100 {
            assert_eq!(pieces.join(b"stdout", &[b'x'; 10_000], false), None);
        }
        assert_eq!(pieces.rest().map(|line| line.len()).collect::<Vec<_>>(), [LINE_BYTES_MAX]);
        for stream in 0..100_u8 {
            pieces.join(&[stream], b"x", false);
            assert!(pieces.0.len() <= STREAMS_MAX);
        }
    }
}
