"""Is the platform well? One set of rules for /health, /status, the desk, the doctor and the sentinel.

`facts` is what was seen, `rules` judge it without looking at anything else, `apps.console.selectors.health` looks.
"""
