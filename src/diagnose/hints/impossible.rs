//! Lines that no one kernel prints: a log that was edited or forged, or of several machines under one name. It lowers the
//! trust in the incident, whatever else is said.

use crate::model::diagnosis::Evidence;
use crate::model::era::{Era, era_of_release};
use crate::model::incident::{Incident, Widening};
use crate::model::sentence::Sentence;
use crate::model::signal::{Limiter, Wording};

use super::super::evidence::{Cited, contradicts};
use super::super::facts::Case;
use super::super::kernel::Kernel;

/// Eras that print such a text.
fn printed_by(wording: Wording) -> &'static [Era] {
    match wording {
        Wording::MaximumLimit | Wording::IpPeriod => &[Era::A],
        // OpenVZ kept its text for as long as it was.
        Wording::Container => &[Era::A, Era::B, Era::C],
        Wording::NfPeriod => &[Era::B, Era::C],
        Wording::NfPlain => &[Era::C],
        Wording::NfDoubled => &[Era::D, Era::E],
        Wording::NfDoubledNetns => &[Era::E],
        Wording::Expectation => &[Era::B, Era::C, Era::D, Era::E],
    }
}

/// Eras that limit so.
fn limited_by(limiter: Limiter) -> &'static [Era] {
    match limiter {
        Limiter::Net | Limiter::Printk => &[Era::A],
        Limiter::Ratelimit => &[Era::B],
        Limiter::NetRatelimit => &[Era::C, Era::D, Era::E],
    }
}

/// What cannot be; none: it can.
pub(crate) fn reason(incident: &Incident, kernel: &Kernel) -> Option<&'static str> {
    let one_era = |eras: Vec<&[Era]>| {
        let all = [Era::A, Era::B, Era::C, Era::D, Era::E];
        all.iter().any(|era| eras.iter().all(|of| of.contains(era)))
    };
    let texts: Vec<&[Era]> = incident.wordings.iter().map(|wording| printed_by(*wording)).collect();
    if !one_era(texts.clone()) {
        return Some("its lines are worded as kernels of different ages word them");
    }
    let limits = incident.limiters.iter().map(|limiter| limited_by(*limiter));
    if !one_era(texts.iter().copied().chain(limits).collect()) {
        return Some(
            "its lines and the counts of suppressed ones are worded as kernels of different ages word them",
        );
    }
    let release = kernel.release.map(era_of_release)?;
    // OpenVZ and distributions carry texts between neighbouring ages; two ages apart none does.
    let near = |of: &&[Era]| of.iter().any(|era| (*era as u8).abs_diff(release as u8) <= 1);
    (!texts.iter().all(near)).then_some("its lines are not worded as the kernel given words them")
}

/// The same as evidence, and that more lines stand there than the limiter lets through.
pub(crate) fn evidence(case: &Case<'_>) -> Vec<Evidence> {
    let Some(incident) = case.incident else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(reason) = reason(incident, &case.kernel) {
        let said = Sentence::from(reason)
            .with(": the log was put together from several machines, edited or forged; it is trusted less");
        out.push(contradicts("impossible-log", said).read_in_log(case));
    }
    let told = ["net.core.message_burst", "net.core.message_cost"]
        .iter()
        .any(|key| case.counters.sysctl.contains_key(*key));
    if incident.drops.widened_by.contains(&Widening::LimiterChanged) && !told {
        let said = "more lines stand there than a kernel lets through by default: net.core.message_cost or message_burst was changed, or lines of several machines are mixed";
        out.push(super::super::evidence::context("more-lines-than-allowed", said.into()).read_in_log(case));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_and_every_limiter_is_of_some_era() {
        for wording in [
            Wording::MaximumLimit,
            Wording::IpPeriod,
            Wording::Container,
            Wording::NfPeriod,
            Wording::NfPlain,
            Wording::NfDoubled,
            Wording::NfDoubledNetns,
            Wording::Expectation,
        ] {
            assert!(!printed_by(wording).is_empty());
        }
        for limiter in [Limiter::Net, Limiter::Printk, Limiter::Ratelimit, Limiter::NetRatelimit] {
            assert!(!limited_by(limiter).is_empty());
        }
    }
}
