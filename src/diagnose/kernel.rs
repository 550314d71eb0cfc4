//! Which kernel it was: release, era, what its keys are called. Read from uname, keys and the wording of log lines.

use crate::model::counters::Counters;
use crate::model::era::{self, DefaultSize, EarlyDrop, Era, Names, Release};
use crate::model::incident::Incident;
use crate::model::signal::Wording;

/// The kernel, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// Release, from uname.
    pub(crate) release: Option<Release>,
    /// Era, from the release, else from the log lines.
    pub(crate) era: Option<Era>,
    /// How its keys and files are called. Assumed `nf_conntrack` where nothing tells.
    pub(crate) names: Names,
    /// Red Hat Enterprise Linux and its kin, by its release: 5, 6, 7, 8.
    pub(crate) enterprise: Option<u16>,
}

impl Kernel {
    /// From what stands beside a table and what the log says.
    pub(crate) fn of(counters: &Counters, incident: Option<&Incident>) -> Self {
        let words = counters.kernel_release();
        let release = words.and_then(release);
        let from_log = incident.and_then(|i| era::era(&i.wordings, &i.limiters));
        let keys = keys(counters);
        let known = release.map(era::era_of_release).or(from_log);
        let era = known.or((keys == Some(Names::Ip)).then_some(Era::A));
        let names = keys
            .or_else(|| incident.and_then(|i| wording_names(&i.wordings)))
            .or_else(|| era.map(Names::of))
            .unwrap_or(Names::Nf);
        Self { release, era, names, enterprise: words.and_then(enterprise) }
    }

    /// How early drop looks for room; none where neither release nor era tells.
    pub(crate) fn early_drop(&self) -> Option<EarlyDrop> {
        match self.release {
            Some(_) if self.enterprise == Some(8) => Some(EarlyDrop::EightBuckets),
            Some(release) => Some(era::early_drop_of_release(release)),
            None => self.era.and_then(era::early_drop),
        }
    }

    /// Entries for each bucket that a default limit may have. More than one where the inputs leave it open: the wording
    /// of 4.10 to 6.17 spans the change of 5.15, and distributions carried it back to older numbers.
    pub(crate) fn default_factors(&self) -> &'static [u64] {
        match (self.release, self.era) {
            (Some(_), _) if self.enterprise.is_some_and(|version| version >= 8) => &[4, 1],
            (Some(release), _) if release >= Release(5, 15, 0) => &[1],
            (_, Some(Era::A)) => &[8],
            (_, Some(Era::E)) => &[1],
            (Some(_), Some(_)) | (None, Some(Era::B | Era::C)) => &[4],
            (None, Some(Era::D)) => &[4, 1],
            (_, None) => &[],
        }
    }

    /// Sizes that it may give itself by memory, each list by the largest memory first. More than one where the inputs
    /// leave it open (as for [`Self::default_factors`]; and before 3.18 large machines had no size of their own).
    pub(crate) fn default_sizes(&self) -> Vec<&'static [DefaultSize]> {
        let Some(era) = self.era else { return Vec::new() };
        let factors = self.default_factors();
        let mut out = Vec::new();
        if factors.iter().any(|factor| *factor > 1) {
            out.push(era::default_sizes(if era == Era::E { Era::D } else { era }));
        }
        if era == Era::C && self.release.is_none_or(|release| release < Release(3, 18, 0)) {
            out.push(era::default_sizes(Era::B));
        }
        if factors.contains(&1) {
            out.push(era::default_sizes(Era::E));
        }
        out
    }

    /// A privileged container that writes the limit changes that of the whole machine (to 5.11; from 5.12 on the key
    /// cannot be written in a namespace). None: the release is not known, or a distribution's own.
    pub(crate) fn containers_set_the_limit(&self) -> Option<bool> {
        match (self.release, self.era) {
            (Some(_), _) if self.enterprise.is_some_and(|version| version >= 8) => None,
            (Some(release), _) => Some(release < Release(5, 12, 0)),
            (None, Some(Era::A | Era::B | Era::C)) => Some(true),
            (None, Some(Era::E)) => Some(false),
            (None, Some(Era::D) | None) => None,
        }
    }

    /// Inserts fail where a chain is too long (5.15 on). None: not known.
    pub(crate) fn bounds_chains(&self) -> Option<bool> {
        match (self.release, self.era) {
            (Some(_), _) if self.enterprise.is_some_and(|version| version >= 8) => None,
            (Some(release), _) => Some(release >= Release(5, 15, 0)),
            (None, Some(Era::E)) => Some(true),
            (None, Some(Era::A | Era::B | Era::C)) => Some(false),
            (None, Some(Era::D) | None) => None,
        }
    }

    /// The buckets of a running table can be set by `sysctl` (4.8 on); before, by the module's parameter alone.
    pub(crate) fn buckets_by_sysctl(&self) -> bool {
        self.release.map_or(matches!(self.era, Some(Era::D | Era::E)), |release| release >= Release(4, 8, 0))
    }

    /// The default of a timeout by its bare name.
    pub(crate) fn default_timeout(&self, name: &str) -> Option<u64> {
        let newer = self.release.is_some_and(|release| release >= Release(5, 0, 0));
        let era = if newer && name == "udp_timeout_stream" { Some(Era::E) } else { self.era };
        era::default_timeout(era, name)
    }

    /// 2.4 and 2.6: `-j NOTRACK`; later `-j CT --notrack` (`xt_CT`, 2.6.34 on).
    pub(crate) fn old_notrack(&self) -> bool {
        match self.release {
            Some(release) => release < Release(3, 0, 0),
            None => matches!(self.era, Some(Era::A | Era::B)),
        }
    }

    /// The key of a timeout or another setting under `…conntrack_`.
    pub(crate) fn key(&self, bare: &str) -> String {
        match bare {
            "max" => self.names.max_key().to_owned(),
            _ => format!("{}{bare}", self.names.prefix()),
        }
    }
}

