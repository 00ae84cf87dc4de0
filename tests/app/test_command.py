"""The command: what it refuses before it loads a model, and what keeps the page on this machine."""

import inspect
import socket

import pytest

from vibespeaker.app.command import app
from vibespeaker.app.serving import PAGE, check_port, settings
from vibespeaker.errors import ConfigError


def test_what_does_not_fit_together_is_refused_before_a_model_is_loaded():
    with pytest.raises(ConfigError, match="--demo brings a model"):
        app(model="nowhere", demo=True)
    with pytest.raises(ConfigError, match="port is out of range"):
        app(port=70_000)
    with pytest.raises(ConfigError, match="seconds is out of range"):
        app(seconds=0)
    with pytest.raises(ConfigError, match=r"cannot be served at 203\.0\.113\.1:8501.*--address of this machine"):
        app(address="203.0.113.1")


def test_a_port_that_is_taken_is_refused_with_another_to_ask_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*another --port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_the_page_is_for_this_machine_and_tells_nobody():
    from streamlit import net_util
    from streamlit.config import get_config_options

    address = inspect.signature(app).parameters["address"].default
    chosen = settings(address, 8501, 7)
    assert chosen["server_address"] == "127.0.0.1"
    assert chosen["browser_gatherUsageStats"] is False
    assert chosen["server_maxUploadSize"] == 7
    assert {name.replace("_", ".") for name in chosen} <= set(get_config_options())
    assert hasattr(net_util, "_external_ip")  # which `serve` sets, so that the network is not asked for it
    assert PAGE.is_file()
