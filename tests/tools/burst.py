#!/usr/bin/env python3
"""burst.py: a real conntrack table-full incident in network namespaces of our own.

    client 192.168.10.2/24 ──veth── router (nft `ct state`, so tracking is on) ──veth── server 198.51.100.10/24

Only the router tracks.  `net.netfilter.nf_conntrack_max` is one number for all namespaces and is writable in
the initial one only; this script lowers it there and puts it back whatever happens (also on SIGINT/SIGTERM).

What it records into --out:
  messages            rsyslogd + imklog, RSYSLOG_TraditionalFileFormat (RFC 3164)
  kern.log            the same rsyslogd, RSYSLOG_FileFormat (RFC 3339)
  journal.export      systemd-journald of our own (own mount + UTS namespace), `journalctl -o export`
  journal.short       the same as `-o short-precise`
  (--journal-files DIR: journald's own file too, while it is written to and after)
  (--work DIR: logs are written there, messages and run/log/journal, where a follower finds them while they grow)
  stat_nf_conntrack.before / .after, nf_conntrack (at the height), sysctl, ip-addr, slabinfo, uname, count
  truth.json          the kernel's counters: what any report about the logs must be held against

Load:
  --load RATExSECONDS[,RATExSECONDS…]   UDP datagrams, each from a source port of its own, sent when the table is
                                        already full of ASSURED entries that early_drop cannot evict:
                                        one datagram = one refused entry = one drop, no retransmission.
                                        `300xN` sends at 300/s; `20x0` sends 20 at once.  Rate 0 is a pause.
  --natural RATExSECONDS                instead: TCP connections (connect, 1 request, close) against a low limit;
                                        the table fills by itself, refused SYNs are retransmitted by the client.
  --flush 1|0                           1: 6.5 s after the load one more datagram, so that the limiter reports its
                                        last window in the log; 0: the last window stays unreported until the next
                                        rate-limited network message of ANY namespace (the next run's first line!).
                                        The limit is first lowered to the present count: 6.18's gc worker evicts some
                                        200 closing ASSURED entries in a full table, and the datagram would find room.
  --kernel-stamp 1|0                    1: rsyslog as shipped; the kernel's `[seconds]` stay in the text (measured on
                                        8.2302: keepKernelTimestamp="off" alone does NOT strip them).
                                        0: parseKernelTimestamp="on" keepKernelTimestamp="off": stripped, and the
                                        record's own time is computed from them.

Needs: root, ip, nft, sysctl; rsyslogd and/or systemd-journald (--no-rsyslog, --no-journal leave them out).
Two runs must be > 6 s apart (the limiter's window is 5 s); the script waits for that itself at its start.
/proc/kmsg is a consuming read: no other reader of it (another rsyslogd with imklog) may run beside it.
"""
import argparse, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

MAX = "/proc/sys/net/netfilter/nf_conntrack_max"
CLIENT, SERVER = "192.168.10.2", "198.51.100.10"
COLUMNS = ("drop", "insert_failed", "early_drop", "chaintoolong", "clash_resolve")
RENAMED = {"chainlength": "chaintoolong", "clashres": "clash_resolve"}     # header words of /proc/net/stat


def sh(*cmd, check=True):
    return subprocess.run(cmd, check=check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def account(text, inode, drops):
    """What a log says, beside the kernel's counter. A suppression line in front of our first line counts what the
    window BEFORE this run refused (an earlier run's last window, or another user of the shared limiter)."""
    found = re.findall(r"table full in netns (%d), dropping packet|net_ratelimit: (\d+) callbacks suppressed" % inode, text)
    visible = sum(1 for ours, _ in found if ours)
    suppressed = [int(n) for _, n in found if n]
    earlier = int(found[0][1]) if found and found[0][1] else 0
    unreported = drops - visible - (sum(suppressed) - earlier)
    return {"visible": visible, "suppressed": suppressed, "first_suppressed_is_of_earlier_run": bool(earlier),
            "unreported": unreported, "last_window_reported": unreported == 0}


# ---------------------------------------------------------------- roles (run inside a namespace) ---------------

def role_serve():
    """Answer each TCP connection with a few bytes; the client closes first, so TIME_WAIT is the client's."""
    import threading
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 3128))
    listener.listen(4096)
    print("ready", flush=True)

    def worker():
        while True:
            c, _ = listener.accept()
            try:
                c.recv(512)
                c.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                c.recv(512)
            except OSError:
                pass
            c.close()
    for _ in range(15):
        threading.Thread(target=worker, daemon=True).start()
    worker()


