#!/usr/bin/env python3
"""Writes the logs of samples whose drops are known: a limiter of the kernel's, era by era, in front of a daemon's template.

    tests/tools/made_logs.py      writes samples/*/input and truth.json of those named at its end, always the same

Eras as in FOLDS: A is the token bucket of `__printk_ratelimit` (2.6.18), B `__ratelimit` of 2.6.32, E `___ratelimit` of 6.18.
"""
import datetime, gzip, json, random

def era_a(calls, cost=5.0, burst=10):
    tokens, last, missed = burst * cost, calls[0], 0
    for at in calls:
        tokens, last = min(burst * cost, tokens + at - last), at
        if tokens < cost:
            missed += 1
            continue
        tokens -= cost
        if missed:
            yield at, f"printk: {missed} messages suppressed."
        missed = 0
        yield at, None

def era_b(calls, interval=5.0, burst=10):
    begin, printed, missed = None, 0, 0
    for at in calls:
        begin = at if begin is None else begin
        if at > begin + interval:
            if missed:
                yield at, f"__ratelimit: {missed} callbacks suppressed"
            begin, printed, missed = None, 0, 0
        if printed < burst:
            printed += 1
            yield at, None
        else:
            missed += 1

def era_e(calls, interval=5.0, burst=10):
    begin, left, missed = None, 0, 0
    for at in calls:
        if begin is None or at > begin + interval:
            if missed:
                yield at, f"net_ratelimit: {missed} callbacks suppressed"
            begin, left, missed = at, burst, 0
        if left:
            left -= 1
            yield at, None
        else:
            missed += 1

def steady(dice, start, seconds, rate):
    at, calls = start, []
    while at < start + seconds:
        calls.append(at)
        at += dice.expovariate(rate)
    return calls

def ramp(dice, start, seconds, rate):
    return [at for at in steady(dice, start, seconds, rate) if dice.random() < (at - start + 5) / (seconds + 5)]

def stamp(epoch, at, padding=" "):
    when = epoch + datetime.timedelta(seconds=at)
    return f"{when:%b} {when.day:{padding}>2} {when:%H:%M:%S}"

def rhel6():
    """RHEL 6: rsyslog 5 without stamps of the kernel, `last message repeated`, the doubled colon of its day."""
    dice, epoch = random.Random(6), datetime.datetime(2014, 3, 3)
    calls = ramp(dice, 50_531, 90, 160) + steady(dice, 50_800, 4, 30)
    yield len(calls)
    written, repeated, last = [], 0, None
    def flush(at):
        nonlocal repeated
        if repeated:
            written.append(f"{stamp(epoch, at)} db3 last message repeated {repeated} times")
        repeated = 0
    for at, count in era_b(calls):
        if count:
            flush(at)
            colon = ": " if dice.random() < 0.2 else ""
            written.append(f"{stamp(epoch, at)} db3 kernel: {colon}{count}")
            last = None
        elif last is not None and dice.random() < 0.9:
            repeated += 1
        else:
            flush(at)
            written.append(f"{stamp(epoch, at)} db3 kernel: nf_conntrack: table full, dropping packet.")
            last = at
    flush(calls[-1])
    for n in range(40):
        written.append(f"{stamp(epoch, 52_000 + 37 * n)} db3 crond[{9_000 + n}]: (root) CMD (/usr/lib64/sa/sa1 1 1)")
    yield "\n".join(written) + "\n"

def el5():
    """2.6.18: the token bucket, over an afternoon; a disk shares the limiter, as its messages did then."""
    dice, epoch = random.Random(18), datetime.datetime(2009, 6, 28)
    drops = ramp(dice, 46_800, 600, 25) + steady(dice, 51_000, 240, 60) + steady(dice, 56_100, 45, 3)
    yield len(drops)
    disk = steady(dice, 51_100, 60, 0.2)
    calls = sorted([(at, "ip_conntrack: table full, dropping packet.") for at in drops]
                   + [(at, "end_request: I/O error, dev sdb, sector 48211") for at in disk])
    texts = dict(calls)
    written = []
    for at, count in era_a([at for at, _ in calls]):
        written.append(f"{stamp(epoch, at)} web5 kernel: {count or texts[at]}")
    yield "\n".join(written) + "\n"

def openvz():
    """OpenVZ 2.6.18: `ve_printk(VE_LOG_BOTH)` prints a line of container 101 in the host's log and in its own."""
    dice, epoch = random.Random(101), datetime.datetime(2010, 11, 6)
    calls = steady(dice, 9_595, 120, 8)
    yield len(calls)
    host, own = [], []
    for at, count in era_a(calls):
        bracket = f"[{84_213.114 + at:>12.6f}]"
        if count:
            host.append(f"{stamp(epoch, at)} node4 kernel: {bracket} {count}")
            continue
        words = "ip_conntrack: CT 101: table full, dropping packet."
        host.append(f"{stamp(epoch, at)} node4 kernel: {bracket} {words}")
        own.append(f"{stamp(epoch, at)} kernel: {words}")
    yield "\n".join(host) + "\n"
    yield "\n".join(own) + "\n"

def busybox():
    """BusyBox syslogd: one file of `-S` (no host), one of the long form, of the same burst."""
    dice, epoch = random.Random(7), datetime.datetime(2025, 1, 18)
    calls = steady(dice, 682, 12, 90) + steady(dice, 1_400, 1, 5)
    yield len(calls)
    lines = [(at, count or "nf_conntrack: nf_conntrack: table full, dropping packet") for at, count in era_e(calls)]
    yield "".join(f"{stamp(epoch, at)} kernel: {words}\n" for at, words in lines)
    yield "".join(f"{stamp(epoch, at)} ap7 kern.warn kernel: [{100 + at:>12.6f}] {words}\n" for at, words in lines)

