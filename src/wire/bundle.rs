//! `conntriage.bundle/1`: the manifest of an evidence bundle (DESIGN §4).
