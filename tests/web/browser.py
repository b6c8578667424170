#!/usr/bin/python3
"""browser.py URL WORK: the page in a real Chromium, driven by chromedriver; prints TAP.

Where the server is to be started again, it sends its parent SIGUSR1 and waits for the file WORK/granted.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

URL, WORK = sys.argv[1], sys.argv[2]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CHROMIUM = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-crash-reporter",
    "--no-proxy-server", "--window-size=1000,800", "--remote-debugging-pipe",
]

count = 0
failed = 0


def claim(holds, text, detail=""):
    global count, failed
    count += 1
    print(f"{'' if holds else 'not '}ok {count} - {text}", flush=True)
    if not holds:
        failed += 1
        for line in str(detail).splitlines():
            print(f"# {line}", flush=True)
    return holds


def same(got, expected, text):
    return claim(got == expected, text, f"is       {got!r}\nexpected {expected!r}")


class Stale(RuntimeError):
    """An element went away between finding and asking it: another page is coming."""


def until(condition, seconds=10.0):
    """Asks again until condition() is true; its last answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
        except Stale:
            answer = False
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.02)


class Driver:
    """A chromedriver process; everything that it starts is in its process group."""

    def __init__(self):
        home = os.path.join(WORK, "home")
        os.makedirs(home, exist_ok=True)
        self.log = open(os.path.join(WORK, "chromedriver.log"), "w")
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True,
            env=dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, TMPDIR=WORK))
        for line in self.process.stdout:
            self.log.write(line)
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self.address = f"http://127.0.0.1:{found.group(1)}"
                return
        raise SystemExit("Bail out! chromedriver did not start")

    def end(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Browser:
    """One Chromium with an empty profile."""

    def __init__(self, driver, name, javascript=True):
        self.root = driver.address
        self.path = ""
        options = {"binary": "/usr/bin/chromium", "args": CHROMIUM + [f"--user-data-dir={WORK}/{name}"]}
        if not javascript:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.path = "/session/" + answer["sessionId"]

    def ask(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.root + self.path + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            text = error.read().decode()[:600]
            kind = Stale if "stale element reference" in text or "no such element" in text else RuntimeError
            raise kind(f"{method} {path}: {text}") from None

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def element(self, identifier):
        return self.ask("POST", "/element", {"using": "css selector", "value": "#" + identifier})[ELEMENT]

    def text(self, identifier):
        return self.ask("GET", f"/element/{self.element(identifier)}/text")

    def body(self):
        element = self.ask("POST", "/element", {"using": "css selector", "value": "body"})[ELEMENT]
        return self.ask("GET", f"/element/{element}/text")

    def click(self, identifier):
        self.ask("POST", f"/element/{self.element(identifier)}/click")

    def run(self, script):
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def new_tab(self):
        handle = self.ask("POST", "/window/new", {"type": "tab"})["handle"]
        self.switch(handle)
        return handle

    def tab(self):
        return self.ask("GET", "/window")

    def switch(self, handle):
        self.ask("POST", "/window", {"handle": handle})

    def cookie(self):
        return self.ask("GET", "/cookie/jp_token")

    def complaints(self):
        """What the console says that is worse than a note."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def numbers(self):
        return (self.text("session-id"), self.text("visits"), self.text("events"))

    def end(self):
        self.ask("DELETE", "")


def server_again():
    os.kill(os.getppid(), signal.SIGUSR1)
    claim(until(lambda: os.path.exists(os.path.join(WORK, "granted")), 30), "the server was started again")


def first_page(browser):
    browser.open(URL)
    named, visits, events = browser.numbers()
    claim(re.fullmatch("My session id: [0-9a-f]{32}", named), "the page tells the session id", named)
    same(visits, "Number of visits: 1", "the first visit is shown")
    same(events, "Number of Click Events: 0", "the button says that it was not clicked yet")
    cookie = browser.cookie()
    same((cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["secure"]), (True, "Lax", "/", False),
         "the browser keeps the cookie as HttpOnly, SameSite=Lax, Path=/")
    claim(abs(cookie["expiry"] - time.time() - 604800) < 120, "for seven days", cookie)
    same(browser.run("return document.cookie"), "", "the page's scripts do not see it")
    return named


def click_in_place(browser):
    browser.run("window.untouched = true")
    browser.click("events")
    until(lambda: browser.text("events") == "Number of Click Events: 1")
    same(browser.text("events"), "Number of Click Events: 1", "a click is counted on the button")
    same(browser.run("return window.untouched"), True, "the page was not loaded again for it")
    browser.click("events")
    until(lambda: browser.text("events") == "Number of Click Events: 2")
    same(browser.text("events"), "Number of Click Events: 2", "so is a second click")
    browser.run("document.getElementById('events').focus()")
    browser.ask("POST", f"/element/{browser.element('events')}/value", {"text": "\ue007"})
    until(lambda: browser.text("events") == "Number of Click Events: 3")
    same(browser.text("events"), "Number of Click Events: 3", "and the Enter key on the button")


def two_tabs(browser, named):
    first = browser.tab()
    second = browser.new_tab()
    browser.open(URL)
    same(browser.numbers(), (named, "Number of visits: 2", "Number of Click Events: 3"), "a second tab has the same session")
    browser.switch(first)
    until(lambda: browser.text("visits") == "Number of visits: 2")
    same(browser.text("visits"), "Number of visits: 2", "the second tab's visit shows in the first")
    browser.switch(second)
    browser.click("events")
    until(lambda: browser.text("events") == "Number of Click Events: 4")
    browser.switch(first)
    until(lambda: browser.text("events") == "Number of Click Events: 4")
    same(browser.text("events"), "Number of Click Events: 4", "the second tab's click shows in the first")
    same(browser.run("return window.untouched"), True, "where no page was loaded for it")
    browser.ask("POST", "/refresh")
    same(browser.numbers(), (named, "Number of visits: 3", "Number of Click Events: 4"), "a reload counts a visit")
    same(browser.complaints(), [], "the console has nothing to complain of")


def restarted(browser, named):
    server_again()
    browser.click("events")
    until(lambda: browser.text("events") == "Number of Click Events: 5")
    same(browser.text("events"), "Number of Click Events: 5", "an open page goes on when the server was started again")
    browser.ask("POST", "/refresh")
    same(browser.numbers(), (named, "Number of visits: 4", "Number of Click Events: 5"), "so does the session")


def tampered(browser, named):
    cookie = browser.cookie()
    cookie["value"] = cookie["value"][:-1] + ("A" if cookie["value"][-1] != "A" else "E")
    browser.ask("DELETE", "/cookie/jp_token")
    browser.ask("POST", "/cookie", {"cookie": cookie})
    browser.open(URL)
    claim(browser.body().startswith("Bad Cookie"), "a tampered cookie shows Bad Cookie", browser.body())
    browser.open(URL)
    fresh, visits, events = browser.numbers()
    same((visits, events), ("Number of visits: 1", "Number of Click Events: 0"), "the next load begins afresh")
    claim(fresh != named, "with another id", fresh)


def without_javascript(driver):
    browser = Browser(driver, "plain", javascript=False)
    browser.open(URL)
    named, visits, events = browser.numbers()
    same((visits, events), ("Number of visits: 1", "Number of Click Events: 0"), "without JavaScript the page is there")
    browser.click("events")
    until(lambda: browser.text("events") == "Number of Click Events: 1")
    same(browser.numbers(), (named, "Number of visits: 2", "Number of Click Events: 1"),
         "a click posts the form and comes back to the page")
    browser.end()


def main():
    driver = Driver()
    try:
        browser = Browser(driver, "profile")
        named = first_page(browser)
        click_in_place(browser)
        two_tabs(browser, named)
        restarted(browser, named)
        tampered(browser, named)
        browser.end()
        without_javascript(driver)
    finally:
        driver.end()
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