def role_fill(n):
    """n complete TCP connections: n ASSURED entries."""
    for _ in range(n):
        c = socket.create_connection((SERVER, 3128), timeout=5)
        c.sendall(b"GET / HTTP/1.0\r\n\r\n")
        c.recv(512)
        c.close()


def role_udp(load):
    """One datagram per source port, at the given rates."""
    port = 20000
    for rate, seconds in load:
        total = rate if seconds == 0 else int(rate * seconds)
        begin = time.monotonic()
        for i in range(total):
            due = begin + (i / rate if seconds else 0)
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("0.0.0.0", port))
            s.sendto(b"x", (SERVER, 5353))
            s.close()
            port = port + 1 if port < 64999 else 20000
        rest = begin + seconds - time.monotonic()
        if rest > 0:
            time.sleep(rest)


def role_tcp(load):
    """Non-blocking connections at a rate; each is finished or given up after 8 s (SYNs at 0, 1, 3, 7 s)."""
    import selectors
    sel, open_, sent = selectors.DefaultSelector(), {}, 0
    for rate, seconds in load:
        begin = time.monotonic()
        total, n = int(rate * seconds), 0
        while n < total or (open_ and time.monotonic() < begin + seconds):
            now = time.monotonic()
            while n < total and begin + n / rate <= now:
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex((SERVER, 3128))
                sel.register(s, selectors.EVENT_WRITE)
                open_[s] = now
                n += 1
            for key, mask in sel.select(0.002):
                s = key.fileobj
                try:
                    if mask & selectors.EVENT_WRITE:
                        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                        sel.modify(s, selectors.EVENT_READ)
                    else:
                        s.recv(512)
                        sel.unregister(s); s.close(); open_.pop(s, None)
                except OSError:
                    sel.unregister(s); s.close(); open_.pop(s, None)
            for s in [s for s, t in open_.items() if now - t > 8]:
                sel.unregister(s); s.close(); open_.pop(s, None)


# ---------------------------------------------------------------- the stage ------------------------------------