def docker():
    """The log of a syslog container, as Docker's json-file driver keeps it; long lines in pieces, another stream between."""
    dice, epoch = random.Random(12), datetime.datetime(2026, 5, 14)
    calls = ramp(dice, 20_480, 31, 260) + steady(dice, 20_700, 1, 6)
    yield len(calls)
    def entry(at, log, stream="stdout"):
        when = (epoch + datetime.timedelta(seconds=at)).isoformat(timespec="microseconds") + "123Z"
        return json.dumps({"log": log, "stream": stream, "time": when}, separators=(",", ":")) + "\n"
    out = []
    for number, (at, count) in enumerate(era_e(calls)):
        words = count or "nf_conntrack: nf_conntrack: table full, dropping packet"
        when = (epoch + datetime.timedelta(seconds=at)).isoformat(timespec="microseconds") + "+00:00"
        line = f"{when} gw4 kernel: {words}"
        if number % 7 == 3:
            cut = dice.randrange(10, len(line))
            out += [entry(at, line[:cut]), entry(at, "rsyslogd: still here\n", "stderr"), entry(at, line[cut:] + "\n")]
        else:
            out.append(entry(at, line + "\n"))
    yield "".join(out)

def serial():
    """A serial console: no host, no wall time, kernel stamps alone, and what the console itself dropped and says so."""
    dice = random.Random(115_200)
    calls = steady(dice, 8_842.1, 26, 140) + steady(dice, 9_300, 1, 4)
    yield len(calls)
    out, lost = ["[    0.000000] Linux version 4.18.0-240.el8.x86_64 (build@kbuild) (gcc version 8.3.1) #1 SMP\r\n"], 0
    for at, count in era_e(calls):
        if count is None and 8_850 < at < 8_856:
            lost += 1
            continue
        if lost:
            out.append(f"** {lost} printk messages dropped **\r\n")
            lost = 0
        out.append(f"[{at:>12.6f}] {count or 'nf_conntrack: nf_conntrack: table full, dropping packet'}\r\n")
    yield "".join(out)

def captures():
    """Tables of before, at and after an incident, in a bundle: who grew, what went away."""
    dice, epoch = random.Random(5), datetime.datetime(2026, 10, 2, 3, 0, 0)
    calls = ramp(dice, 600, 41, 90)
    yield len(calls)
    def flow(source, peer, port, sport, state, left, flag="[ASSURED] "):
        return (f"ipv4     2 tcp      6 {left} {state} src={source} dst={peer} sport={sport} dport={port} "
                f"src={peer} dst={source} sport={port} dport={sport} {flag}mark=0 zone=0 use=2\n")
    def table(clients, churn, backups):
        rows = [flow(f"10.1.0.{n % 40 + 10}", "203.0.113.10", 443, 30_000 + n, "ESTABLISHED", 431_000 + n % 900)
                for n in range(clients)]
        rows += [flow("10.1.0.7", "198.51.100.20", 3128, 32_768 + n, "TIME_WAIT", 1 + n * 119 // max(churn, 1))
                 for n in range(churn)]
        rows += [flow("10.1.0.90", "198.51.100.77", 873, 40_000 + n, "ESTABLISHED", 431_990) for n in range(backups)]
        dice.shuffle(rows)
        return "".join(rows)
    def settings(count):
        return (f"net.netfilter.nf_conntrack_buckets = 4096\nnet.netfilter.nf_conntrack_count = {count}\n"
                "net.netfilter.nf_conntrack_max = 4096\nnet.netfilter.nf_conntrack_tcp_timeout_time_wait = 120\n")
    moments = [("1-before", "before", 120, (700, 90, 300)), ("2-at", "at", 618, (690, 3_386, 20)),
               ("3-after", "after", 1_500, (710, 15, 0))]
    wall = lambda at: (epoch + datetime.timedelta(seconds=at)).isoformat() + "Z"
    manifest = {"schema": "conntriage.bundle/1", "host_names": ["gw5"], "captures": [
        {"dir": f"capture/{name}", "role": role, "trigger": "by-hand", "taken_at": wall(at),
         "namespace": {"kind": "initial"}, "complete": True} for name, role, at, _ in moments]}
    yield json.dumps(manifest, indent=2) + "\n"
    words = "nf_conntrack: nf_conntrack: table full, dropping packet"
    yield "".join(f"{(epoch + datetime.timedelta(seconds=at)).isoformat(timespec='microseconds')}+00:00 gw5 kernel: "
                  f"{count or words}\n" for at, count in era_e(calls))
    for *_, sizes in moments:
        yield table(*sizes)
        yield settings(sum(sizes))

if __name__ == "__main__":
    import os
    made = {"rhel6-ratelimit": (rhel6, ["messages"]), "token-bucket-2.6.18": (el5, ["messages"]),
            "openvz": (openvz, ["node4/messages", "ct101/messages"]), "busybox": (busybox, ["messages", "ap7.log"]),
            "docker-wrapped": (docker, ["container-json.log"]), "serial-console": (serial, ["console.log"]),
            "before-at-after": (captures, ["manifest.json", "log/messages"] + [
                f"capture/{name}/{file}" for name in ["1-before", "2-at", "3-after"]
                for file in ["nf_conntrack.gz", "sysctl"]])}
    for sample, (make, names) in made.items():
        truth, *texts = make()
        for name, text in zip(names, texts):
            path = f"samples/{sample}/input/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            plain = text.encode()
            with open(path, "wb") as file:
                file.write(gzip.compress(plain, mtime=0) if name.endswith(".gz") else plain)
        with open(f"samples/{sample}/truth.json", "w") as file:
            file.write(json.dumps({"drops": truth}, indent=2) + "\n")
