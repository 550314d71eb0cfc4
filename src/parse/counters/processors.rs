//! How many processors the machine has: `/proc/cpuinfo`, `lscpu`, `nproc`.

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;

/// Begins with `processor : 0` (on old ARM with `Processor : ARMv7 …`, on s390 with `vendor_id` and `# processors`).
pub(super) fn is_cpuinfo(head: &Head<'_>) -> bool {
    let is_of_processor = |line: &&str| number(line).is_some() || line.starts_with("# processors");
    let begins = ["processor", "Processor", "vendor_id"]
        .iter()
        .any(|word| head.first().strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with(':')));
    begins
        && head.lines.iter().take(4).any(is_of_processor)
        && head.lines.iter().all(|line| line.contains(':'))
}

fn number(line: &str) -> Option<u64> {
    decimal(line.strip_prefix("processor")?.trim_start().strip_prefix(':')?.trim())
}

/// Counts the processors; each is a record.
pub(super) fn read_cpuinfo(text: &[u8], reading: &mut Reading<'_>) {
    let mut said = None;
    reading.each_line(text, |text, _, reading| {
        if number(text).is_some() {
            reading.records += 1;
        } else if let Some(rest) = text.strip_prefix("# processors") {
            reading.records += 1;
            said = rest.trim_start().strip_prefix(':').map(str::trim).and_then(decimal);
        }
    });
    let counted = (reading.records > 0).then_some(reading.records);
    reading.counters.machine.processors = said.or(counted);
}

pub(super) fn is_lscpu(head: &Head<'_>) -> bool {
    head.first().starts_with("Architecture:") && head.lines.iter().any(|line| line.starts_with("CPU(s):"))
}

/// Every line is a record.
pub(super) fn read_lscpu(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let Some(rest) = text.strip_prefix("CPU(s):") else { return };
        match decimal(rest.trim()) {
            Some(number) => reading.counters.machine.processors = Some(number),
            None => reading.damage(BlemishKind::ImpossibleNumber, line),
        }
    });
}

/// One number in a file that is called so.
pub(super) fn is_nproc(head: &Head<'_>) -> bool {
    matches!(head.lines, [line] if decimal(line.trim()).is_some()) && head.is_called("nproc")
}

pub(super) fn read_nproc(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        match decimal(text.trim()).filter(|number| *number > 0) {
            Some(number) => reading.counters.machine.processors = Some(number),
            None => reading.damage(BlemishKind::ImpossibleNumber, line),
        }
    });
}
