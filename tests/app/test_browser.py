"""The page in a real browser: uploads, a microphone, what is broken or long, two visitors, phones, keys, no network."""

import re

import numpy as np
import pytest

from tests.app.browser import chromium, served
from tests.app.conftest import wav
from tests.sounds import RATE, speech_like

DESK, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
SECONDS = 30.0
VOICE, OTHER = wav(speech_like(1.7)), wav(speech_like(2.4, seed=1))
LONG = wav(np.concatenate([np.pad(speech_like(2.5, seed=seed), (0, RATE)) for seed in range(11)]))
#: Every outside address: nothing but the server and what the page itself holds is asked for.
_INSIDE = re.compile(r"^(https?|wss?)://127\.0\.0\.1:\d+/|^(data|blob):")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Give the folder of a running server, its address, and a browser with a microphone that hears a voice."""
    program = chromium()
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("page")
    (folder / "voice.wav").write_bytes(wav(speech_like(6.0, seed=3)))
    words = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    words += [f"--use-file-for-fake-audio-capture={folder / 'voice.wav'}"]
    with (
        served(folder, "--seconds", str(SECONDS), "--megabytes", "5") as url,
        sync_playwright() as player,
        player.chromium.launch(executable_path=program, args=words) as browser,
    ):
        yield folder, url, browser


@pytest.fixture
def visit(machine):
    """Give what opens the page as a new visitor; afterwards nothing went wrong on it, and nothing left the machine."""
    _, url, browser = machine
    visitors, outside, problems = [], [], []

    def opened(size=DESK, **more):
        visitor = browser.new_context(viewport=size, permissions=["microphone"], **more)
        visitor.set_default_timeout(60_000)
        visitors.append(visitor)
        page = visitor.new_page()
        page.on("request", lambda one: None if _INSIDE.match(one.url) else outside.append(one.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        page.get_by_role("heading", name="VibeSpeaker").wait_for()
        return page

    yield opened
    for visitor in visitors:
        visitor.close()
    assert not outside
    assert not problems


def upload(page, content, name="voice.wav"):
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "audio/wav", "buffer": content})


def emotion(page):
    """Wait for the answer and return its category."""
    page.locator(".vs-said").wait_for()
    return page.locator(".vs-said > span:not(.vs-face)").inner_text()


def test_uploads_are_answered_one_after_the_other_and_can_be_taken_along(visit):
    page = visit()
    upload(page, VOICE)
    assert emotion(page) in {"anger", "sadness", "happiness", "fear", "disgust", "neutral", "boredom"}
    assert page.locator(".vs-bars tr").count() == 7
    assert page.locator("audio").get_attribute("src")
    for label, first in (("JSON", b"{"), ("CSV", b"file,"), ("PNG", b"\x89PNG")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label, exact=True).click()
        path = waiting.value.path()
        assert waiting.value.suggested_filename == f"voice.{label.lower()}"
        assert path.read_bytes().startswith(first)
    upload(page, OTHER, "other.wav")
    page.get_by_label("waveform and spectrogram of 2.4 s").wait_for()


def test_what_is_no_recording_is_said_and_the_next_one_is_answered(visit):
    page = visit(PHONE)
    upload(page, b"RIFF no sound", "broken <img src=x>.wav")
    page.get_by_role("alert").get_by_text("cannot be used").wait_for()
    assert page.locator(".vs-bars").count() == 0
    assert "vibespeaker-" not in page.get_by_role("alert").inner_text()
    upload(page, VOICE)
    emotion(page)
    assert page.get_by_role("alert").get_by_text("cannot be used").count() == 0


def test_a_long_recording_is_answered_by_stretches_up_to_what_is_taken(visit):
    page = visit(color_scheme="dark")
    upload(page, LONG, "long.wav")
    emotion(page)
    page.get_by_text(f"the first {SECONDS:g} s are heard, the rest is not").wait_for()
    page.locator(".vs-stack > div").nth(5).wait_for()
    page.get_by_text(re.compile("stretches as a table")).click()
    page.locator(".vs-table").wait_for()
    assert page.locator(".vs-table tbody tr").count() == page.locator(".vs-stack > div").count()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG over time").click()
    assert waiting.value.suggested_filename == "long-over-time.png"
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")
    shade = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", shade)[:3]) < 64  # dark, as the system wants it


def test_too_large_a_file_is_refused(visit):
    page = visit()
    upload(page, bytes(6 << 20), "large.wav")
    page.get_by_text(re.compile("5.0?MB or smaller")).wait_for()


def test_a_microphone_is_heard_for_three_seconds_or_as_long_as_it_was(visit):
    page = visit(PHONE)
    page.get_by_text("Record", exact=True).click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(4_500)
    page.get_by_role("button", name="Stop recording").click()
    emotion(page)
    page.get_by_label("waveform and spectrogram of 3.0 s").wait_for()
    page.get_by_text("the first 3 s are heard, the rest is not").wait_for()
    page.get_by_text("all of it").click()
    page.get_by_label(re.compile(r"waveform and spectrogram of [4-9]\.\d s")).wait_for()


def test_two_visitors_are_both_answered_each_with_its_own(visit):
    one, two = visit(), visit(PHONE)
    upload(one, LONG, "long.wav")
    upload(two, VOICE)
    assert emotion(one)
    assert emotion(two)
    two.get_by_label("waveform and spectrogram of 1.7 s").wait_for()
    one.get_by_label(re.compile("waveform and spectrogram of 30.0 s")).wait_for()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_is_wider_than_the_screen(visit, size):
    page = visit(size)
    upload(page, LONG, "long.wav")
    emotion(page)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= size["width"]


def tabbed(page, wanted):
    """Press Tab from the top of the page until a button is reached, and return what was passed, by name."""
    page.mouse.click(2, 2)
    told = "e => e.closest('label')?.innerText || e.getAttribute('aria-label') || e.innerText || e.tagName"
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"({told})(document.activeElement)").strip())
        if reached[-1] == wanted and page.evaluate("document.activeElement.tagName") == "BUTTON":
            return reached
    raise AssertionError(reached)


def test_every_control_is_reached_and_used_by_keys(visit):
    page = visit()
    upload(page, LONG, "long.wav")
    emotion(page)
    page.get_by_role("button", name="PNG over time").wait_for()
    named = "\n".join(dict.fromkeys(tabbed(page, "PNG over time")))
    wanted = ("Upload a file", "Remove long.wav", "Add files", "the recording as it was heard", "as a table")
    for control in (*wanted, "JSON", "CSV", "PNG"):
        assert control in named, named
    page.get_by_text("Upload a file").click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Record", exact=True).wait_for()
    tabbed(page, "Record")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop recording").wait_for()
    page.wait_for_timeout(1500)
    tabbed(page, "Stop recording")
    page.keyboard.press("Enter")
    emotion(page)
    assert "the first 3 s" in "\n".join(tabbed(page, "JSON"))


def test_nothing_of_the_visits_is_left_on_the_disk(machine, visit):
    folder, *_ = machine
    page = visit()
    upload(page, VOICE)
    emotion(page)
    left = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert {path.name for path in left} <= {"voice.wav", "server.log"}
