//! How much memory the machine has: `/proc/meminfo` and `free`.

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Lines of a name, a colon and a number, `MemTotal:` among the first. (2.4 has a table in front.)
pub(super) fn is_meminfo(head: &Head<'_>) -> bool {
    let first = head.lines.iter().take(5);
    first.clone().any(|line| meminfo_total(line).is_some())
        && head.lines.iter().all(|line| line.contains(':'))
}

fn meminfo_total(line: &str) -> Option<u64> {
    let mut words = line.strip_prefix("MemTotal:")?.split_whitespace();
    let number = decimal(words.next()?)?;
    (words.next() == Some("kB")).then(|| number.saturating_mul(KIB))
}

/// Every line is a record.
pub(super) fn read_meminfo(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        if text.starts_with("MemTotal:") {
            match meminfo_total(text) {
                Some(bytes) => reading.counters.memory_bytes = Some(bytes),
                None => reading.damage(BlemishKind::ImpossibleNumber, line),
            }
        }
    });
}

pub(super) fn is_free(head: &Head<'_>) -> bool {
    let words: Vec<&str> = head.first().split_whitespace().take(3).collect();
    words == ["total", "used", "free"] && head.lines.get(1).is_some_and(|line| line.starts_with("Mem:"))
}

/// Reads `Mem: TOTAL …`. The unit of a bare number is not printed: it is taken from the file's name or from what machines
/// have, and where both leave it open the memory stays unknown.
pub(super) fn read_free(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let Some(word) = text.strip_prefix("Mem:").and_then(|rest| rest.split_whitespace().next()) else {
            return;
        };
        let head = Head { lines: &[], path: reading.path };
        match (decimal(word), with_unit(word)) {
            (Some(number), _) => {
                reading.counters.memory_bytes = unit(&head, number).and_then(|u| number.checked_mul(u));
            }
            (None, Some(bytes)) => reading.counters.memory_bytes = Some(bytes),
            (None, None) => reading.damage(BlemishKind::ImpossibleNumber, line),
        }
    });
}

fn unit(head: &Head<'_>, number: u64) -> Option<u64> {
    let called = [("free_-m", MIB), ("free-m", MIB), ("free_-b", 1), ("free-b", 1), ("free_-k", KIB)];
    if let Some((_, unit)) = called.iter().find(|(name, _)| head.is_called(name)) {
        return Some(*unit);
    }
    match number {
        // No machine that runs has less than 32 MiB: these are mebibytes.
        64..32_768 => Some(MIB),
        // 4 GiB to 1 TiB in kibibytes, which is what is printed unless asked otherwise.
        4_194_304..1_073_741_824 => Some(KIB),
        _ => None,
    }
}

/// `23Gi`, `1.5G`, `512M`: rounded by the program, so the last digit is not exact.
fn with_unit(word: &str) -> Option<u64> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = word.split_at_checked(end)?;
    let shift = match unit.trim_end_matches('i') {
        "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let tenths = decimal(tenths).filter(|tenths| *tenths < 10)?;
    let bytes = decimal(whole)?.checked_mul(10)?.checked_add(tenths)?.checked_mul(1 << shift)?;
    Some(bytes / 10)
}
