//! What `sendmail` of this machine really is. Some that bear the name keep a queue on disk; others go straight to a relay,
//! and with a full table there is no way to one.

use std::io::Read;
use std::path::{Path, PathBuf};

/// What it does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Keeps it on disk until it is delivered.
    Queues,
    /// Goes straight to a relay, and fails where there is no way.
    Direct,
    /// Nobody here knows it.
    Unknown,
}

/// A program that bears the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mta {
    /// Where it really stands.
    pub path: PathBuf,
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
}

/// By the name of the file that all links end at.
const NAMES: [(&str, &str, Kind); 17] = [
    ("sendmail.postfix", "Postfix", Kind::Queues),
    ("exim", "Exim", Kind::Queues),
    ("exim4", "Exim", Kind::Queues),
    ("sendmail.exim", "Exim", Kind::Queues),
    ("smtpctl", "OpenSMTPD", Kind::Queues),
    ("sendmail.opensmtpd", "OpenSMTPD", Kind::Queues),
    ("dma", "DragonFly Mail Agent", Kind::Queues),
    ("sendmail.sendmail", "Sendmail", Kind::Queues),
    ("sendmail-msp", "Sendmail", Kind::Queues),
    ("nullmailer-inject", "nullmailer", Kind::Queues),
    ("msmtp", "msmtp", Kind::Direct),
    ("msmtpq", "msmtp", Kind::Direct),
    ("ssmtp", "sSMTP", Kind::Direct),
    ("sendmail.ssmtp", "sSMTP", Kind::Direct),
    ("esmtp", "ESMTP", Kind::Direct),
    ("esmtp-wrapper", "ESMTP", Kind::Direct),
    ("busybox", "BusyBox", Kind::Direct),
];
/// By what stands in it, where it is a file of that name: each names programs or files that only it needs.
const MARKS: [(&str, &str, Kind); 7] = [
    ("postdrop", "Postfix", Kind::Queues),
    ("nullmailer", "nullmailer", Kind::Queues),
    ("qmail-inject", "qmail", Kind::Queues),
    ("courier", "Courier", Kind::Queues),
    ("/etc/mail/sendmail.cf", "Sendmail", Kind::Queues),
    ("msmtp", "msmtp", Kind::Direct),
    ("ssmtp", "sSMTP", Kind::Direct),
];
/// Bytes of a program that are looked through.
const LOOKED_MAX: u64 = 8 << 20;

/// What this program really is.
pub fn identify(program: &Path) -> std::io::Result<Mta> {
    let path = std::fs::canonicalize(program)?;
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (name, kind) = match NAMES.iter().find(|(known, ..)| *known == file) {
        Some((_, name, kind)) => (*name, *kind),
        None => marked(&path)?,
    };
    Ok(Mta { path, name, kind })
}

fn marked(path: &Path) -> std::io::Result<(&'static str, Kind)> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LOOKED_MAX).read_to_end(&mut bytes)?;
    let holds = |mark: &str| memchr::memmem::find(&bytes, mark.as_bytes()).is_some();
    let found = MARKS.iter().find(|(mark, ..)| holds(mark));
    Ok(found.map_or(("an unknown program", Kind::Unknown), |(_, name, kind)| (*name, *kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m14_what_bears_the_name_is_followed_to_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let link = at("sendmail");
        for (name, text, called, kind) in [
            ("msmtp", "", "msmtp", Kind::Direct),
            ("ssmtp", "", "sSMTP", Kind::Direct),
            ("smtpctl", "", "OpenSMTPD", Kind::Queues),
            ("exim4", "", "Exim", Kind::Queues),
            ("real", "\0/usr/sbin/postdrop\0", "Postfix", Kind::Queues),
            ("script", "#!/bin/sh\nexec msmtp \"$@\"\n", "msmtp", Kind::Direct),
            ("other", "", "an unknown program", Kind::Unknown),
        ] {
            std::fs::write(at(name), text).unwrap();
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(at(name), at("between")).unwrap();
            std::os::unix::fs::symlink(at("between"), &link).unwrap();
            let found = identify(&link).unwrap();
            assert_eq!((found.name, found.kind), (called, kind));
            assert!(found.path.ends_with(name));
            std::fs::remove_file(at("between")).unwrap();
        }
        assert!(identify(&at("none")).is_err());
    }
}
