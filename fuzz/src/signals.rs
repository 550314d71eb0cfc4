//! `conntriage.signals/1` and `conntriage.bundle/1`, which anybody may have written: what is read may be joined, and
//! written, and is then read again as it was.

use conntriage::model::fold::Part;
use conntriage::model::input::LogStream;
use conntriage::wire::{bundle, signals};

/// Holds the properties against one line of signals.
pub fn hold_signals(line: &[u8]) {
    let _ = signals::looks_like(line);
    let Ok(given) = signals::read(line) else { return };
    let written = signals::write(&given);
    assert_eq!(signals::read(written.as_bytes()).as_ref(), Ok(&given), "{written}");
    // Counts of a stranger may be any: they are added without a fault.
    let joined = given.piece.clone().join(given.piece.clone());
    signals::write(&LogStream { piece: joined, ..given });
}

/// Holds the properties against one manifest.
pub fn hold_manifest(json: &[u8]) {
    let _ = bundle::looks_like(json);
    let Ok(manifest) = bundle::read(json) else { return };
    assert!(
        manifest
            .files
            .iter()
            .all(|file| !file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."))
    );
    let written = bundle::write(&manifest);
    assert_eq!(bundle::read(written.as_bytes()).as_ref(), Ok(&manifest), "{written}");
}
