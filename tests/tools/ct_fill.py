#!/usr/bin/env python3
"""ct_fill.py: entries of a connection-tracking table, made through ctnetlink in the namespace that this runs in.

    ct_fill.py fill N             N assured TCP entries of 10.0.0.0/8, an hour to live
    ct_fill.py churn N SECONDS    other N entries (of 172.16.0.0/12) made and deleted as fast as it goes
    ct_fill.py zoo                an entry of every kind: states, protocols, NAT, zones, marks

Needs CAP_NET_ADMIN. Prints what it did, as JSON.
"""
import json, socket, struct, sys, time

NETLINK_NETFILTER = 12
NEW, DELETE = 1 << 8, (1 << 8) | 2
REQUEST, ACK, EXCL, CREATE = 0x1, 0x4, 0x200, 0x400
SEEN_REPLY, ASSURED, CONFIRMED, SRC_NAT, DST_NAT = 2, 4, 8, 16, 32


def attr(kind, value):
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def nest(kind, *parts):
    return attr(kind | 0x8000, b"".join(parts))


def tuple_(kind, src, dst, proto, l4, zone=None):
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    v = 3 if family == socket.AF_INET6 else 1
    ip = nest(1, attr(v, socket.inet_pton(family, src)), attr(v + 1, socket.inet_pton(family, dst)))
    inner = [ip, nest(2, attr(1, bytes([proto])), *l4)]
    if zone is not None:
        inner.append(attr(3, struct.pack(">H", zone)))
    return nest(kind, *inner)


def ports(a, b):
    return [attr(2, struct.pack(">H", a)), attr(3, struct.pack(">H", b))]


def echo(kind, code, ident, six=False):
    f = 7 if six else 4
    return [attr(f, struct.pack(">H", ident)), attr(f + 1, bytes([kind])), attr(f + 2, bytes([code]))]


def message(kind, flags, body, family=2, seq=1):
    return struct.pack("=IHHII", 20 + len(body), kind, flags, seq, 0) + struct.pack("=BBH", family, 0, 0) + body


def state(proto, number):
    nested = {6: 1, 33: 2, 132: 3}[proto]
    more = [attr(2, struct.pack(">I", 1)), attr(3, struct.pack(">I", 2))] if proto == 132 else []
    return nest(4, nest(nested, attr(1, bytes([number])), *more))


