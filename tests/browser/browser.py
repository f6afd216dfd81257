"""A headless Chromium that is used as a person would: by what is written on the page."""

from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import (
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.file_detector import UselessFileDetector
from selenium.webdriver.support.wait import WebDriverWait

from tests.acceptance.processes import SECONDS, Launcher

DRIVER = "chromedriver"
# A name that somebody else points at this machine.
STRANGER = "stranger.example"
# What Chromium sometimes says in place of StaleElementReferenceException.
STALE = "does not belong to the document"
# Links, buttons and submit fields by their label.
LABELLED = (
    "//*[self::a or self::button][normalize-space()='{0}'] | //input[@type='submit'][@value='{0}']"
)
FLAGS = (
    "--headless",
    "--no-sandbox",  # which root cannot have; all pages are ours
    "--window-size=1280,1024",
    # Nothing outside this machine is asked.
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, "
    "EXCLUDE localhost, EXCLUDE *.localhost",
)


class Browser:
    """One browser with its own folder: profile, temporary files, and `downloads`."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self.downloads = folder / "downloads"
        places = {"HOME": str(folder), "TMPDIR": str(folder)}
        # It takes a free port of IPv6, and gives up if somebody has this one of IPv4.
        while True:
            process = launcher.process(DRIVER, "--port=0", env=places)
            said = process.line(r"successfully on port (\d+)|port not available")
            if said[1]:
                break
        url = f"http://127.0.0.1:{said[1]}"
        direct = Proxy(raw={"proxyType": ProxyType.DIRECT})
        config = ClientConfig(url, proxy=direct, timeout=int(2 * SECONDS))
        self.driver = webdriver.Remote(
            url,
            options=self._options(),
            client_config=config,
            file_detector=UselessFileDetector(),  # the driver can open our files
        )

    def _options(self) -> webdriver.ChromeOptions:
        options = webdriver.ChromeOptions()
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(self.downloads)}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        return options

    def wait(self) -> WebDriverWait[webdriver.Remote]:
        """Waits until something is so; a page may change under it."""
        changing = (StaleElementReferenceException,)
        return WebDriverWait(self.driver, SECONDS, 0.05, ignored_exceptions=changing)

    def see(self, text: str, selector: str = "body") -> None:
        """Wait until this can be read."""

        def seen(driver: webdriver.Remote) -> bool:
            found = driver.find_elements(By.CSS_SELECTOR, selector)
            try:
                return any(text in element.text for element in found)
            except WebDriverException as error:
                if STALE in str(error):
                    return False
                raise

        try:
            self.wait().until(seen)
        except TimeoutException:
            page = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"{text!r} is not on the page, but:\n{page}") from None

    def press(self, label: str) -> None:
        """Click on what is labelled so."""
        self.driver.find_element(By.XPATH, LABELLED.format(label)).click()

    def fill(self, **fields: str) -> None:
        """Type into fields; a file is chosen by its path."""
        for name, text in fields.items():
            self.driver.find_element(By.NAME, name).send_keys(text)

    def downloaded(self, name: str, body: bytes) -> None:
        """Wait until the whole file is among the downloads."""
        file = self.downloads / name
        whole = f"{file} is not what it should be"
        self.wait().until(lambda _: file.exists() and file.read_bytes() == body, whole)

    def complaints(self) -> list[str]:
        """Warnings and errors in the console since the last look, failed requests among them."""
        entries = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [one["message"] for one in entries if one["level"] in ("WARNING", "SEVERE")]

    def leave(self) -> None:
        """Close all tabs but one, and empty that."""
        first, *others = self.driver.window_handles
        for tab in others:
            self.driver.switch_to.window(tab)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.driver.get("about:blank")
