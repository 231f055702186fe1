"""The commands about what is in the data folder: key, bot.

They work whether a gateway runs on the folder or not; a running one obeys within a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import click

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, show_table
from eyeclaw_trio.core.directory import AccessKey, Bot
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store import bots, keys
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.folder_lock import is_folder_held
