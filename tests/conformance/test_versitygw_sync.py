"""What a sync is tested with, on versitygw: see conftest.py."""

from test_geranos_sync import *  # noqa: F403
