#!/usr/bin/env python3
"""table_forms.py: one real connection-tracking table, as the kernel and conntrack(8) print it in every form.

A network namespace of our own gets entries of every tracked protocol (`conntrack -I`, and real packets over its
loopback), zones, marks, translations and labels, IPv4 and IPv6. Then the table is written to --out once in each form,
all of them within one tick of every timer: a file of the kernel read before and after must be the same to the byte, or
it is done again.

Settings are those of the namespace (nf_conntrack_acct, nf_conntrack_timestamp); nothing of the machine is changed, but
for /etc/xtables/connlabel.conf, which `-o labels` wants: made if it is not there, and taken away again.

Needs: root, ip, nft, sysctl, conntrack.
"""
import argparse, os, socket, subprocess, sys, time

LABELS = "/etc/xtables/connlabel.conf"
FORMS = {
    "conntrack-L": [],
    "conntrack-L-extended": ["-o", "extended"],
    "conntrack-L-id": ["-o", "id"],
    "conntrack-L-extended-id": ["-o", "extended,id"],
    "conntrack-L-timestamp": ["-o", "timestamp"],
    "conntrack-L-ktimestamp": ["-o", "ktimestamp"],
    "conntrack-L-labels": ["-o", "labels"],
    "conntrack-L-userspace": ["-o", "userspace"],
    "conntrack-L-everything": ["-o", "extended,id,ktimestamp,labels"],
    "conntrack-L-xml": ["-o", "xml"],
    "conntrack-L-xml-everything": ["-o", "xml,extended,id,ktimestamp,labels"],
    "conntrack-L-save": ["-o", "save"],
}
ENTRIES = """
-p tcp -s 10.0.0.1 -d 192.0.2.7 --sport 40001 --dport 443 --state ESTABLISHED -t 431999 -u SEEN_REPLY,ASSURED -m 7
-p tcp -s 10.0.0.1 -d 192.0.2.7 --sport 40002 --dport 443 --state SYN_SENT -t 119
-p tcp -s 10.0.0.2 -d 192.0.2.8 --sport 40003 --dport 3128 --state TIME_WAIT -t 118 -u SEEN_REPLY,ASSURED -w 5
-p tcp -s 10.0.0.7 -d 192.0.2.13 --sport 40009 --dport 80 --orig-zone 9 --state SYN_RECV -t 59 -u SEEN_REPLY -n 198.51.100.7
-p tcp -s 10.0.0.8 -d 192.0.2.14 --sport 40010 --dport 80 --reply-zone 11 --state CLOSE_WAIT -t 59 -u SEEN_REPLY,ASSURED -g 10.9.9.9
-p tcp -s 2001:db8::1 -d 2001:db8::2 --sport 50001 --dport 443 --state ESTABLISHED -t 431998 -u SEEN_REPLY,ASSURED
-p udp -s 10.0.0.3 -d 192.0.2.9 --sport 5353 --dport 53 -t 29
-p udp -s 10.0.0.3 -d 192.0.2.9 --sport 5354 --dport 53 -t 119 -u SEEN_REPLY,ASSURED
-p icmp -s 10.0.0.3 -d 192.0.2.9 --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 28
-p icmpv6 -s fe80::1 -d fe80::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 78 -t 28
-p gre -s 10.0.0.4 -d 192.0.2.10 --orig-key-src 0x1 --orig-key-dst 0x8a2f -t 177
-p sctp -s 10.0.0.5 -d 192.0.2.11 --sport 3868 --dport 3868 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2 -t 200 -u SEEN_REPLY,ASSURED
-p udplite -s 10.0.0.6 -d 192.0.2.12 --sport 700 --dport 701 -t 100
-p 99 -s 10.0.0.6 -d 192.0.2.12 -t 500
"""
RULES = """
table inet forms {
  chain output { type filter hook output priority 0; udp dport 99 ct label set 5; ct state new accept; }
  chain prerouting { type filter hook prerouting priority 0; ct state established accept; }
}
"""
# A connection that is over, one datagram with a label, GRE with and without key, and a protocol without a tracker.
TRAFFIC = r"""
import socket
server = socket.socket(); server.bind(("127.0.0.1", 8080)); server.listen()
client = socket.create_connection(("127.0.0.1", 8080)); peer = server.accept()[0]
client.send(b"x"); peer.recv(9); peer.send(b"y"); client.recv(9); client.close(); peer.close()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 99))
socket.socket(socket.AF_INET, socket.SOCK_RAW, 99).sendto(b"abcdefgh", ("127.0.0.1", 0))
gre = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
gre.sendto(bytes.fromhex("3081880b00048a2f00000001") + b"abcd", ("127.0.0.1", 0))
gre.sendto(bytes.fromhex("0000080045"), ("127.0.0.1", 0))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--acct", default="1", choices="01", help="volumes and ages: nf_conntrack_acct, nf_conntrack_timestamp")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    namespace = "forms%d" % os.getpid()
    own_labels = not os.path.exists(LABELS)
    own_directory = own_labels and not os.path.isdir(os.path.dirname(LABELS))

    def run(*command, **options):
        return subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options).stdout

    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        if own_labels:
            os.makedirs(os.path.dirname(LABELS), exist_ok=True)
            with open(LABELS, "w") as file:
                file.write("5 bulk\n6 voice\n")
        run("ip", "link", "set", "lo", "up")
        for name in ("acct", "timestamp"):
            run("sysctl", "-qw", "net.netfilter.nf_conntrack_%s=%s" % (name, args.acct))
        run("nft", "-f", "-", input=RULES.encode())
        for attempt in range(200):
            run("conntrack", "-F")
            for entry in ENTRIES.split("\n"):
                if entry:
                    run("conntrack", "-I", *entry.split())
            run(sys.executable, "-c", TRAFFIC)
            time.sleep(0.01 * (attempt % 100))
            read = lambda: run("cat", "/proc/net/nf_conntrack")
            before = read()
            texts = {name: run("conntrack", "-L", *options) for name, options in FORMS.items()}
            stderr_too = run("sh", "-c", "conntrack -L -o extended 2>&1")
            halves = run("sh", "-c", "conntrack -L -f ipv4 2>&1; conntrack -L -f ipv6 2>&1")
            if before == read():
                break
        else:
            sys.exit("the table never stood still for as long as it takes to list it")
        texts["nf_conntrack"] = before
        texts["conntrack-L-with-stderr"] = stderr_too
        texts["conntrack-L-ipv4-then-ipv6"] = halves
        for name, text in texts.items():
            with open(os.path.join(args.out, name), "wb") as file:
                file.write(text)
    finally:
        subprocess.run(["ip", "netns", "del", namespace], check=False)
        if own_labels:
            os.unlink(LABELS)
        if own_directory:
            os.rmdir(os.path.dirname(LABELS))


if __name__ == "__main__":
    main()
