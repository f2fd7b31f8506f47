"""Agents that fetch pages for training: `tamis robots` asks about them by default.

A site that refuses its pages to them refuses them to a training corpus.
"""

REPRESENTED_AGENTS = (
    "CCBot",
    "GPTBot",
    "Google-Extended",
    "ClaudeBot",
    "Applebot-Extended",
    "meta-externalagent",
)
