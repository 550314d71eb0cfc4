//! Well-known ports in words. A table, no logic.
//!
//! The IANA registry names some of these otherwise (3128 is "ndl-aas" there); here stands what an administrator finds
//! behind the port in practice. A port that half a dozen programs use is called by what they have in common.

use super::flow::L4;

/// What usually listens on a port; none where nothing is usual, and for protocols without ports.
pub fn service(port: u16, l4: L4) -> Option<&'static str> {
    match l4 {
        L4::TCP => either(port).or_else(|| tcp(port)),
        L4::UDP | L4::UDPLITE => either(port).or_else(|| udp(port)),
        L4::SCTP => sctp(port),
        _ => None,
    }
}

/// Where a database or a cache listens that is spoken to in a protocol of its own: a client that opens a connection for
/// each query needs a pool. Stores that are spoken to over HTTP (Elasticsearch, InfluxDB, CouchDB, Solr) are not among
/// them: their clients keep connections, or do not, as those of any web server.
pub fn is_datastore(port: u16, l4: L4) -> bool {
    l4 == L4::TCP
        && matches!(
            port,
            1433 | 1521
                | 3050
                | 3306
                | 3307
                | 5432
                | 5433
                | 6379
                | 6380
                | 6432
                | 7687
                | 9042
                | 9160
                | 9306
                | 9312
                | 11210
                | 11211
                | 16379
                | 26257
                | 26379
                | 27017..=27019 | 28015 | 33060 | 50000
        )
}

/// The same word over TCP and UDP.
fn either(port: u16) -> Option<&'static str> {
    Some(match port {
        7 => "echo",
        9 => "discard",
        13 => "daytime",
        17 => "qotd",
        19 => "chargen",
        37 => "time",
        53 => "dns",
        88 => "kerberos",
        111 => "rpcbind",
        389 => "ldap",
        464 => "kerberos password",
        500 => "ike",
        514 => "syslog",
        646 => "ldp",
        853 => "dns over tls",
        1194 => "openvpn",
        2049 => "nfs",
        3478 | 3479 => "stun/turn",
        4789 => "vxlan",
        5001 => "iperf",
        5060 => "sip",
        5061 => "sip over tls",
        5201 => "iperf3",
        5349 => "stun/turn over tls",
        5355 => "llmnr",
        6881..=6889 | 51413 => "bittorrent",
        7946 => "swarm/serf gossip",
        8125 => "statsd",
        8301 | 8302 => "consul gossip",
        8472 => "vxlan (flannel)",
        8600 => "consul dns",
        10053 => "dns (alternate)",
        11211 => "memcached",
        22000 => "syncthing",
        27015 => "game server",
        30303 => "ethereum",
        _ => return None,
    })
}

/// Over TCP.
fn tcp(port: u16) -> Option<&'static str> {
    tcp_mail_web_and_login(port).or_else(|| tcp_data(port)).or_else(|| tcp_platform(port))
}

/// Logins, files, mail, web, proxies.
fn tcp_mail_web_and_login(port: u16) -> Option<&'static str> {
    Some(match port {
        20 => "ftp data",
        21 => "ftp",
        22 => "ssh",
        23 => "telnet",
        25 => "smtp",
        43 => "whois",
        49 => "tacacs",
        70 => "gopher",
        79 => "finger",
        80 => "http",
        110 => "pop3",
        113 => "ident",
        119 => "nntp",
        135 => "msrpc",
        139 => "netbios/smb",
        143 => "imap",
        179 => "bgp",
        443 => "https",
        445 => "smb",
        465 => "smtps",
        512 => "rexec",
        513 => "rlogin",
        515 => "lpd",
        540 => "uucp",
        543 => "klogin",
        544 => "kshell",
        548 => "afp",
        554 => "rtsp",
        563 => "nntps",
        587 => "smtp submission",
        593 => "msrpc over http",
        631 => "ipp",
        636 => "ldaps",
        783 => "spamassassin",
        873 => "rsync",
        989 => "ftps data",
        990 => "ftps",
        992 => "telnets",
        993 => "imaps",
        995 => "pop3s",
        1080 => "socks proxy",
        1352 => "lotus notes",
        1494 | 2598 => "citrix",
        1720 => "h.323",
        1723 => "pptp",
        1935 => "rtmp",
        2000 => "sieve/sccp",
        2082 | 2083 => "cpanel",
        2086 | 2087 => "whm",
        2095 | 2096 => "webmail",
        2222 => "ssh (alternate)",
        2525 => "smtp (alternate)",
        3000 | 5000 | 8000 | 8081 | 8088 | 12345 => "http application",
        3128 | 3129 => "squid/http proxy",
        3260 => "iscsi",
        3268 => "active directory catalog",
        3269 => "active directory catalog over tls",
        3310 => "clamav",
        3389 => "rdp",
        3690 => "subversion",
        4190 => "sieve",
        4899 => "radmin",
        5190 => "icq",
        5222 => "xmpp",
        5223 => "xmpp over tls/apple push",
        5228 => "google push",
        5269 => "xmpp servers",
        5280 => "xmpp over http",
        5555 => "android debug",
        5800 => "vnc over http",
        5900..=5909 => "vnc",
        5938 => "teamviewer",
        5985 | 5986 => "winrm",
        6000..=6009 => "x11",
        6667 => "irc",
        6697 => "irc over tls",
        7680 => "windows delivery optimization",
        8008 | 8888 => "http (alternate)",
        8009 => "ajp",
        8080 => "http proxy/application",
        8291 | 8728 => "routeros",
        8332 | 8333 => "bitcoin",
        4443 | 7443 | 8443 | 9443 => "https (alternate)",
        8530 | 8531 => "windows update",
        8545 => "ethereum rpc",
        9000 => "php-fpm/http application",
        9001 => "tor/http application",
        9050 => "tor socks proxy",
        9051 => "tor control",
        9418 => "git",
        10000 => "webmin/ndmp",
        10024 | 10025 => "amavis",
        11371 => "pgp keys",
        25565 => "minecraft",
        32400 => "plex",
        33060 => "mysql x protocol",
        _ => return None,
    })
}

