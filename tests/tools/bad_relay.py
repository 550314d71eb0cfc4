#!/usr/bin/env python3
"""bad_relay.py: a relay that goes wrong when it is asked to, as no real one does.

    bad_relay.py --log FILE [--port N] [--tls none|starttls|wrapper] [--cert FILE --key FILE]
                 [--fault NAME] [--seconds N] [--times N] [--bad ADDRESS]

Prints its port when it listens. Each message that it has whole goes into FILE as a JSON line {"id", "to", "sha256",
"attached", "answered"}, and so does each stage that a fault waits in: {"at": STAGE}. The fault is made on the first --times
connections (all of them by default); then the relay is a good one. Faults:

  banner-silent  banner-drip  banner-late  banner-554  banner-421  banner-latin1  banner-nul  banner-blank-ehlo
  endless-line  endless-reply  ehlo-502  no-starttls  starttls-454  starttls-inject  tls-stall  tls-garbage  tls-old
  no-auth  auth-535  auth-454  mail-451  mail-550  mail-530  mail-571  rcpt-451  rcpt-550  rcpt-552  rcpt-571  rcpt-471
  data-451  data-554  data-571  data-250  body-reset  dot-451  dot-471  dot-554  dot-571  dot-552  dot-552-close  dot-523
  dot-silent  dot-close  dot-late
  pause-STAGE    says {"at": STAGE} and waits --seconds; STAGE: banner ehlo tls auth mail rcpt data dot quit

rcpt-… are for --bad alone, dot-552… and dot-523 for messages with something attached. --size: what EHLO says of SIZE.
"""
import argparse, email, email.policy, hashlib, json, socket, ssl, struct, sys, threading, time


class Gone(Exception):
    pass


