//! The sender's unit, as it stands and with the drop-in for SMTP.

use std::process::Command;

use crate::common::{outcome, root, skip};

#[test]
fn the_drop_in_for_smtp_is_understood_by_systemd_and_closes_the_sender() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("conntriage-mail.service");
    std::fs::copy(root().join("dist/conntriage-mail.service"), &unit).unwrap();
    let added = directory.path().join("conntriage-mail.service.d");
    std::fs::create_dir(&added).unwrap();
    std::fs::copy(root().join("dist/conntriage-mail-smtp.conf"), added.join("smtp.conf")).unwrap();
    let Ok(verified) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output()
    else {
        return skip("the_drop_in_for_smtp_is_understood", "systemd-analyze is not installed");
    };
    let (_, complaint, _) = outcome(&verified);
    let wrong: Vec<&str> = complaint.lines().filter(|line| !line.contains("is not executable")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for unit in [unit, root().join("dist/conntriage-notify.service")] {
        let security = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=25"])
            .arg(&unit)
            .output()
            .unwrap();
        let (text, complaint, _) = outcome(&security);
        assert!(
            security.status.success(),
            "{}: more than 2.5: {}{complaint}",
            unit.display(),
            text.lines().last().unwrap_or_default()
        );
    }
}

#[test]
fn an_alert_waits_for_no_relay_and_background_deliveries_of_the_mta_live_on() {
    let unit = |name: &str| std::fs::read_to_string(root().join("dist").join(name)).unwrap();
    let (mail, notify) = (unit("conntriage-mail.service"), unit("conntriage-notify.service"));
    assert!(mail.contains("\nExecStart=/usr/bin/conntriage mail deliver --only mail\n"));
    assert!(mail.contains("\nKillMode=process\n"));
    assert!(notify.contains("\nExecStart=/usr/bin/conntriage mail deliver --only programs\n"));
}
