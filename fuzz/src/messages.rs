//! One message each: of the kernel, of its packet filter, of a program. The whole grammar of a message is matched: what
//! is added behind it takes its meaning away or is blank.

use conntriage::model::signal::Signal;
use conntriage::parse::programs::{self, Program};
use conntriage::parse::{json, kernel, packet};

const TAGS: [&[u8]; 13] = [
    b"kube-proxy",
    b"systemd-sysctl",
    b"audit",
    b"systemd",
    b"dockerd",
    b"Keepalived_vrrp",
    b"conntrackd",
    b"nginx",
    b"haproxy",
    b"kubelet",
    b"named",
    b"chronyd",
    b"sshd",
];

/// Holds the properties against every line of a text.
pub fn hold(text: &[u8]) {
    for message in text.split(|byte| *byte == b'\n').take(32) {
        of_kernel(message);
        for tag in TAGS {
            let program = Program::named(tag).unwrap();
            // Any user can write under any tag: never a drop.
            let said = programs::read(program, message);
            assert!(matches!(said, None | Some(Signal::Related { .. })), "{program:?} said {said:?}");
        }
    }
    let values = json::Reader::new(text).take_while(Result::is_ok).count();
    assert!(values <= text.len() + 1, "{values} values in {} bytes", text.len());
}

fn of_kernel(message: &[u8]) {
    let said = kernel::read(message);
    assert_eq!(kernel::signal(message), said.clone().ok().flatten());
    // A cut may stand anywhere behind a message, and so may blanks.
    assert_eq!(kernel::read(&[b" \t", message, b"  \r"].concat()), said);
    if let Ok(Some(Signal::Full(_) | Signal::Suppressed { .. })) = said {
        let quoted = [b"said: ", message].concat();
        assert_eq!(kernel::signal(&quoted), None, "{}", message.escape_ascii());
        let longer = [message.trim_ascii(), b" (more)"].concat();
        assert_eq!(kernel::signal(&longer), None, "{}", message.escape_ascii());
    }
    if let Some(read) = packet::read(message.trim_ascii()) {
        assert_eq!(said, Ok(Some(Signal::Packet(read))));
    }
}
