//! Small arithmetic that must not wrap or truncate. Nothing here knows the field.

/// A non-negative number rounded to a whole one, saturating; nothing for NaN and negative numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to lie within 0 and 2^63 just before"
)]
pub(crate) fn rounded(value: f64) -> Option<u64> {
    (value.is_finite() && (0.0..9.0e18).contains(&value)).then(|| value.round() as u64)
}

/// `part` of `whole` as 0 to 1; 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `value × numerator / denominator`, rounded down, saturating; nothing for a denominator of 0.
pub(crate) fn scaled(value: u64, numerator: u64, denominator: u64) -> Option<u64> {
    let product = u128::from(value) * u128::from(numerator);
    let quotient = product.checked_div(u128::from(denominator))?;
    Some(u64::try_from(quotient).unwrap_or(u64::MAX))
}

/// Microseconds as seconds.
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_count_is_none() {
        assert_eq!(rounded(f64::NAN), None);
        assert_eq!(rounded(-1.0), None);
        assert_eq!(rounded(f64::INFINITY), None);
        assert_eq!(rounded(245.475), Some(245));
    }

    #[test]
    fn scaling_saturates_and_never_divides_by_zero() {
        assert_eq!(scaled(28_940, 60, 120), Some(14_470));
        assert_eq!(scaled(u64::MAX, u64::MAX, 1), Some(u64::MAX));
        assert_eq!(scaled(1, 1, 0), None);
        assert!(share(1, 0).abs() < f64::EPSILON);
    }
}