class Stage:
    def __init__(self, args):
        self.a, self.children, self.names = args, [], []
        tag = f"ctb{os.getpid()}"
        self.c, self.r, self.s = tag + "c", tag + "r", tag + "s"
        self.work = self.a.work or tempfile.mkdtemp(prefix="ctburst.")
        self.max_before = open(MAX).read().strip()

    def ns(self, ns, *cmd, **kw):
        return sh("ip", "netns", "exec", ns, *cmd, **kw)

    def build(self):
        for n in (self.c, self.r, self.s):
            sh("ip", "netns", "add", n)
            self.names.append(n)
            self.ns(n, "ip", "link", "set", "lo", "up")
        for inside, outside, net, host in ((self.c, "lan0", "192.168.10", 2), (self.s, "wan0", "198.51.100", 10)):
            sh("ip", "-n", self.r, "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", inside)
            for n, dev, h in ((self.r, outside, 1), (inside, "eth0", host)):
                sh("ip", "-n", n, "addr", "add", f"{net}.{h}/24", "dev", dev)
                sh("ip", "-n", n, "link", "set", dev, "up")
            sh("ip", "-n", inside, "route", "add", "default", "via", f"{net}.1")
        self.ns(self.r, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.ns(self.r, "nft", "add table inet t; add chain inet t f { type filter hook forward priority 0; }; "
                               "add rule inet t f ct state established,related,new accept")
        self.ns(self.c, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")

    def spawn(self, *cmd, **kw):
        p = subprocess.Popen(cmd, **kw)
        self.children.append(p)
        return p

    def role(self, ns, name, *more):
        return ["ip", "netns", "exec", ns, sys.executable, os.path.abspath(__file__), "_" + name, *map(str, more)]

    def start_rsyslog(self):
        # imklog would replay what nobody has read from /proc/kmsg yet: read it away.
        fd = os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        try:
            while os.read(fd, 8192):
                pass
        except BlockingIOError:
            pass
        os.close(fd)
        stamp = "" if self.a.kernel_stamp else ' parseKernelTimestamp="on" keepKernelTimestamp="off"'
        write(f"{self.work}/rsyslog.conf", f'''
global(workDirectory="{self.work}")
module(load="imklog"{stamp} permitNonKernelFacility="off")
*.* action(type="omfile" file="{self.work}/messages" template="RSYSLOG_TraditionalFileFormat")
*.* action(type="omfile" file="{self.work}/kern.log" template="RSYSLOG_FileFormat")
''')
        self.rsyslog = self.spawn("unshare", "--uts", "sh", "-c",
            f"hostname {self.a.host}; exec rsyslogd -n -f {self.work}/rsyslog.conf -i {self.work}/rsyslog.pid")

    def start_journald(self):
        w = self.work
        os.makedirs(f"{w}/run", exist_ok=True)
        write(f"{w}/machine-id", self.a.machine_id + "\n")
        write(f"{w}/boot_id", self.a.boot_id + "\n")
        write(f"{w}/journald.conf", "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=yes\n")
        self.journald = self.spawn("unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c", f"""
            set -e; hostname {self.a.host}
            mount --bind {w}/machine-id /etc/machine-id
            mount --bind {w}/boot_id /proc/sys/kernel/random/boot_id
            mount --bind {w}/journald.conf /etc/systemd/journald.conf
            mount --bind {w}/run /run
            exec /lib/systemd/systemd-journald""", stderr=subprocess.DEVNULL)

    def stat(self):
        return self.ns(self.r, "cat", "/proc/net/stat/nf_conntrack")

    def count(self):
        return int(self.ns(self.r, "cat", "/proc/sys/net/netfilter/nf_conntrack_count"))

    def set_max(self, n):
        write(MAX, str(n))

    def snapshot(self, out):
        """At the height of the burst.  The count is read before the list: reading the list collects the expired."""
        write(f"{out}/count", f"{self.count()}\n")
        # The list ends with a different text length each time; keep exactly what the kernel gave.
        write(f"{out}/nf_conntrack", self.ns(self.r, "cat", "/proc/net/nf_conntrack"))
        write(f"{out}/sysctl", self.ns(self.r, "sysctl", "net.netfilter", check=False)
              + sh("sysctl", "net.nf_conntrack_max", "net.core.message_cost", "net.core.message_burst")
              + self.ns(self.r, "sysctl", "net.ipv4.ip_forward"))
        write(f"{out}/slabinfo", "".join(l for i, l in enumerate(open("/proc/slabinfo"))
                                         if i < 2 or "conntrack" in l))

    def run(self):
        a, out = self.a, self.a.out
        os.makedirs(out, exist_ok=True)
        time.sleep(6.5)                                   # let the shared limiter's window end
        self.build()
        inode = os.stat(f"/run/netns/{self.r}").st_ino
        if a.rsyslog:
            self.start_rsyslog()
        if a.journal:
            self.start_journald()
        serve = self.spawn(*self.role(self.s, "serve"), stdout=subprocess.PIPE)
        serve.stdout.readline()
        time.sleep(1)
        if not a.natural:
            subprocess.run(self.role(self.c, "fill", a.max), check=True)
            deadline = time.monotonic() + 10
            while self.count() < a.max and time.monotonic() < deadline:
                time.sleep(0.05)
            self.set_max(self.count())                    # full, and nothing in it can be evicted
        else:
            self.set_max(a.max)
        self.limit = int(open(MAX).read())
        since = time.time()
        before = self.stat()
        kind, load = ("tcp", a.natural) if a.natural else ("udp", a.load)
        burst = self.spawn(*self.role(self.c, kind, load))
        time.sleep(a.snapshot_after)
        if a.table:
            self.snapshot(out)
        burst.wait()
        if a.flush:
            time.sleep(6.5)
            self.set_max(self.count())
            subprocess.run(self.role(self.c, "udp", "1x0"), check=True)
        time.sleep(0.5)
        after = self.stat()
        if a.table:
            write(f"{out}/stat_nf_conntrack.before", before)
            write(f"{out}/stat_nf_conntrack.after", after)
            write(f"{out}/ip-addr", self.ns(self.r, "ip", "-o", "addr"))
            u = os.uname()
            write(f"{out}/uname", f"{u.sysname} {a.host} {u.release} {u.version} {u.machine} GNU/Linux\n")
        self.stop_logs(out, since)
        self.truth(out, before, after, inode)

    def stop_logs(self, out, since):
        if self.a.rsyslog:
            time.sleep(0.5)
            os.kill(int(open(f"{self.work}/rsyslog.pid").read()), signal.SIGTERM)
            self.rsyslog.wait(10)
            for f in ("messages", "kern.log"):
                shutil.copy(f"{self.work}/{f}", f"{out}/{f}")
        if self.a.journal:
            self.keep_journal("online.journal")
            os.kill(self.journald.pid, signal.SIGTERM)    # unshare and sh both exec'd: this is journald
            self.journald.wait(10)
            self.keep_journal("offline.journal")
            jc = ["journalctl", "-q", "--no-pager", "--utc", f"--directory={self.work}/run/log/journal",
                  f"--since=@{since:.6f}"]
            for name, more in (("journal.export", ["-o", "export"]), ("journal.short", ["-o", "short-precise"]),
                               ("journal.mono", ["-o", "short-monotonic"])):
                with open(f"{out}/{name}", "wb") as f:
                    subprocess.run(jc + more, check=True, stdout=f)

    def keep_journal(self, name):
        """The file as journald has it, written to or not.  It holds the whole ring of the kernel, not just the burst."""
        if self.a.journal_files:
            os.makedirs(self.a.journal_files, exist_ok=True)
            shutil.copy(f"{self.work}/run/log/journal/{self.a.machine_id}/system.journal",
                        f"{self.a.journal_files}/{name}")

    def truth(self, out, before, after, inode):
        def sums(text):
            head, *rows = [l.split() for l in text.splitlines()]
            head = [RENAMED.get(h, h) for h in head]
            return {h: sum(int(r[i], 16) for r in rows) for i, h in enumerate(head)}
        b, e = sums(before), sums(after)
        t = {("drops" if k == "drop" else k): e[k] - b[k] for k in COLUMNS if k in b}
        source = next((f"{out}/{f}" for f in ("kern.log", "journal.short") if os.path.exists(f"{out}/{f}")), None)
        if source:
            text = open(source, errors="replace").read()
            t.update(account(text, inode, t["drops"]))
        t["netns_inode"] = inode
        t["max"] = self.limit
        write(f"{out}/truth.json", json.dumps(t, indent=2) + "\n")
        print(json.dumps(t))

    def clear(self):
        write(MAX, self.max_before)
        for p in self.children:
            if p.poll() is None:
                p.terminate()
        for p in self.children:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
        for n in self.names:
            for pid in sh("ip", "netns", "pids", n, check=False).split():
                os.kill(int(pid), signal.SIGKILL)
            sh("ip", "netns", "del", n, check=False)
        shutil.rmtree(self.work, ignore_errors=True)


def parse_load(text):
    return [(float(r) if "." in r else int(r), float(s)) for r, s in (p.split("x") for p in text.split(","))]


def main():
    if len(sys.argv) > 1 and sys.argv[1].startswith("_"):
        role, more = sys.argv[1][1:], sys.argv[2:]
        if role == "serve":
            return role_serve()
        if role == "fill":
            return role_fill(int(more[0]))
        return {"udp": role_udp, "tcp": role_tcp}[role]([x for x in parse_load(more[0])])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--max", type=int, default=1000)
    p.add_argument("--load", default="300x3")
    p.add_argument("--natural")
    p.add_argument("--flush", type=int, default=1)
    p.add_argument("--kernel-stamp", type=int, default=0)
    p.add_argument("--snapshot-after", type=float, default=2.0)
    p.add_argument("--no-table", dest="table", action="store_false")
    p.add_argument("--no-rsyslog", dest="rsyslog", action="store_false")
    p.add_argument("--no-journal", dest="journal", action="store_false")
    p.add_argument("--journal-files")
    p.add_argument("--work")
    p.add_argument("--host", default="gw1")
    p.add_argument("--machine-id", default="8f3c1a5be27d4c06a94e5d1b7f20c36e")
    p.add_argument("--boot-id", default="5d0e7c1a-93b4-4f27-8a6e-c21f04b98d73")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    stage = Stage(a)
    try:
        stage.run()
    finally:
        stage.clear()


if __name__ == "__main__":
    main()
