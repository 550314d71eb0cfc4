//! The way that mail takes, examined for `doctor`: nothing is sent, and nobody is called but the resolver.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::{mta, secret, sendmail, smtp};
use crate::edge::capture::health::{Row, Verdict};
use crate::model::live::config::{Mail, Tls, Transport};

/// The resolver has so long.
const PATIENCE: Duration = Duration::from_secs(5);
const TRANSPORT: &str = "mail transport";
const PASSWORD: &str = "mail password";
const RELAY: &str = "mail relay";

/// What was found.
#[derive(Debug, Default)]
pub struct Examined {
    /// A row for each thing.
    pub rows: Vec<Row>,
    /// From which address of this machine to which of the relay, and its port.
    pub way: Option<(IpAddr, IpAddr, u16)>,
}

fn row(verdict: Verdict, what: &str, said: impl Into<String>) -> Row {
    Row { verdict, what: what.to_owned(), said: said.into() }
}

/// Examines it. `known` is where the relay was found before.
pub fn examine(mail: &Mail, known: &[IpAddr]) -> Examined {
    let mut found = Examined::default();
    if mail.to.is_empty() {
        let said = "mail.to names nobody: nothing is mailed, and what follows is what would be";
        found.rows.push(row(Verdict::Note, "mail recipients", said));
    } else {
        found.rows.push(row(Verdict::Fine, "mail recipients", mail.to.join(", ")));
    }
    match mail.transport {
        Transport::Sendmail => found.rows.push(by_sendmail(mail)),
        Transport::Smtp => by_smtp(mail, known, &mut found),
    }
    found
}

fn by_sendmail(mail: &Mail) -> Row {
    let Some(program) = sendmail::program() else {
        // Who mails nobody needs no MTA.
        let verdict = if mail.to.is_empty() { Verdict::Absent } else { Verdict::Fails };
        let said = "/usr/sbin/sendmail is not there: install an MTA that queues (postfix, opensmtpd, dma, nullmailer), or \
                    configure mail.transport = \"smtp\"";
        return row(verdict, TRANSPORT, said);
    };
    let shown = program.display();
    match mta::identify(&program) {
        Err(error) => {
            row(Verdict::Unknown, TRANSPORT, format!("{shown}: what it is cannot be seen: {error}"))
        }
        Ok(mta) => {
            let what = format!("sendmail: {shown} is {} ({})", mta.name, mta.path.display());
            match mta.kind {
                mta::Kind::Queues => row(
                    Verdict::Fine,
                    TRANSPORT,
                    format!("{what}: it keeps a queue on disk, and takes messages while the table is full"),
                ),
                mta::Kind::Direct => row(
                    Verdict::Note,
                    TRANSPORT,
                    format!(
                        "{what}: it keeps no queue and goes straight to a relay, which fails while the table is full. The \
                         outbox keeps and repeats what it refuses; what it takes and then loses is lost. Use an MTA that \
                         queues (postfix, opensmtpd, dma, nullmailer), or mail.transport = \"smtp\""
                    ),
                ),
                mta::Kind::Unknown => row(
                    Verdict::Note,
                    TRANSPORT,
                    format!("{what}: whether it keeps a queue on disk is not known"),
                ),
            }
        }
    }
}

fn by_smtp(mail: &Mail, known: &[IpAddr], found: &mut Examined) {
    let Some(host) = mail.host.as_deref() else {
        found.rows.push(row(Verdict::Fails, TRANSPORT, "mail.host is missing: which relay?"));
        return;
    };
    let port = mail.port();
    let how = match mail.tls {
        Tls::Required => "STARTTLS, or nothing is sent",
        Tls::Wrapper => "TLS from the first byte",
        Tls::None => "without TLS, to this machine alone",
    };
    found.rows.push(row(Verdict::Fine, TRANSPORT, format!("SMTP to {host}, port {port}: {how}")));
    found.rows.extend(password(mail));
    if mail.tls != Tls::None {
        found.rows.push(match smtp::trusted() {
            Ok(number) => {
                row(Verdict::Fine, "mail trust", format!("{number} certificate authorities are trusted"))
            }
            Err(why) => row(Verdict::Fails, "mail trust", why),
        });
    }
    let addresses = match smtp::resolve(host, port, PATIENCE) {
        Ok(addresses) => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            found.rows.push(row(Verdict::Fine, RELAY, format!("{host}: {}", list.join(", "))));
            addresses
        }
        Err(why) if known.is_empty() => {
            found.rows.push(row(Verdict::Fails, RELAY, format!("{host}: {why}")));
            return;
        }
        Err(why) => {
            let list: Vec<String> = known.iter().map(ToString::to_string).collect();
            let said = format!("{host}: {why}; remembered: {}", list.join(", "));
            found.rows.push(row(Verdict::Note, RELAY, said));
            known.to_vec()
        }
    };
    found.way = addresses.first().and_then(|to| Some((own_address(*to, port)?, *to, port)));
}

fn password(mail: &Mail) -> Option<Row> {
    let user = mail.user.as_deref()?;
    Some(match secret::file(mail.password_file.as_deref()) {
        None => row(
            Verdict::Note,
            PASSWORD,
            format!(
                "for {user} there is no mail.password_file: the unit must hand over the credential smtp-password \
                 (LoadCredential=smtp-password:FILE)"
            ),
        ),
        Some(path) => match secret::read(&path) {
            Ok(_) => row(Verdict::Fine, PASSWORD, format!("of {user}: {} holds one", path.display())),
            Err(why) => row(Verdict::Fails, PASSWORD, why),
        },
    })
}

/// From which address this machine would call it. Nothing is sent: connecting a UDP socket only asks for the route.
fn own_address(to: IpAddr, port: u16) -> Option<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((to, port)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback()).then_some(own)
}
