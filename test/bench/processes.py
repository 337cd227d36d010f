# SPDX-License-Identifier: Apache-2.0
"""The processes a server consists of, from /proc: their CPU time and memory, and
their end. The benchmark is the reaper of all it starts (PR_SET_CHILD_SUBREAPER),
so that no process gets away and nobody else's is ever counted or ended."""

import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
TICKS = os.sysconf("SC_CLK_TCK")
# Names (as in /proc/PID/comm, 15 letters) of what is not the app.
WEB_NAMES = ("apache2", "httpd", "passenger-agent", "PassengerAgent", "nginx")


class Use:
    """An amount of CPU seconds or memory: the web server's side, the app's side."""

    def __init__(self, web=0.0, app=0.0):
        self.web = web
        self.app = app

    def __sub__(self, other):
        return Use(self.web - other.web, self.app - other.app)


def become_reaper():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def read_stat(pid):
    """(name, parent, CPU seconds with ended children), or None if it ended."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            text = f.read()
    except OSError:
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    fields = text[text.rindex(")") + 2:].split()
    return name, int(fields[1]), sum(int(x) for x in fields[11:15]) / TICKS


def below(root):
    """{pid: (name, seconds)} of all processes below root."""
    stats = {}
    for entry in os.listdir("/proc"):
        stat = read_stat(int(entry)) if entry.isdigit() else None
        if stat:
            stats[int(entry)] = stat
    found = {}
    wanted = {root}
    while wanted:
        wanted = {pid for pid, stat in stats.items() if stat[1] in wanted}
        found.update((pid, (stats[pid][0], stats[pid][2])) for pid in wanted)
    return found


def is_app(pid, name):
    if name not in WEB_NAMES:
        return True
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return b"bench-app" in f.read()  # mod_wsgi's daemons, see peers.py
    except OSError:
        return False


def of_server(server):
    """The server's processes: {pid: (is app, CPU seconds)}."""
    helpers = server.helper_pids
    return {pid: (is_app(pid, name), seconds)
            for pid, (name, seconds) in below(os.getpid()).items() if pid not in helpers}


def cpu(server):
    use = Use()
    for app, seconds in of_server(server).values():
        if app:
            use.app += seconds * 1e6
        else:
            use.web += seconds * 1e6
    return Use(use.web / 1e6, use.app / 1e6)


def memory(server):
    """Proportional set size in MiB."""
    use = Use()
    for pid, (app, _) in of_server(server).items():
        try:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                size = next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
        if app:
            use.app += size / 1024
        else:
            use.web += size / 1024
    return use


def reap():
    """Collects what has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass


def end_all(spare=()):
    """Ends every process below this one: politely, then not."""
    for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + seconds
        pids = [pid for pid in below(os.getpid()) if pid not in spare]
        for pid in pids:
            try:
                os.kill(pid, sig)
            except OSError:
                pass
        while pids and time.monotonic() < deadline:
            reap()
            pids = [pid for pid in below(os.getpid()) if pid not in spare]
            time.sleep(0.02)
        if not pids:
            return
