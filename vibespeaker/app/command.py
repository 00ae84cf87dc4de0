"""The command `app`: its help needs neither a model nor Streamlit."""

from pathlib import Path

from vibespeaker.arguments.ranges import POSITIVE, Range, require
from vibespeaker.audio.packages import installed
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.specs import DEFAULTS, build_transcriber, read_transcribers

#: Where nobody but this machine comes in.
LOOPBACK = "127.0.0.1"
#: Of a recording that are heard, so that nobody waits for minutes behind another.
_SECONDS, _SECONDS_OF_DEMO = 600.0, 120.0
_PORTS = Range(1, 65_535, whole=True)


def app(
    model: str | None = None,
    demo: bool = False,
    transcriber: str | None = None,
    address: str = LOOPBACK,
    port: int = 8501,
    seconds: float | None = None,
    megabytes: int = 50,
    browser: bool = False,
    cache: Path | None = None,
    device: str = "cpu",
    trust: list[str] | None = None,
) -> int:
    """Serve a page to try a model on: upload or record a voice, and see what is heard in it, until Ctrl-C.

    Nothing that visitors give is kept. Visitors share one model; who comes second waits for the first.

    Args:
        model: as for recognize.
        demo: serve a late fusion that fills every panel: the shipped model, a recogniser of words (extra sphinx), and
            models of words and of attributes, which are built once on this machine, from SYNTHETIC speech.
        transcriber: as for recognize.
        address: on which the page is served; by default for this machine alone. For others give the name or the address
            of this machine by which they reach it.
        port: on which it is served.
        seconds: of a recording that are heard, from its beginning; by default 600, and 120 with --demo, whose
            recogniser of words takes about a third of the time that it hears.
        megabytes: of the largest file that is taken.
        browser: open the page in a browser.
        cache: folder for what --demo builds; by default vibespeaker in the user's cache (XDG_CACHE_HOME, ~/.cache).
        device: cpu, cuda, another of torch, or auto: a GPU where there is one.
        trust: packages besides vibespeaker and torch that model and transcriber may name.

    Raises:
        CheckpointError: there is no such model, or its encoders are not those at hand.
        ConfigError: Streamlit is not installed, options do not fit together, or the port is taken.
    """
    require(POSITIVE, seconds=seconds, megabytes=megabytes)
    require(_PORTS, port=port)
    installed("streamlit", "app")
    if demo and (model is not None or transcriber is not None):
        raise ConfigError("--demo brings a model and a transcriber of its own", remedy="leave --demo out")
    from vibespeaker.app.service import Bounds, Service, open_for_visitors
    from vibespeaker.app.serving import check_port, serve
    from vibespeaker.recognizer.system import Recognizer

    check_port(address, port)
    trust_packages(trust or ())
    if demo:
        from vibespeaker.app.demo import TRANSCRIBER, demo_model

        installed("pocketsphinx", "sphinx")
        model, transcriber = str(demo_model(cache)), TRANSCRIBER
    transcribers = {} if transcriber is None else read_transcribers(transcriber)
    built = {name: build_transcriber(spec, DEFAULTS) for name, spec in transcribers.items()}
    most = seconds or (_SECONDS_OF_DEMO if demo else _SECONDS)
    service = Service(Recognizer(model, built, device=device), Bounds(most, megabytes))
    service.warm_up()
    open_for_visitors(service)
    serve(address, port, megabytes, browser)
    return 0
