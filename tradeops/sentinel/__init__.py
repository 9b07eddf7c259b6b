"""The process that watches by the clock. It needs neither worker, web nor gateway, and notices when any of them ends.

sentinel   the process: its threads and the clock that watches them
watcher    a look at everything each two seconds, incidents opened and resolved
outage     people told without the database, once per episode
deliverer  notices sent
emergency  stops that end by the clock, orphaned close-alls driven on
ping       somebody outside told that the sentinel lives
"""
