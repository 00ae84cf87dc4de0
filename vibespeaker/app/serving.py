"""Streamlit as a server of one page, with nothing that leaves the machine: the only place that starts it."""

import logging
import socket
from pathlib import Path

from vibespeaker.errors import ConfigError

log = logging.getLogger(__name__)

#: No usage statistics, no watching of files, no welcome (which asks the network for this machine's address), no menu
#: for developers, no details of errors for visitors.
_SETTINGS = {
    "browser_gatherUsageStats": False,
    "client_showErrorDetails": "none",
    "client_toolbarMode": "minimal",
    "logger_hideWelcomeMessage": True,
    "runner_magicEnabled": False,
    "server_fileWatcherType": "none",
    "server_headless": True,
    "server_showEmailPrompt": False,
    # of both themes, so that the page goes on following the system's choice of light or dark
    "theme_light_primaryColor": "#c2410c",
    "theme_dark_primaryColor": "#f08a4b",
}
PAGE = Path(__file__).with_name("page.py")


def settings(address: str, port: int, megabytes: int) -> dict[str, object]:
    """Return the settings of Streamlit, which win over those in files of the user."""
    return {
        **_SETTINGS,
        "server_address": address,
        "server_port": port,
        "server_maxUploadSize": megabytes,
        "browser_serverAddress": address,
    }


def check_port(address: str, port: int) -> None:
    """Refuse an address or port that cannot be had, before a model is loaded.

    Raises:
        ConfigError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, port))
        except OSError as error:
            raise ConfigError(
                f"the page cannot be served at {address}:{port}",
                found=error.strerror or error,
                remedy="another --port NUMBER, or an --address of this machine",
            ) from error


def serve(address: str, port: int, megabytes: int, browser: bool) -> None:
    """Serve the page until Ctrl-C.

    Args:
        address: on which it listens.
        port: on which it listens.
        megabytes: of the largest file that is taken.
        browser: whether to open it.
    """
    from streamlit import net_util
    from streamlit.web import bootstrap

    # known, and nobody's: otherwise the network would be asked for it when a visitor comes by an unknown name
    net_util._external_ip = ""
    chosen = settings(address, port, megabytes)
    bootstrap.load_config_options(chosen)
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    log.info("the page is %s (Ctrl-C ends it)", url)
    if browser:
        import threading
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [url]).start()
    bootstrap.run(str(PAGE), False, [], chosen)