/// Databases, caches, queues.
fn tcp_data(port: u16) -> Option<&'static str> {
    Some(match port {
        1433 => "mssql",
        1521 | 2483 | 2484 => "oracle",
        1883 => "mqtt",
        2181 => "zookeeper",
        2888 | 3888 => "zookeeper ensemble",
        3050 => "firebird",
        3306 => "mysql",
        3307 => "mysql (alternate)",
        3351 => "pervasive sql",
        4333 => "msql",
        4369 => "erlang port mapper",
        4444 => "galera state transfer",
        4567 | 4568 => "galera",
        5432 => "postgres",
        5433 => "postgres (alternate)",
        5601 => "kibana",
        5671 => "amqp over tls",
        5672 => "rabbitmq/amqp",
        5984 => "couchdb",
        6066 | 7077 => "spark",
        6379 => "redis",
        6380 => "redis over tls",
        6432 => "pgbouncer",
        7000 | 7001 => "cassandra ring",
        7199 => "cassandra jmx",
        7473 | 7474 | 7687 => "neo4j",
        8020 => "hdfs namenode",
        8086 => "influxdb",
        8091 | 8092 | 11210 => "couchbase",
        8123 => "clickhouse over http",
        8529 => "arangodb",
        8883 => "mqtt over tls",
        8983 => "solr",
        9009 => "clickhouse replication",
        9042 => "cassandra",
        9092 => "kafka",
        9093 => "kafka over tls/alertmanager",
        9160 => "cassandra thrift",
        9200 => "elasticsearch",
        9300 => "elasticsearch nodes",
        9306 | 9312 => "sphinx search",
        9440 => "clickhouse over tls",
        15672 => "rabbitmq management",
        16010 | 16020 => "hbase",
        16379 => "redis cluster bus",
        25672 => "rabbitmq nodes",
        26257 => "cockroachdb",
        26379 => "redis sentinel",
        27017..=27019 => "mongodb",
        28015 => "rethinkdb",
        50000 => "db2",
        9870 | 50010 | 50020 | 50070 => "hdfs",
        61613 => "stomp",
        61616 => "activemq",
        _ => return None,
    })
}

/// Orchestration, monitoring, storage, agents.
fn tcp_platform(port: u16) -> Option<&'static str> {
    Some(match port {
        104 => "dicom",
        623 => "ipmi",
        902 => "vmware",
        1099 => "java rmi",
        1311 => "openmanage",
        2375 => "docker api",
        2376 => "docker api over tls",
        2377 => "docker swarm",
        2379 => "etcd",
        2380 => "etcd peers",
        3100 => "loki",
        3300 | 6789 => "ceph monitor",
        3493 => "nut",
        3632 => "distcc",
        4317 | 4318 => "opentelemetry",
        4505 | 4506 => "salt",
        4646 => "nomad",
        4848 => "glassfish",
        5044 => "logstash beats",
        5666 => "nrpe",
        5693 => "ncpa",
        6443 => "kubernetes apiserver",
        6514 => "syslog over tls",
        6556 => "checkmk agent",
        6800..=6809 => "ceph osd",
        8006 => "proxmox",
        8069 => "odoo",
        8089 => "splunk",
        8140 => "puppet",
        8161 => "activemq console",
        8200 => "vault",
        8300 => "consul servers",
        8500 => "consul",
        8501 => "consul over tls",
        9090 => "prometheus/cockpit",
        9091 => "prometheus pushgateway",
        9094 => "alertmanager cluster",
        9100 => "node_exporter/raw printing",
        9102 => "bacula/bareos",
        9104 => "mysqld_exporter",
        9115 => "blackbox_exporter",
        9121 => "redis_exporter",
        9153 => "coredns metrics",
        9187 => "postgres_exporter",
        9389 => "active directory web services",
        9411 => "zipkin",
        9997 => "splunk forwarders",
        10050 => "zabbix agent",
        10051 => "zabbix server",
        10248 => "kubelet health",
        10249 => "kube-proxy metrics",
        10250 => "kubelet",
        10255 => "kubelet (read only)",
        10256 => "kube-proxy health",
        10257 => "kube-controller-manager",
        10259 => "kube-scheduler",
        15001 | 15006 => "istio sidecar",
        15010 | 15012 => "istio control plane",
        15020 | 15021 | 15090 => "istio health/metrics",
        16514 => "libvirt over tls",
        19999 => "netdata",
        24007 => "gluster",
        50051 => "grpc",
        _ => return None,
    })
}

