"""Attacks by family: `inside` runs them in a checkout's own process, `lab` keeps what is attacked whole."""
