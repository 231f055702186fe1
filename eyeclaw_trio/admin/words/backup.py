"""What the page of the backups says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "backup.title": ("Backup", "备份"),
    "backup.take": ("Take a copy", "下载备份"),
    "backup.take_about": (
        "Keys, bots and traces in one file, of one moment, checked. Secrets are in it as digests "
        "only; the settings' file is not in it.",
        "密钥、Bot 和追踪记录，同一时刻的一份完整副本，已校验。其中的密钥只有摘要，不含设置文件。",
    ),
    "backup.download": ("Download a backup", "下载备份文件"),
    "backup.command": ("The same on the command line:", "命令行："),
    "backup.restore": ("Put one back", "恢复备份"),
    "backup.restore_about": (
        "The file is checked now and restored when the gateway starts next; what is there now is "
        "kept beside it. Keys, tokens and the password of these pages are then as they were at the "
        "backup: what has been revoked since is valid again.",
        "文件会立即校验，并在网关下次启动时恢复；现有数据另存一份。届时密钥、令牌和本页面的密码"
        "都回到备份时的状态：之后吊销的会重新有效。",
    ),
    "backup.file": ("Backup file", "备份文件"),
    "backup.upload": ("Restore at the next start", "下次启动时恢复"),
    "backup.working": ("Being sent and checked…", "正在上传并校验…"),
    "backup.waiting": (
        "Waits for the next start: {bots} bots, {keys} keys, {traces} traces.",
        "等待下次启动：{bots} 个 Bot，{keys} 个密钥，{traces} 条追踪记录。",
    ),
    "backup.forget": ("Take it back", "取消恢复"),
    "backup.no_script": (
        "Sending a file needs scripts in the browser; else stop the gateway and run",
        "上传文件需要浏览器脚本；也可以停止网关后运行",
    ),
    "backup.stopped": ("With the gateway stopped:", "网关停止时："),
}
