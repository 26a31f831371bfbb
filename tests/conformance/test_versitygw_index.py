"""What publishing an index is tested with, on versitygw: see conftest.py."""

from test_geranos_index import *  # noqa: F403
