//! Whose machine it is rented from, as far as its kernel's name or its network card tells, and after how long that
//! provider's network forgets a silent connection.

use crate::model::counters::Counters;

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// `6.1.0-1012-aws`, `….amzn2023.x86_64`, or an ENA card's allowances.
    Amazon,
    /// `…-azure`.
    Azure,
    /// `…-gcp`, `…-gke`.
    Google,
}

impl Cloud {
    /// None: no such sign, which proves nothing.
    pub(crate) fn of(counters: &Counters) -> Option<Self> {
        let release = counters.kernel_release().unwrap_or_default();
        let says = |word: &str| release.split(['-', '.', '_', '+']).any(|part| part.starts_with(word));
        if says("aws") || says("amzn") || counters.allowances.contains_key("conntrack_allowance_exceeded") {
            Some(Self::Amazon)
        } else if says("azure") {
            Some(Self::Azure)
        } else if says("gcp") || says("gke") {
            Some(Self::Google)
        } else {
            None
        }
    }

    /// Seconds of silence after which [`Self::forgetful`] forget an established connection by default. Sources, read in
    /// 2026: EC2 `ConnectionTrackingConfiguration` (350 s from the sixth Nitro generation on, five days before; NAT gateway
    /// and network load balancer 350 s in any case); Azure load balancer and NAT gateway (4 min; a cluster of AKS sets
    /// 30 min for what goes out); Compute Engine (10 min for every VPC network; Cloud NAT 20 min).
    pub(crate) fn forgets_after_seconds(self) -> u64 {
        match self {
            Self::Amazon => 350,
            Self::Azure => 240,
            Self::Google => 600,
        }
    }

    /// What of it forgets then.
    pub(crate) fn forgetful(self) -> &'static str {
        match self {
            Self::Amazon => "NAT gateways and network load balancers of AWS, and its instances of Nitro v6,",
            Self::Azure => "load balancers and NAT gateways of Azure",
            Self::Google => "networks of Google Cloud",
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amazon => "AWS",
            Self::Azure => "Azure",
            Self::Google => "Google Cloud",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counters::Uname;

    #[test]
    fn the_provider_is_told_by_the_kernels_name() {
        for (release, cloud) in [
            ("6.1.0-1012-aws", Some(Cloud::Amazon)),
            ("5.10.230-223.885.amzn2.x86_64", Some(Cloud::Amazon)),
            ("5.15.0-1034-azure", Some(Cloud::Azure)),
            ("6.5.0-1014-gcp", Some(Cloud::Google)),
            ("5.15.0-1049-gke", Some(Cloud::Google)),
            ("6.1.0-18-cloud-amd64", None),
            ("3.10.0-1160.el7.x86_64", None),
        ] {
            let uname = Some(Uname { host: "h".into(), release: release.into() });
            assert_eq!(Cloud::of(&Counters { uname, ..Counters::default() }), cloud, "{release}");
        }
        assert_eq!(Cloud::of(&Counters::default()), None);
    }
}
