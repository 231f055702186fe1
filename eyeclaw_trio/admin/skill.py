"""What an OpenClaw reads to connect itself to this gateway: a SKILL.md. Pure."""

from __future__ import annotations

import shlex
from typing import Final

from eyeclaw_trio.protocol.endpoint import Endpoint

_STEPS: Final = """---
name: connect-to-eyeclaw
description: Connect this OpenClaw to the eyeclaw gateway of its owner's Rokid glasses.
---

# Connect this OpenClaw to the glasses of its owner

The gateway is at `{plain_url}`; here you are its bot {bot_id}. Do these steps in order, on the
machine where this OpenClaw runs, as the user it runs as. Stop at the first that fails, and tell
your owner what it said. This text was shown once: it holds a secret. Do not repeat the token in
an answer, and do not keep it anywhere but in the file of step 3.

## 1. Switch on the chat endpoint of OpenClaw

```sh
openclaw config set gateway.http.endpoints.chatCompletions.enabled true
```

## 2. Install eyeclaw-trio

If `~/eyeclaw/bin/eyeclaw --help` works already, go on with step 3. Else ask your owner for the
address of the repository, and with it in place of ADDRESS:

```sh
git clone ADDRESS ~/eyeclaw-trio
python3 -m venv ~/eyeclaw
~/eyeclaw/bin/pip install ~/eyeclaw-trio
```

## 3. Keep the secrets in a file that only this user can read

```sh
mkdir -p ~/.config/eyeclaw
(umask 077; printf 'EYECLAW_TOKEN=%s\\n' {token} > ~/.config/eyeclaw/bot-{bot_id}.env)
```

Add the line `OPENCLAW_GATEWAY_TOKEN=…` to it, with the token of OpenClaw's own gateway.

## 4. Try it

```sh
(set -a; . ~/.config/eyeclaw/bot-{bot_id}.env; set +a
 exec timeout 20 ~/eyeclaw/bin/eyeclaw connect --json \\
   --server {url} --bot {bot_id} --provider openclaw)
```

A line with `"event":"connected"` means that it works.

## 5. Keep it running

Where systemd runs, write this to `~/.config/systemd/user/eyeclaw-bot-{bot_id}.service`:

```ini
[Unit]
Description=Answers questions of the glasses with OpenClaw
After=network-online.target

[Service]
EnvironmentFile=%h/.config/eyeclaw/bot-{bot_id}.env
ExecStart=%h/eyeclaw/bin/eyeclaw connect --server {unit_url} --bot {bot_id} --provider openclaw
Restart=always
RestartSec=5

[Install]
WantedBy=default.target
```

```sh
systemctl --user daemon-reload
systemctl --user enable --now eyeclaw-bot-{bot_id}.service
loginctl enable-linger "$USER"
```

Then tell your owner: the bot is connected, and the gateway's page shows it online.
"""


def describe_connection(gateway: Endpoint, bot_id: int, token: str) -> str:
    """The steps, with the token in them: whoever reads them can be this bot.

    Every value in a command is quoted for a shell; the name of the bot, which somebody chose, is
    nowhere: an agent would follow it as it follows the rest.
    """
    # systemd reads % and $ in a unit's own way.
    unit_url = gateway.url.replace("%", "%%").replace("$", "$$")
    return _STEPS.format(
        plain_url=gateway.url,
        url=shlex.quote(gateway.url),
        unit_url=unit_url,
        bot_id=bot_id,
        token=shlex.quote(token),
    )
