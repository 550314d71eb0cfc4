//! Whole lines out of bytes that may end anywhere.

use crate::parse::log::lines::LINE_BYTES_MAX;

/// What was used of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    /// Bytes from the beginning: what is behind them begins a line (or goes on with one that is too long).
    pub(super) bytes: usize,
    /// What is behind them lies inside a line that is too long.
    pub(super) inside_long_line: bool,
}

/// Gives all whole lines of `data` to `feed`, with their place in it. A line without end that is too long already is
/// given cut, so that the parser counts it once; the rest of it is passed over.
pub(super) fn cut(data: &[u8], inside_long_line: bool, mut feed: impl FnMut(&[u8], usize)) -> Used {
    let mut start = 0;
    if inside_long_line {
        match memchr::memchr(b'\n', data) {
            Some(end) => start = end + 1,
            None => return Used { bytes: data.len(), inside_long_line: true },
        }
    }
    let lines = data.get(start..).unwrap_or_default();
    if let Some(end) = memchr::memrchr(b'\n', lines) {
        feed(lines.get(..=end).unwrap_or_default(), start);
        start += end + 1;
    }
    let rest = data.get(start..).unwrap_or_default();
    match rest.get(..LINE_BYTES_MAX) {
        // A hole is no line.
        Some([0, ..]) | None => Used { bytes: start, inside_long_line: false },
        Some(cut) => {
            feed(cut, start);
            Used { bytes: data.len(), inside_long_line: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &[u8], step: usize) -> (Vec<u8>, usize) {
        let (mut given, mut at, mut inside, mut end) = (Vec::new(), 0, false, 0);
        while end < data.len() {
            end = (end + step).min(data.len());
            let used = cut(&data[at..end], inside, |lines, _| given.extend_from_slice(lines));
            (at, inside) = (at + used.bytes, used.inside_long_line);
        }
        (given, at)
    }

    #[test]
    fn lines_come_whole_wherever_the_bytes_are_cut() {
        let data = b"one\ntwo\n\nthree\nno end";
        for step in 1..30 {
            assert_eq!(all(data, step), (b"one\ntwo\n\nthree\n".to_vec(), 15), "{step}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_given_cut_once_and_the_next_one_whole() {
        let mut data = b"first\n".to_vec();
        data.resize(300_000, b'x');
        data.extend_from_slice(b"\nlast\n");
        for step in [1_000, 65_536, 100_000] {
            let (given, at) = all(&data, step);
            assert_eq!(at, data.len());
            assert!(given.starts_with(b"first\nxxx") && given.ends_with(b"xlast\n"), "{step}");
            assert!(given.len() <= 12 + LINE_BYTES_MAX, "{step} {}", given.len());
        }
    }
}
