//! What the machine was started with: `/proc/cmdline`, and the distribution in `/etc/os-release`.

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;

/// Bytes of a name or parameter that are kept.
const BYTES_MAX: usize = 256;
/// Parameters of the tracker that are kept.
const PARAMETERS_MAX: usize = 64;

/// One line of parameters: it names the image or the root, or stands in a file that is called so.
pub(super) fn is_cmdline(head: &Head<'_>) -> bool {
    let [line] = head.lines else { return false };
    let mut words = line.split_whitespace();
    let named =
        words.clone().take(3).any(|word| word.starts_with("BOOT_IMAGE=") || word.starts_with("root="));
    let begins =
        words.next().is_some_and(|word| word.contains('=') || ["ro", "rw", "auto", "quiet"].contains(&word));
    (named && begins && line.split_whitespace().any(|word| word.starts_with("root=")))
        || head.is_called("cmdline")
}

/// Every line is a record; parameters of the tracker are kept.
pub(super) fn read_cmdline(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let kept = reading.counters.machine.boot_parameters.get_or_insert_default();
        let ours = |word: &&str| word.starts_with("nf_conntrack") || word.starts_with("ip_conntrack");
        let words: Vec<&str> = text.split_whitespace().filter(ours).collect();
        let room = PARAMETERS_MAX.saturating_sub(kept.len());
        kept.extend(
            words.iter().filter(|word| word.len() <= BYTES_MAX).take(room).map(|word| Box::from(*word)),
        );
        if words.len() > room {
            reading.damage(BlemishKind::LineTooLong, line);
        }
    });
}

/// Assignments with names in capitals, `NAME` and `ID` among them.
pub(super) fn is_os_release(head: &Head<'_>) -> bool {
    let has = |name: &str| head.lines.iter().any(|line| assignment(line).is_some_and(|(n, _)| n == name));
    has("NAME")
        && has("ID")
        && head.lines.iter().all(|line| line.starts_with('#') || assignment(line).is_some())
}

/// Every assignment is a record.
pub(super) fn read_os_release(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| match assignment(text) {
        Some((name, value)) => {
            reading.records += 1;
            if name == "PRETTY_NAME" && value.len() <= BYTES_MAX {
                reading.counters.machine.distribution = Some(value.into());
            }
        }
        None if text.starts_with('#') => {}
        None => reading.damage(BlemishKind::Unrecognised, line),
    });
}

/// `NAME="value"`, as a shell reads it.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && !name.is_empty()).then(|| (name, value.trim().trim_matches(['"', '\''])))
}