/// Over UDP.
fn udp(port: u16) -> Option<&'static str> {
    Some(match port {
        67 => "dhcp server",
        68 => "dhcp client",
        69 => "tftp",
        80 => "quic/http",
        123 => "ntp",
        137 => "netbios names",
        138 => "netbios datagrams",
        161 => "snmp",
        162 => "snmp traps",
        177 => "xdmcp",
        319 | 320 => "ptp",
        427 => "slp",
        443 => "quic/http3",
        520 => "rip",
        521 => "ripng",
        546 => "dhcpv6 client",
        547 => "dhcpv6 server",
        623 => "ipmi",
        1434 => "mssql browser",
        1701 => "l2tp",
        1719 => "h.323 registration",
        1645 | 1812 => "radius",
        1646 | 1813 => "radius accounting",
        1900 => "ssdp",
        1985 => "hsrp",
        2055 => "netflow",
        2123 => "gtp control",
        2152 => "gtp user plane",
        2427 => "mgcp",
        3074 => "game console",
        3389 => "rdp",
        3544 => "teredo",
        3659 | 19132 | 27000..=27014 | 27016..=27030 => "game server",
        3702 => "ws-discovery",
        3784 => "bfd",
        4500 => "ike nat traversal",
        4569 => "iax2",
        4739 => "ipfix",
        5004 | 5005 => "rtp",
        5246 | 5247 => "capwap",
        5351 => "nat-pmp/pcp",
        5353 => "mdns",
        5405 => "corosync",
        5678 => "mikrotik discovery",
        6081 => "geneve",
        6343 => "sflow",
        6771 => "bittorrent local discovery",
        8805 => "pfcp",
        9987 => "teamspeak",
        9993 => "zerotier",
        10001 => "ubiquiti discovery",
        12201 => "gelf",
        17500 => "dropbox lan sync",
        19302 => "stun/turn",
        21027 => "syncthing discovery",
        33434..=33534 => "traceroute",
        41641 => "tailscale",
        47808 => "bacnet",
        51820 | 51821 => "wireguard",
        60000..=61000 => "mosh",
        _ => return None,
    })
}

/// Over SCTP.
fn sctp(port: u16) -> Option<&'static str> {
    Some(match port {
        2904 => "m2ua",
        2905 => "m3ua",
        3868 => "diameter",
        36412 => "s1ap",
        36422 => "x2ap",
        38412 => "ngap",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_belongs_to_port_and_protocol() {
        assert_eq!(service(3128, L4::TCP), Some("squid/http proxy"));
        assert_eq!(service(3128, L4::UDP), None);
        assert_eq!(service(443, L4::TCP), Some("https"));
        assert_eq!(service(443, L4::UDP), Some("quic/http3"));
        assert_eq!(service(53, L4::TCP), service(53, L4::UDP));
        assert_eq!(service(80, L4::ICMP), None);
        assert_eq!(service(40000, L4::TCP), None);
    }

    #[test]
    fn every_datastore_has_a_name_and_none_speaks_http() {
        for port in (0..=u16::MAX).filter(|port| is_datastore(*port, L4::TCP)) {
            let name = service(port, L4::TCP);
            assert!(name.is_some_and(|name| !name.contains("http")), "{port}");
        }
        assert!(is_datastore(3306, L4::TCP) && is_datastore(11211, L4::TCP));
        assert!(
            !is_datastore(9200, L4::TCP) && !is_datastore(3128, L4::TCP) && !is_datastore(11211, L4::UDP)
        );
    }

    #[test]
    fn no_port_is_named_twice_with_different_words() {
        for port in 0..=u16::MAX {
            let tables = [tcp_mail_web_and_login(port), tcp_data(port), tcp_platform(port)];
            assert!(tables.iter().flatten().count() <= 1, "tcp {port}");
            if either(port).is_some() {
                assert!(tables.iter().all(Option::is_none) && udp(port).is_none(), "{port}");
            }
        }
    }
}