def opened():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    s.bind((0, 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return s


def template(kind, flags):
    """A message whose source addresses and ports are put in place, and where those stand."""
    body = tuple_(1, "1.2.3.4", "198.51.100.10", 6, ports(0xABCD, 3128))
    body += tuple_(2, "198.51.100.10", "1.2.3.4", 6, ports(3128, 0xABCD))
    if kind == NEW:
        body += attr(3, struct.pack(">I", SEEN_REPLY | ASSURED | CONFIRMED)) + attr(7, struct.pack(">I", 3600))
        body += state(6, 7)
    m = message(kind, flags, body)
    at = [m.index(b"\x01\x02\x03\x04"), m.rindex(b"\x01\x02\x03\x04")]
    port = [m.index(b"\xab\xcd"), m.rindex(b"\xab\xcd")]
    return m, at, port


def stamped(made, base, first, n):
    m, at, port = made
    out = []
    for i in range(first, first + n):
        b = bytearray(m)
        ip = struct.pack(">I", base + i // 50000)
        p = struct.pack(">H", 10000 + i % 50000)
        for a in at:
            b[a:a + 4] = ip
        for a in port:
            b[a:a + 2] = p
        out.append(bytes(b))
    return out


def fill(n, base=0x0A000001):
    s, made, begin = opened(), template(NEW, REQUEST | CREATE | EXCL), time.time()
    for i in range(0, n, 200):
        s.send(b"".join(stamped(made, base, i, min(200, n - i))))
        drain(s)
    return {"made": n, "seconds": round(time.time() - begin, 2)}


def drain(s):
    """Errors of single messages fill the socket's queue if nobody reads them."""
    s.setblocking(False)
    try:
        while True:
            s.recv(1 << 16)
    except (BlockingIOError, OSError):
        pass
    s.setblocking(True)


def churn(n, seconds, base=0xAC100001):
    s, end, operations = opened(), time.time() + seconds, 0
    new, old = template(NEW, REQUEST | CREATE | EXCL), template(DELETE, REQUEST)
    made = stamped(new, base, 0, n)
    gone = stamped(old, base, 0, n)
    batches = [(b"".join(made[i:i + 100]), b"".join(gone[i:i + 100])) for i in range(0, n, 100)]
    print("ready", flush=True)
    while time.time() < end:
        for a, b in batches:
            s.send(a)
            s.send(b)
            operations += 200
        drain(s)
    return {"operations": operations}


def zoo():
    """An entry of each kind. What this kernel does not track is told."""
    s, refused = opened(), []
    made = 0

    def add(name, *parts, family=2, status=SEEN_REPLY | CONFIRMED, timeout=30000):
        nonlocal made
        body = b"".join(parts) + attr(3, struct.pack(">I", status)) + attr(7, struct.pack(">I", timeout))
        s.send(message(NEW, REQUEST | CREATE | EXCL | ACK, body, family, seq=made + 2))
        reply = s.recv(1 << 16)
        error = struct.unpack_from("=i", reply, 16)[0]
        made += 1
        if error:
            refused.append([name, -error])

    def pair(src, dst, proto, a, b, back=None, zone=None):
        back_src, back_dst = back or (dst, src)
        return tuple_(1, src, dst, proto, a, zone) + tuple_(2, back_src, back_dst, proto, b)

    for number in range(1, 10):
        add("tcp %d" % number, pair("10.1.0.%d" % number, "10.2.0.1", 6, ports(1000 + number, 80), ports(80, 1000 + number)),
            state(6, number), status=CONFIRMED | (SEEN_REPLY | ASSURED if number in (3, 7) else 0))
    for number in range(1, 10):
        add("sctp %d" % number, pair("10.1.1.%d" % number, "10.2.0.1", 132, ports(number, 36412), ports(36412, number)),
            state(132, number))
    add("udp", pair("10.1.2.1", "10.2.0.53", 17, ports(5353, 53), ports(53, 5353)), status=CONFIRMED)
    add("udp assured", pair("10.1.2.2", "10.2.0.53", 17, ports(5353, 53), ports(53, 5353)), status=CONFIRMED | SEEN_REPLY | ASSURED)
    add("udplite", pair("10.1.2.3", "10.2.0.53", 136, ports(1, 2), ports(2, 1)))
    add("icmp", pair("10.1.3.1", "10.2.0.1", 1, echo(8, 0, 77), echo(0, 0, 77)))
    add("gre", pair("10.1.4.1", "10.2.0.1", 47, ports(0, 0x8A2F), ports(0x8A2F, 0)))
    add("esp", pair("10.1.5.1", "10.2.0.1", 50, [], []))
    add("igmp", pair("10.1.5.2", "224.0.0.1", 2, [], []))
    add("udp6", pair("2001:db8::1", "2001:db8::53", 17, ports(1, 53), ports(53, 1)), family=10)
    add("tcp6", pair("fe80::1:0:0:1", "::ffff:192.0.2.1", 6, ports(1, 2), ports(2, 1)), state(6, 3), family=10)
    add("compatible", pair("::192.0.2.1", "::1", 17, ports(1, 2), ports(2, 1)), family=10)
    add("icmpv6", pair("2001:db8::1", "2001:db8::2", 58, echo(128, 0, 5, True), echo(129, 0, 5, True)), family=10)
    add("snat", pair("10.1.6.1", "203.0.113.5", 6, ports(4000, 443), ports(443, 4000), back=("203.0.113.5", "192.0.2.77")),
        state(6, 3))
    add("mark", pair("10.1.7.1", "10.2.0.1", 17, ports(1, 2), ports(2, 1)), attr(8, struct.pack(">I", 0xDEADBEEF)))
    add("zone", pair("10.1.8.1", "10.2.0.1", 17, ports(1, 2), ports(2, 1)), attr(18, struct.pack(">H", 42)))
    add("zone of one side", pair("10.1.8.2", "10.2.0.1", 17, ports(1, 2), ports(2, 1), zone=43))
    return {"made": made - len(refused), "refused": refused}


def main():
    what, numbers = sys.argv[1], [int(n) for n in sys.argv[2:]]
    print(json.dumps({"fill": fill, "churn": churn, "zoo": zoo}[what](*numbers)))


main()
