# SPDX-License-Identifier: Apache-2.0
"""How fast app processes come and are replaced, what that costs those who ask
meanwhile, and how much memory preloading saves. Used by `bench --lifecycle`."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from statistics import median

import peers
import processes
from server import Server, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 5
RATE = 100  # requests a second
SECONDS = 8
PRELOADED = 4  # processes
COLD_GOAL = {"ruby": 150, "python": 150, "node": 250}  # milliseconds
FRAMEWORKS = {"Rails": ("ruby-rails", "ruby", "ruby -raction_controller/railtie -e 1"),
              "Django": ("python-django", "python", "python3 -c 'import django'")}


class AppServer(Server):
    """A server of an app of test/apps. Nothing is asked of it before the test does."""

    def __init__(self, setup, peer, language, app, more=""):
        super().__init__(setup, peer, language)
        self.source = os.path.join(setup.source, "test/apps", app)
        self.more = more

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.app = os.path.join(self.folder, "app")
        shutil.copytree(self.source, self.app)
        os.makedirs(os.path.join(self.app, "public"), exist_ok=True)
        os.mkdir(os.path.join(self.app, "tmp"))
        self.write("journal", "", 0o666)
        self.deploy("1")
        self.start_httpd()
        wait_until(self.accepts, self.name)
        return self

    def __exit__(self, *_):
        self.stop()

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.app, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def deploy(self, version):
        self.write("version", version + "\n")

    def restart(self):
        self.write("tmp/restart.txt", "")

    def accepts(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def look(self):
        """(version, pid) of the process that answers, or (None, None)."""
        status, body = self.get("/look")
        words = body.decode().split() if status == 200 else []
        return (words[2], words[3]) if len(words) == 4 else (None, None)

    def timed(self, path):
        started = time.monotonic()
        status, _ = self.get(path)
        if status != 200:
            raise RuntimeError("%s: %s is answered %d\n%s" % (self.name, path, status, self.log()))
        return (time.monotonic() - started) * 1e3

    def load(self, meanwhile=None):
        """A paced load; meanwhile() is called after a quarter of its time."""
        sender = subprocess.Popen([sys.executable, os.path.join(HERE, "paced.py"), str(self.port),
                                   "/look", str(RATE), str(SECONDS)], stdout=subprocess.PIPE)
        self.helper_pids.add(sender.pid)
        if meanwhile:
            time.sleep(SECONDS / 4)
            meanwhile()
        output, _ = sender.communicate(timeout=SECONDS + 60)
        return json.loads(output)


def cold(setup, peer, language):
    """Milliseconds to the first answer of an app that does not run."""
    times = []
    for _ in range(ROUNDS):
        with AppServer(setup, peer, language, "ledger-" + language) as server:
            time.sleep(0.5)  # httpd and the agent have started, too
            times.append(server.timed("/look"))
    return median(times)


def until_version(server, version):
    started = time.monotonic()
    wait_until(lambda: server.look()[0] == version, server.name)
    return (time.monotonic() - started) * 1e3


class Replaced:
    """What a restart and graceful reloads did to paced requests."""

    def __init__(self, server):
        server.timed("/look")
        server.load()  # all processes there
        self.calm = server.load()
        self.appeared = 0.0
        self.restart = server.load(lambda: self.deploy(server))
        before = server.look()[1]
        self.graceful = server.load(lambda: self.reload(server))
        self.kept = server.look()[1] is not None and self.is_alive(before)

    def deploy(self, server):
        server.deploy("2")
        server.restart()
        self.appeared = until_version(server, "2")

    @staticmethod
    def reload(server):
        for _ in range(2):
            server.children[0].send_signal(signal.SIGUSR1)
            time.sleep(2)

    @staticmethod
    def is_alive(pid):
        return pid is not None and processes.read_stat(int(pid)) is not None


def replaced(setup, peer, language):
    with AppServer(setup, peer, language, "ledger-" + language) as server:
        return Replaced(server)


CHANGE = re.compile(r"\[\d+-\d+-\d+ (\d+):(\d+):(\d+\.\d+)\].*PSG2101: .* process (\d+) "
                r"\(pid \d+\): (\w+) -> (\w+)")


def start_times(log):
    """Milliseconds from spawning to ready of each process, in order."""
    begun, times = {}, []
    for hours, minutes, seconds, process, _, state in CHANGE.findall(log):
        now = (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1e3
        if state == "spawning":
            begun[process] = now
        elif state == "ready" and process in begun:
            times.append(now - begun.pop(process))
    return times


def spawned(setup, framework, method):
    """(median milliseconds to start a process, MiB of all app processes)."""
    app, language, _ = FRAMEWORKS[framework]
    more = ("PassengerSpawnMethod %s\nPassengerLogLevel 5\nPassengerMaxPoolSize %d\n"
            "PassengerMinInstances %d\n" % (method, PRELOADED + 2, PRELOADED))
    with AppServer(setup, peers.This(), language, app, more) as server:
        server.timed("/hello")
        path = os.path.join(server.folder, "error.log")

        def times():
            with open(path, errors="replace") as f:
                return start_times(f.read())

        # The first to be ready is the preloader, where there is one.
        expected = PRELOADED + (method == "smart")
        wait_until(lambda: len(times()) >= expected, server.name, 60)
        for _ in range(20):
            server.timed("/hello")
        own = times()[1:]
        return median(own), processes.memory(server).app


def available(command):
    environment = dict(os.environ, PATH="/usr/bin:/bin")
    return subprocess.run(command, shell=True, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


class Goals:
    """Lines with a figure, a goal, and whether it is reached."""

    def __init__(self):
        self.missed = 0

    def line(self, what, value, limit, unit, at_least=False):
        reached = value >= limit if at_least else value <= limit
        self.missed += not reached
        print("  %-52s %8.1f %-3s at %s %6.1f  %s" % (
            what, value, unit, "least" if at_least else "most ", limit,
            "reached" if reached else "NOT REACHED"), flush=True)


def print_cold(setup, found, goals):
    print("\nFirst answer of an app that does not run, median of %d" % ROUNDS)
    for language in ("ruby", "python", "node"):
        for peer in found:
            value = cold(setup, peer, language)
            if peer.name == "mod_passenger":
                goals.line("%s, %s" % (language, peer.name), value, COLD_GOAL[language], "ms")
            else:
                print("  %-52s %8.1f ms" % ("%s, %s" % (language, peer.name), value), flush=True)


def print_load(name, what, load):
    print("  %-30s %-9s %5d requests, %3d failed; p50 %6.1f, p99 %7.1f, slowest %7.1f ms" % (
        name, what, load["requests"], load["failed"], load["p50"], load["p99"],
        load["slowest"]), flush=True)


def print_replaced(setup, found, goals):
    print("\nReplacing under load: %d requests a second for %d s" % (RATE, SECONDS))
    for language in ("ruby", "python", "node"):
        for peer in found:
            name = "%s, %s" % (language, peer.name)
            result = replaced(setup, peer, language)
            print_load(name, "calm", result.calm)
            print_load(name, "restart", result.restart)
            print_load(name, "graceful", result.graceful)
            print("  %-30s the new version answered after %.0f ms; graceful %s the app's processes"
                  % (name, result.appeared, "keeps" if result.kept else "ENDS"))
            if peer.name == "mod_passenger":
                goals.line("%s: new version" % language, result.appeared,
                           1000 + COLD_GOAL[language] * 2, "ms")
                goals.line("%s: p99 of a restart to the calm one" % language,
                           result.restart["p99"] / max(result.calm["p99"], 1.0), 2, "x")
                goals.line("%s: failed" % language,
                           result.restart["failed"] + result.graceful["failed"], 0, "")


def print_spawned(setup, goals):
    print("\nPreloading: %d processes" % PRELOADED)
    for framework, (_, _, command) in FRAMEWORKS.items():
        if not available(command):
            print("  %s is not installed" % framework)
            continue
        direct, alone = spawned(setup, framework, "direct")
        smart, shared = spawned(setup, framework, "smart")
        print("  %-30s direct %.0f ms and %.1f MiB, preloaded %.0f ms and %.1f MiB in all"
              % (framework, direct, alone, smart, shared))
        goals.line("%s: start of a preloaded process" % framework, smart, 50, "ms")
        goals.line("%s: times faster than direct" % framework, direct / max(smart, 1.0), 10, "x",
                   at_least=True)
        goals.line("%s: memory saved, preloader counted" % framework,
                   (1 - shared / alone) * 100, 30, "%", at_least=True)


def run(setup):
    """Prints all; returns 1 if a goal is not reached."""
    goals = Goals()
    found = [peer for peer in (peers.This(), peers.Phusion()) if not peer.missing(setup)]
    print_cold(setup, found, goals)
    print_spawned(setup, goals)
    print_replaced(setup, found, goals)
    return 1 if goals.missed else 0
