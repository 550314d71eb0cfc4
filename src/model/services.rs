//! Well-known ports in words. A table, no logic. Source: the IANA service name registry, and for ports that it gives
//! to somebody else what is met on them in the field.

use super::flow::L4;

/// What usually listens on a port; none where nothing is usual.
pub fn service(port: u16, l4: L4) -> Option<&'static str> {
    match l4 {
        L4::TCP => tcp(port),
        L4::UDP => udp(port),
        _ => None,
    }
}

fn tcp(port: u16) -> Option<&'static str> {
    Some(match port {
        21 => "ftp",
        22 => "ssh",
        23 => "telnet",
        25 => "smtp",
        53 => "dns",
        80 => "http",
        88 => "kerberos",
        110 => "pop3",
        111 => "rpcbind",
        143 => "imap",
        179 => "bgp",
        389 => "ldap",
        443 => "https",
        445 => "smb",
        465 => "smtps",
        587 => "submission",
        636 => "ldaps",
        853 => "dns over tls",
        993 => "imaps",
        995 => "pop3s",
        1433 => "mssql",
        1521 => "oracle",
        1883 => "mqtt",
        2049 => "nfs",
        2379 | 2380 => "etcd",
        3128 => "squid/http proxy",
        3306 => "mysql",
        3389 => "rdp",
        4222 => "nats",
        5432 => "postgresql",
        5671 | 5672 => "amqp",
        5900 => "vnc",
        6379 => "redis",
        6443 => "kubernetes api",
        6667 => "irc",
        6881..=6889 => "bittorrent",
        8080 => "http alternative",
        8443 => "https alternative",
        9000 => "php-fpm",
        9042 => "cassandra",
        9090 => "prometheus",
        9092 => "kafka",
        9100 => "node exporter",
        9200 | 9300 => "elasticsearch",
        10250 => "kubelet",
        11211 => "memcached",
        27017 => "mongodb",
        _ => return None,
    })
}

fn udp(port: u16) -> Option<&'static str> {
    Some(match port {
        53 => "dns",
        67 | 68 => "dhcp",
        69 => "tftp",
        88 => "kerberos",
        123 => "ntp",
        137 | 138 => "netbios",
        161 => "snmp",
        162 => "snmp trap",
        389 => "cldap",
        443 => "quic",
        500 => "ike",
        514 => "syslog",
        1194 => "openvpn",
        1812 | 1813 => "radius",
        1900 => "ssdp",
        3478 => "stun",
        4500 => "ipsec nat-t",
        4789 | 8472 => "vxlan",
        5060 => "sip",
        5353 => "mdns",
        5355 => "llmnr",
        6081 => "geneve",
        6881..=6889 => "bittorrent",
        11211 => "memcached",
        51820 => "wireguard",
        _ => return None,
    })
}
