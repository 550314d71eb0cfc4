//! Bars and sparklines of Unicode blocks.

/// Eighths of a column, from the left.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// Eighths of a line, from the bottom.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where there was nothing.
const NOTHING: char = '·';

/// A bar for `part` of `whole` in at most `columns`; anything above zero is at least a hair.
pub(in super::super) fn bar(part: u64, whole: u64, columns: u64) -> String {
    if part == 0 || whole == 0 {
        return String::new();
    }
    let eighths =
        u128::from(part.min(whole)).saturating_mul(u128::from(columns) * 8).div_ceil(u128::from(whole));
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let mut out = "█".repeat(eighths / 8);
    if let Some(rest) = (eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)) {
        out.push(*rest);
    }
    out
}

/// One character for each value, as high as it is beside the greatest; none: unknown, a blank.
pub(in super::super) fn sparkline(values: &[Option<u64>]) -> String {
    let greatest = values.iter().flatten().copied().max().unwrap_or(0);
    values
        .iter()
        .map(|value| match value {
            None => ' ',
            Some(0) => NOTHING,
            Some(value) => level(*value, greatest),
        })
        .collect()
}

fn level(value: u64, greatest: u64) -> char {
    let step = (u128::from(value) * 8).div_ceil(u128::from(greatest.max(1))).clamp(1, 8);
    usize::try_from(step - 1).ok().and_then(|at| LEVELS.get(at)).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_vanishes() {
        assert_eq!(bar(29_457, 29_457, 10), "██████████");
        assert_eq!(bar(1, 2, 3), "█▌");
        assert_eq!(bar(1, u64::MAX, 10), "▏");
        assert_eq!(bar(0, 10, 10), "");
        assert_eq!(bar(10, 0, 10), "");
        assert_eq!(bar(u64::MAX, 1, 10).chars().count(), 10);
    }

    #[test]
    fn a_sparkline_tells_nothing_from_unknown() {
        assert_eq!(sparkline(&[Some(0), None, Some(1), Some(8)]), "· ▁█");
        assert_eq!(sparkline(&[Some(u64::MAX), Some(0)]), "█·");
        assert_eq!(sparkline(&[]), "");
    }
}
