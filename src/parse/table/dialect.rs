//! Forms of a table, and what looks like one and is none.

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableDialect {
    /// `/proc/net/ip_conntrack` of 2.4 to 4.9: begins with the layer 4 name.
    ProcIpConntrack,
    /// `/proc/net/nf_conntrack`: begins with the layer 3 name.
    ProcNfConntrack,
    /// `conntrack -L` in lines, with or without `-o extended`, `id`, `ktimestamp`, `labels`. Its lines are those of the
    /// two files above; without a sign of the tool they bear the name of the file.
    ConntrackList,
    /// `conntrack -L -o save`: commands that would make the entries.
    ConntrackSave,
    /// `conntrack -L -o xml`.
    ConntrackXml,
    /// Expectations alone (`/proc/net/nf_conntrack_expect`, `conntrack -L expect`): no entries.
    Expectations,
    /// `conntrack -E` in any form: what happened, not what the table holds.
    Events,
}

impl TableDialect {
    /// Every form, for tests that hold for each.
    pub const ALL: [Self; 7] = [
        Self::ProcIpConntrack,
        Self::ProcNfConntrack,
        Self::ConntrackList,
        Self::ConntrackSave,
        Self::ConntrackXml,
        Self::Expectations,
        Self::Events,
    ];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcIpConntrack => "proc-ip_conntrack",
            Self::ProcNfConntrack => "proc-nf_conntrack",
            Self::ConntrackList => "conntrack-L",
            Self::ConntrackSave => "conntrack-save",
            Self::ConntrackXml => "conntrack-xml",
            Self::Expectations => "conntrack-expect",
            Self::Events => "conntrack-E",
        }
    }

    /// What it is and what to give instead, where it is no list of entries.
    pub fn instead(self) -> Option<&'static str> {
        match self {
            Self::Expectations => Some(
                "lists expectations, which are not entries and do not count against nf_conntrack_max; for the table give /proc/net/nf_conntrack or what conntrack -L prints",
            ),
            Self::Events => Some(
                "holds events (conntrack -E): what came and went, not what the table held at one time; give /proc/net/nf_conntrack or what conntrack -L prints",
            ),
            _ => None,
        }
    }
}
