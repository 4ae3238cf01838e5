"""`python -m feinschliff` is the command line."""

import sys

from feinschliff.cli import main

sys.exit(main())
