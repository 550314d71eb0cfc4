#!/usr/bin/env python3
"""Opens an HTML report in headless Chromium, on a phone and a screen, light and dark, and prints what is wrong.

    look_at_page.py CHROMIUM PAGE [WIDTHS [PICTURES]]

Wrong is: a message on the console, anything asked of the network, a page wider than its window, text whose contrast to
what stands behind it is below 4.5 : 1 (WCAG AA). One line each on standard output; none: nothing is wrong. WIDTHS are
pixels of the windows, 360,1280 where none are given. Pictures and a printed PDF go to the directory PICTURES, where one is
given. Speaks the DevTools protocol over the browser's pipe
(descriptors 3 and 4), so that nothing but Python's own library is needed.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

LOOK = r"""(() => {
  const wrong = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) {
    const by = [...document.querySelectorAll('body *')]
      .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre'))
      .map(e => e.tagName + '.' + (e.getAttribute('class') || '')).slice(0, 3).join(' ');
    wrong.push(`the page is ${wide} wide in a window of ${innerWidth}: ${by}`);
  }
  const numbers = c => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  // A page without a colour of its own stands on the browser's, which goes dark with `color-scheme`.
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.background = 'Canvas';
  const canvas = numbers(getComputedStyle(probe).backgroundColor);
  probe.remove();
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return canvas;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  const low = new Map();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.getClientRects().length) continue;
    seen += 1;
    const style = getComputedStyle(e);
    const ink = numbers(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.set(e.tagName + '.' + (e.getAttribute('class') || ''), contrast.toFixed(2));
  }
  for (const [what, contrast] of low) wrong.push(`contrast of ${what} is ${contrast}`);
  if (seen < 10) wrong.push(`only ${seen} texts are to be seen`);
  return wrong;
})()"""


class Browser:
    """Chromium, spoken to through its pipe."""

    def __init__(self, program, profile):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def pipes():
            # Away from 3 and 4 first: one end may sit on the other's number.
            reads, writes = os.dup(to_read), os.dup(to_write)
            while reads in (3, 4):
                reads = os.dup(reads)
            while writes in (3, 4):
                writes = os.dup(writes)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            close_fds=False, preexec_fn=pipes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.pending, self.number, self.events, self.session = b"", 0, [], None

    def _message(self):
        while b"\0" not in self.pending:
            more = os.read(self.read_end, 1 << 20)
            if not more:
                raise SystemExit("the browser went away")
            self.pending += more
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        """One request and its answer; what happens meanwhile is kept in `events`."""
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write_end, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def until(self, method):
        """Waits for an event."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._message())


def complaints(events, page):
    """What the browser itself found wrong."""
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent" and params["request"]["url"].split("#")[0] != page \
                and not params["request"]["url"].startswith("data:"):
            yield f"asks for {params['request']['url']}"
        elif method == "Runtime.exceptionThrown":
            yield f"exception: {params['exceptionDetails'].get('text')}"
        elif method == "Runtime.consoleAPICalled":
            yield f"console: {params.get('args')}"
        elif method == "Log.entryAdded":
            yield f"log: {params['entry'].get('text')}"


def main():
    program, path = sys.argv[1:3]
    page = pathlib.Path(path).resolve().as_uri()
    widths = [int(width) for width in (sys.argv[3] if len(sys.argv) > 3 else "360,1280").split(",")]
    pictures = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ["Page", "Runtime", "Log", "Network"]:
                browser.ask(f"{domain}.enable")
            for width in widths:
                for scheme in ["light", "dark"]:
                    where = f"{width} px, {scheme}"
                    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
                                mobile=False)
                    browser.ask("Emulation.setEmulatedMedia", media="screen",
                                features=[{"name": "prefers-color-scheme", "value": scheme}])
                    browser.events.clear()
                    browser.ask("Page.navigate", url=page)
                    browser.until("Page.loadEventFired")
                    found = browser.ask("Runtime.evaluate", expression=LOOK, returnByValue=True)["result"]
                    for wrong in [*complaints(browser.events, page), *found["value"]]:
                        print(f"{where}: {wrong}")
                    if pictures:
                        shot = browser.ask("Page.captureScreenshot", captureBeyondViewport=True)
                        name = f"{pathlib.Path(path).stem}-{width}-{scheme}.png"
                        (pictures / name).write_bytes(base64.b64decode(shot["data"]))
            if pictures:
                browser.ask("Emulation.setEmulatedMedia", media="print", features=[])
                printed = browser.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.7)
                (pictures / f"{pathlib.Path(path).stem}.pdf").write_bytes(base64.b64decode(printed["data"]))
        finally:
            browser.process.terminate()
            browser.process.wait()


if __name__ == "__main__":
    main()
