"""`python -m vibespeaker` is the command `vibespeaker`."""

import sys

from vibespeaker.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