/// `2.6.18-274.el5` → 2, 6, 18.
fn release(words: &str) -> Option<Release> {
    let numbers = words.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = numbers.split('.').map(|part| part.parse::<u16>().ok());
    let major = parts.next()??;
    let minor = parts.next()??;
    Some(Release(major, minor, parts.next().flatten().unwrap_or(0)))
}

/// `2.6.18-274.el5` → 5.
fn enterprise(words: &str) -> Option<u16> {
    let (_, tail) = words.split_once(".el")?;
    let digits = tail.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The names that keys found are written with. Kernels of the change carry both: the new ones count then.
fn keys(counters: &Counters) -> Option<Names> {
    let mut old = false;
    for key in counters.sysctl.keys() {
        if key.starts_with("net.netfilter.nf_conntrack_") || &**key == "net.nf_conntrack_max" {
            return Some(Names::Nf);
        }
        old |= key.starts_with("net.ipv4.netfilter.ip_conntrack_") || &**key == "net.ipv4.ip_conntrack_max";
    }
    old.then_some(Names::Ip)
}

fn wording_names(wordings: &[Wording]) -> Option<Names> {
    let name = |wording: &Wording| match wording {
        Wording::MaximumLimit | Wording::IpPeriod | Wording::Container => Names::Ip,
        Wording::NfPeriod
        | Wording::NfPlain
        | Wording::NfDoubled
        | Wording::NfDoubledNetns
        | Wording::Expectation => Names::Nf,
    };
    wordings.first().map(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counters::Uname;

    fn with(release: &str, keys: &[&str]) -> Kernel {
        let mut counters = Counters {
            uname: Some(Uname { host: "h".into(), release: release.into() }),
            ..Counters::default()
        };
        for key in keys {
            counters.sysctl.insert((*key).into(), "1".into());
        }
        Kernel::of(&counters, None)
    }

    #[test]
    fn releases_of_distributions_are_read() {
        assert_eq!(with("2.6.18-274.el5", &[]).release, Some(Release(2, 6, 18)));
        assert_eq!(with("2.6.18-274.el5", &[]).enterprise, Some(5));
        assert_eq!(with("6.18.44-fc-v657", &[]).era, Some(Era::E));
        assert_eq!(with("5.15-rc1", &[]).release, Some(Release(5, 15, 0)));
        assert_eq!(with("", &[]).release, None);
        assert_eq!(with("99999.1", &[]).release, None);
    }

    #[test]
    fn keys_of_a_kernel_with_both_sets_are_called_by_the_new_name() {
        let both = ["net.ipv4.ip_conntrack_max", "net.netfilter.nf_conntrack_max"];
        assert_eq!(with("2.6.32-754.el6", &both).names, Names::Nf);
        assert_eq!(with("2.6.18-8.el5", &both[..1]).key("max"), "net.ipv4.ip_conntrack_max");
        assert_eq!(
            with("2.6.18-8.el5", &[]).key("tcp_timeout_time_wait"),
            "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait"
        );
    }

    #[test]
    fn early_drop_of_el8_is_not_that_of_its_number() {
        assert_eq!(with("4.18.0-553.el8_10.x86_64", &[]).early_drop(), Some(EarlyDrop::EightBuckets));
        assert_eq!(with("4.18.0-25-generic", &[]).early_drop(), Some(EarlyDrop::OneBucket));
    }
}