class Talk:
    def __init__(self, sock, options, fault, log):
        self.sock, self.options, self.fault, self.log = sock, options, fault, log
        self.ahead = b""

    def say(self, text):
        self.sock.sendall(text.encode("latin-1") + b"\r\n")

    def line(self):
        while b"\n" not in self.ahead:
            block = self.sock.recv(65536)
            if not block:
                raise Gone
            self.ahead += block
        line, self.ahead = self.ahead.split(b"\n", 1)
        return line.rstrip(b"\r")

    def pause(self, stage):
        if self.fault == "pause-" + stage:
            self.log({"at": stage})
            time.sleep(self.options.seconds)

    def hang(self):
        """Until the other side has had enough."""
        while self.sock.recv(65536):
            pass
        raise Gone

    def lock(self):
        if self.fault == "tls-stall":
            self.hang()
        if self.fault == "tls-garbage":
            self.say("this is no TLS")
            self.hang()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.fault == "tls-old":
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(self.options.cert, self.options.key)
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.ahead = b""
        self.pause("tls")

    def banner(self):
        self.pause("banner")
        f = self.fault
        if f == "banner-silent":
            self.hang()
        if f == "banner-drip":
            for byte in b"220 this banner comes one by one" * 100:
                self.sock.sendall(bytes([byte]))
                time.sleep(0.1)
        if f == "banner-late":
            time.sleep(self.options.seconds)
        if f == "banner-554":
            return self.say("554 no mail here")
        if f == "banner-421":
            return self.say("421 too busy")
        if f == "endless-line":
            while True:
                self.sock.sendall(b"220 " + b"x" * 65536)
        if f == "endless-reply":
            while True:
                self.say("220-" + "x" * 500)
        if f == "banner-latin1":
            return self.say("220 relay f\xfcr alle")
        if f == "banner-nul":
            return self.say("220 relay \0\x1b[2J")
        self.say("220 relay ready")

    def ehlo(self, locked):
        self.pause("ehlo")
        if self.fault == "ehlo-502":
            return self.say("502 what is that")
        lines = ["relay.test", "SIZE %d" % self.options.size, "8BITMIME"]
        if self.fault == "banner-blank-ehlo":
            lines.append("   ")
        if self.options.tls == "starttls" and not locked and self.fault != "no-starttls":
            lines.append("starttls")
        if locked and self.fault != "no-auth":
            lines.append("AUTH LOGIN PLAIN")
        for line in lines[:-1]:
            self.say("250-" + line)
        self.say("250 " + lines[-1])

    def run(self):
        locked = self.options.tls == "wrapper"
        if locked:
            self.lock()
        self.banner()
        to, f = [], self.fault
        while True:
            line = self.line().decode("latin-1")
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "EHLO":
                self.ehlo(locked)
            elif verb == "STARTTLS":
                if f == "starttls-454":
                    self.say("454 not now")
                elif f == "starttls-inject":
                    self.sock.sendall(b"220 go on\r\n250-evil\r\n250 AUTH PLAIN\r\n250 injected\r\n")
                    self.lock()
                    locked = True
                else:
                    self.say("220 go on")
                    self.lock()
                    locked = True
            elif verb == "AUTH":
                self.pause("auth")
                if f == "auth-535":
                    self.say("535 5.7.8 wrong")
                elif f == "auth-454":
                    self.say("454 4.7.0 later")
                elif not locked:
                    self.say("538 not in the clear")
                elif line.upper().startswith("AUTH LOGIN"):
                    self.say("334 VXNlcm5hbWU6")
                    self.line()
                    self.say("334 UGFzc3dvcmQ6")
                    self.line()
                    self.say("235 welcome")
                else:
                    self.say("235 welcome")
            elif verb == "MAIL":
                to = []
                self.pause("mail")
                answers = {"mail-451": "451 later", "mail-550": "550 never", "mail-530": "530 5.7.0 log in first",
                           "mail-571": "571 5.7.1 not from you"}
                self.say(answers.get(f, "250 sender ok"))
            elif verb == "RCPT":
                self.pause("rcpt")
                address = line.split("<")[1].split(">")[0]
                if f.startswith("rcpt-") and address == self.options.bad:
                    answers = {"rcpt-451": "451 later", "rcpt-550": "550 5.1.1 no such user", "rcpt-552": "552 full"}
                    self.say(answers.get(f, f[5:] + " 5.7.1 not to them"))
                else:
                    to.append(address)
                    self.say("250 recipient ok")
            elif verb == "DATA":
                self.pause("data")
                if f in ("data-451", "data-554", "data-571", "data-250"):
                    self.say(f[5:] + " that is my answer")
                    continue
                self.say("354 go on")
                if f == "body-reset":
                    self.sock.recv(1)
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raise Gone
                self.message(to)
            elif verb == "RSET":
                to = []
                self.say("250 forgotten")
            elif verb == "QUIT":
                self.pause("quit")
                self.say("221 bye")
                raise Gone
            else:
                self.say("500 unknown")

    def message(self, to):
        lines = []
        while True:
            line = self.line()
            if line == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        body = b"\r\n".join(lines) + b"\r\n"
        parsed = email.message_from_bytes(body, policy=email.policy.default)
        attached = any(True for _ in parsed.iter_attachments()) if parsed.is_multipart() else False
        entry = {"id": str(parsed["Message-ID"]), "to": to, "sha256": hashlib.sha256(body).hexdigest(),
                 "attached": attached, "answered": True}
        f = self.fault
        if f.startswith("dot-552") and attached:
            self.say("552 5.3.4 too large")
            if f == "dot-552-close":
                raise Gone
            return
        if f == "dot-523" and attached:
            return self.say("550 5.2.3 longer than this mailbox takes")
        if f in ("dot-451", "dot-471", "dot-554", "dot-571"):
            return self.say(f[4:] + " that is my answer")
        # From here on it is delivered, whatever the other side hears of it.
        if f in ("dot-silent", "dot-close") or f == "pause-dot":
            self.log(dict(entry, answered=False))
            self.pause("dot")
            if f == "dot-silent":
                self.hang()
            raise Gone
        if f == "dot-late":
            time.sleep(self.options.seconds)
        self.log(entry)
        self.say("250 2.0.0 queued as 1")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--log", required=True)
    p.add_argument("--tls", default="none")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--fault", default="")
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--times", type=int, default=1 << 30)
    p.add_argument("--bad", default="")
    p.add_argument("--size", type=int, default=10485760)
    options = p.parse_args()
    out, guard = open(options.log, "a"), threading.Lock()

    def log(entry):
        with guard:
            out.write(json.dumps(entry) + "\n")
            out.flush()

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.address, options.port))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)

    def serve(sock, fault):
        try:
            Talk(sock, options, fault, log).run()
        except (Gone, OSError):
            pass
        finally:
            sock.close()

    made = 0
    while True:
        sock, _ = listener.accept()
        fault = options.fault if made < options.times else ""
        made += 1
        threading.Thread(target=serve, args=(sock, fault), daemon=True).start()


main()
