#!/usr/bin/env python3
"""A server that takes what is posted to it, or does not: the path says what it does.

    hook.py LOG [CERTIFICATE KEY]

With a certificate it speaks TLS. Prints its port on standard output. Each request is a line of JSON in LOG: path, headers, body.

    /CODE       answers with that status; 3xx lead to /200
    /silent     takes the request and says nothing
    /drip       sends the answer one byte every half second
    /headers    sends headers without end
    /body       answers 400 with a body without end
    /hangup     closes before it answers
    /garbage    answers with what is no HTTP
    /small      takes nothing with a report in it (413)
"""

import http.server
import json
import ssl
import sys
import threading
import time


class Hook(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with LOCK, open(LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers),
                                  "body": body.decode("utf-8", "replace")}) + "\n")
        what = self.path.strip("/").split("/")[0]
        self.close_connection = True
        try:
            self.answer(what, body)
        except OSError:
            pass

    def answer(self, what, body):
        """As the path says."""
        if what == "small":
            what = "413" if json.loads(body).get("report") is not None else "200"
        if what == "silent":
            time.sleep(30)
        elif what == "drip":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.5)
        elif what == "headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        elif what == "body":
            self.wfile.write(b"HTTP/1.1 400 No\r\nContent-Type: text/plain\r\n\r\n")
            while True:
                self.wfile.write(b"no " * 1000)
        elif what == "hangup":
            pass
        elif what == "garbage":
            self.wfile.write(b"220 mail.example.org ESMTP\r\n")
        else:
            code = int(what) if what.isdigit() else 200
            said = b"" if code == 204 else b"so \x1b[31mit is\r\n"
            self.send_response(code)
            if code // 100 == 3:
                self.send_header("Location", "/200")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)


LOG = sys.argv[1]
LOCK = threading.Lock()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
