#!/usr/bin/python3
"""The dashboard in a real browser, over the pair of the demo's network, while things go wrong.

    tests/ui/dashboard.py [--pictures FOLDER] [words of a case's name]

The browser runs in rs-a's namespace, as somebody with a tunnel to that node would look at it.
"""
import argparse
import json
import os
import sys

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab import vnet  # noqa: E402
from lab.net import Lab, require_root  # noqa: E402
from lab.tandem import API_PORT  # noqa: E402

WAIT_S = 15
ORIGIN = f"http://127.0.0.1:{API_PORT}/"
TOO_FAINT = open(os.path.join(HERE, "contrast.js"), encoding="utf-8").read()


class Page:
    """Chromium with the page of the node in whose namespace this thread is."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.browser.get(ORIGIN)
        self.size(1280, 900)

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def cdp(self, name, **arguments):
        return self.browser.execute_cdp_cmd(name, arguments)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)"
        return self.browser.execute_script(script, selector)

    def wait(self, selector, text):
        """Until one of the elements says the text; the page redraws itself meanwhile."""
        try:
            WebDriverWait(self.browser, WAIT_S, 0.1).until(lambda _: any(text in said for said in self.texts(selector)))
        except TimeoutException:
            raise Failed(f"{selector} does not say \"{text}\" but {self.texts(selector)}") from None

    def click(self, selector, text):
        """The first of these elements that says the text."""
        script = "[...document.querySelectorAll(arguments[0])].find((e) => e.innerText.includes(arguments[1])).click()"
        self.browser.execute_script(script, selector, text)

    def search(self, text):
        field = self.all("#search input")[0]
        field.clear()
        field.send_keys(text + "\n")

    def choose(self, name, value):
        Select(self.all(f"#search select[name={name}]")[0]).select_by_value(value)

    def picture(self, path):
        height = self.browser.execute_script("return document.documentElement.scrollHeight")
        width = self.browser.execute_script("return innerWidth")
        self.size(width, height)
        self.browser.save_screenshot(path)
        self.size(width, 900)

    def nameless(self):
        """Controls that a screen reader could not name."""
        self.cdp("Accessibility.enable")
        tree = self.cdp("Accessibility.getFullAXTree")["nodes"]
        roles = ("button", "link", "textbox", "searchbox", "combobox", "region", "table", "image")
        return [node["role"]["value"] for node in tree if not node["ignored"] and node["role"]["value"] in roles
                and node["role"]["value"] != "table" and not node.get("name", {}).get("value")]

    def faint(self):
        """Texts whose contrast is below what WCAG 2 AA wants."""
        return self.browser.execute_script(TOO_FAINT)

    def faults(self):
        """What went wrong in the page: scripts, its own policy, requests to somebody else."""
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        asked = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
        return [text for text in said if "Failed to load resource" not in text] + \
            [f"request to {url}" for url in urls if not url.startswith(ORIGIN)]

    def end(self):
        self.browser.quit()


class World:
    """The demo's network with everything up, and the page of rs-a."""

    def __init__(self, lab, pictures):
        self.net = vnet.Vnet(lab)
        self.a, self.b = self.net.nodes.values()
        self.pictures, self.page = pictures, None

    def start(self):
        self.net.cluster.start()
        self.net.start_appliances()
        self.net.agent.start()
        self.net.wait_peers()
        self.net.cluster.wait_ready()
        self.net.expect_whole()
        with self.a.host.inside():
            self.page = Page()

    def end(self):
        if self.page:
            self.page.end()

    def picture(self, name):
        if self.pictures:
            self.page.picture(os.path.join(self.pictures, f"{name}.png"))


def beside_the_browser(step):
    """Orders to the browser go over its namespace's loopback."""
    def run(world):
        with world.a.host.inside():
            step(world)
    return run


def tells_how_it_is(world):
    page = world.page
    page.wait("#verdict.ready", "Ready")
    page.wait("#verdict", "2 of 2 nodes, 4 of 4 peers up")
    page.wait("#nodes article", "rs-a (this one)")
    page.wait("#nodes article", "equal table")
    for name in ("fw1", "fw2", "sdwan", "sdwan-v6"):
        page.wait("#peers tr", name)
    page.wait("#peers tr", "● rs-a ● rs-b")
    page.wait("#programming tr", "1 of 1 agents")
    page.wait("#events li", "peer_up")
    world.picture("whole")


def explains_a_route(world):
    page = world.page
    page.search("8.8.8.8")
    page.wait("#routes tr", vnet.DEFAULT)
    page.click("#routes button", vnet.DEFAULT)
    page.wait("#explain h3", vnet.DEFAULT)
    page.wait("#explain dd", "shares")
    page.click("#explain button", "close")
    page.search("nonsense")
    page.wait("#routes", "is no prefix")
    page.search("")
    page.wait("#routes tr", vnet.BRANCH)
    page.choose("state", "filtered")
    page.wait("#routes tr", "refused: as-loop")
    page.choose("state", "accepted")


def opens_a_peer(world):
    world.page.click("#peers button", "fw1")
    world.page.wait("#peer h3", "fw1")
    world.page.wait("#peer dd", "ipv4")
    world.picture("peer")
    world.page.click("#peer button", "close")


def suits_every_reader(world):
    page = world.page
    nameless = page.nameless()
    if nameless:
        raise Failed(f"without a name: {nameless}")
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        faint = page.faint()
        world.picture(scheme)
        if faint:
            raise Failed(f"{scheme}: hard to read: {faint}")
    page.scheme("light")
    page.size(360, 740)
    is_wider = page.browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
    world.picture("narrow")
    page.size(1280, 900)
    if is_wider:
        raise Failed("at 360 px the page is wider than the screen")


def follows_a_nodes_death(world):
    world.b.kill()
    world.page.wait("#verdict.degraded", "rs-b")
    world.page.wait("#nodes article", "dead")
    world.page.wait("#peers tr", "one-sided")
    world.page.wait("#events li", "rs-b")
    world.picture("node-dead")


def says_that_it_is_old(world):
    world.a.kill()
    world.page.wait("#verdict.lost", "No answer from this node")
    world.picture("lost")
    world.a.start()
    world.page.wait("#verdict.degraded", "rs-b")


def never_faulted(world):
    faults = world.page.faults()
    if faults:
        raise Failed("\n".join(faults))


STEPS = [
    ("it says in words how the pair is, with every node, peer and table", tells_how_it_is),
    ("a search finds a route, and its prefix explains it; nonsense is refused in words", explains_a_route),
    ("a peer's name opens what is known of it", opens_a_peer),
    ("it suits every reader: names for controls, contrast in light and dark, nothing cut off at 360 px", suits_every_reader),
    ("a node is killed: the page says so by itself", follows_a_nodes_death),
    ("the node itself is killed: what stands there is called old; it comes back by itself", says_that_it_is_old),
    ("no script failed, nothing was refused by the page's policy, nobody else was asked", never_faulted),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", help="write pictures of the page into this folder")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    require_root()
    cases = Cases(options.words)
    with Lab("ui") as lab:
        world = World(lab, options.pictures)
        steps = [(name, beside_the_browser(step)) for name, step in STEPS]
        try:
            return cases.story("the pair is up and a browser has its page", world.start, steps, world)
        finally:
            beside_the_browser(World.end)(world)


if __name__ == "__main__":
    sys.exit(main())
