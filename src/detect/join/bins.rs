//! The small timeline of a run.

use crate::model::run::{BINS_MAX, Bins};
use crate::model::time::SECOND_US;

/// Bins of 2^43 s hold all of time.
const EXPONENT_MAX: u8 = 43;

fn width_us(exponent: u8) -> i64 {
    SECOND_US << exponent.min(EXPONENT_MAX)
}

impl Bins {
    /// Makes the bins wide enough for times from `lo` to `hi`, which include all that was counted so far.
    pub(crate) fn reach(&mut self, lo: i64, hi: i64) {
        let mut exponent = self.exponent;
        while exponent < EXPONENT_MAX && bins_between(lo, hi, exponent) >= BINS_MAX as u64 {
            exponent += 1;
        }
        self.coarsen(exponent);
    }

    fn coarsen(&mut self, exponent: u8) {
        let factor = 1_i64 << exponent.saturating_sub(self.exponent).min(62);
        if factor == 1 {
            return;
        }
        self.exponent = exponent;
        for (bin, counts) in std::mem::take(&mut self.counts) {
            self.add_to_bin(bin.div_euclid(factor), counts);
        }
    }

    fn add_to_bin(&mut self, bin: i64, counts: (u64, u64)) {
        let sum = self.counts.entry(bin).or_default();
        sum.0 = sum.0.saturating_add(counts.0);
        sum.1 = sum.1.saturating_add(counts.1);
    }

    /// Counts lines and refusals at a time within the reach.
    pub(crate) fn add(&mut self, at: i64, visible: u64, suppressed: u64) {
        self.add_to_bin(at.div_euclid(width_us(self.exponent)), (visible, suppressed));
    }

    /// Adds other bins, after `reach` for both.
    pub(crate) fn append(&mut self, mut right: Self) {
        right.coarsen(self.exponent);
        for (bin, counts) in right.counts {
            self.add_to_bin(bin, counts);
        }
    }
}

fn bins_between(lo: i64, hi: i64, exponent: u8) -> u64 {
    let width = width_us(exponent);
    hi.div_euclid(width).abs_diff(lo.div_euclid(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_all_of_time_and_stay_few() {
        let mut bins = Bins::default();
        bins.reach(i64::MIN, i64::MAX);
        bins.add(i64::MIN, 1, 0);
        bins.add(i64::MAX, 2, 3);
        assert!(bins.counts.len() <= BINS_MAX);
        assert_eq!(bins.counts.values().map(|counts| counts.0).sum::<u64>(), 3);
    }

    #[test]
    fn the_width_is_the_least_that_fits() {
        let mut bins = Bins::default();
        bins.reach(0, 63 * SECOND_US);
        assert_eq!(bins.exponent, 0);
        bins.reach(0, 64 * SECOND_US);
        assert_eq!(bins.exponent, 1);
        bins.reach(-128 * SECOND_US, 64 * SECOND_US);
        assert_eq!(bins.exponent, 2);
    }
}
