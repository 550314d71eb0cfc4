//! The time zone of this machine, by name: what a log that names no zone was probably written in.

use std::path::Path;

/// `$TZ`, else what `/etc/localtime` points at, else `/etc/timezone`; none where neither names a zone.
pub fn local_zone_name() -> Option<String> {
    if let Ok(zone) = std::env::var("TZ") {
        let zone = zone.trim_start_matches(':');
        return Some(if zone.is_empty() { "UTC".to_owned() } else { name_below_zoneinfo(Path::new(zone)) });
    }
    if let Ok(target) = std::fs::read_link("/etc/localtime") {
        return Some(name_below_zoneinfo(&target));
    }
    let text = std::fs::read_to_string("/etc/timezone").ok()?;
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn name_below_zoneinfo(path: &Path) -> String {
    let text = path.to_string_lossy();
    match text.split_once("zoneinfo/") {
        Some((_, name)) => name.to_owned(),
        None => text.into_owned(),
    }
}
