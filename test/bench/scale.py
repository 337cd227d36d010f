# SPDX-License-Identifier: Apache-2.0
"""What thousands of configured apps cost: httpd's start and memory, and the CPU
of a request for an app and for a file, each against httpd without the module or
with one app. Used by `bench --scale`."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from statistics import median

import peers
import processes
from lifecycle import Goals
from server import Server, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = 3000
APPS = 8000
STARTS = 3  # of which the median counts
CONNECTIONS = 8


class Without(peers.Peer):
    """httpd with the same configuration but without the module."""

    name = "without"
    languages = ("python",)


def host_config(app, port, number, apps):
    """A VirtualHost: an app at its root and the others below."""
    lines = ["<VirtualHost 127.0.0.1:%d>" % port, "ServerName v%d.example" % number,
             "DocumentRoot %s/public" % app,
             "<IfModule passenger_module>", "PassengerAppGroupName v%d" % number, "</IfModule>"]
    for i in range(1, apps):
        lines += ["<Location /app%d>" % i, "<IfModule passenger_module>",
                  "PassengerBaseURI /app%d" % i, "PassengerAppRoot %s" % app,
                  "PassengerAppGroupName v%d-%d" % (number, i), "</IfModule>", "</Location>"]
    return "\n".join(lines + ["</VirtualHost>\n"])


def hosts_config(app, port, hosts, apps):
    """The apps, shared out among the hosts as evenly as can be."""
    return "\n".join(host_config(app, port, i, apps * (i + 1) // hosts - apps * i // hosts)
                     for i in range(hosts))


class ScaleServer(Server):
    """A server with so many hosts and apps, all of them in one folder."""

    def __init__(self, setup, peer, hosts, apps):
        super().__init__(setup, peer, "python")
        self.hosts, self.apps = hosts, apps

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.app = os.path.join(self.folder, "app")
        shutil.copytree(os.path.join(self.setup.source, "test/bench/apps/python"), self.app)
        os.makedirs(os.path.join(self.app, "public"), exist_ok=True)
        with open(os.path.join(self.app, "public", "file.txt"), "w") as f:
            f.write("a file\n")
        self.more = hosts_config(self.app, self.port, self.hosts, self.apps)
        started = time.monotonic()
        self.start_httpd()
        wait_until(lambda: self.get("/file.txt")[0] == 200, self.name, 60)
        return time.monotonic() - started

    def pids(self):
        """httpd's and the agent's, not the apps'."""
        own = processes.below(self.children[0].pid)
        return [self.children[0].pid] + [pid for pid, (name, _) in own.items()
                                         if not processes.is_app(pid, name)]

    def memory(self):
        """Proportional set size in MiB."""
        return sum(size_of(pid) for pid in self.pids()) / 1024

    def cpu(self):
        """Microseconds, exactly: the ticks of /proc/PID/stat are too long."""
        return sum(time_of(pid) for pid in self.pids()) / 1e3

    def user_cpu(self):
        """Microseconds outside of the kernel."""
        ticks = 0
        for pid in self.pids():
            with open("/proc/%d/stat" % pid) as f:
                ticks += int(f.read().rpartition(")")[2].split()[11])
        return ticks * 1e6 / processes.TICKS

    def end(self):
        """Ends this one alone; others go on."""
        child = self.children[0]
        child.terminate()
        child.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def size_of(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def time_of(pid):
    total = 0
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as f:
                total += int(f.read().split()[0])
    except OSError:
        pass  # it ended
    return total


class Cost:
    """Microseconds of CPU a request: outside of the kernel, and in all."""

    def __init__(self):
        self.requests, self.user, self.all = 0, 0.0, 0.0

    def add(self, server, path, seconds):
        user, total = server.user_cpu(), server.cpu()
        self.requests += load(server, path, seconds)
        self.user += server.user_cpu() - user
        self.all += server.cpu() - total

    def __str__(self):
        return "%.2f us, %.2f of them outside of the kernel" % (
            self.all / self.requests, self.user / self.requests)


def compare(servers, path, rounds, seconds):
    """The Cost for each server, in turns under full load, and how much more the first
    one takes outside of the kernel. Goals are about that: what the kernel does for a
    request depends on whom it finds asleep, and neither finding an app nor leaving a
    file to httpd takes a system call."""
    costs = [Cost() for _ in servers]
    for i in range(rounds):
        for server, cost in list(zip(servers, costs))[::1 if i % 2 == 0 else -1]:
            cost.add(server, path, seconds)
    return costs, costs[0].user / costs[0].requests - costs[1].user / costs[1].requests


def load(server, path, seconds):
    """Returns how many requests were answered. httpd compares the name with one host
    after the other: it is the first, so that this is not measured."""
    done = subprocess.run(
        ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % seconds, "-H", "Host: v0.example",
         "-s", os.path.join(HERE, "load.lua"),
         "http://127.0.0.1:%d%s" % (server.port, path), "--", "0"],
        stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    result = json.loads(done.stdout.splitlines()[-1])
    if result["bad"] or result["broken"]:
        raise RuntimeError("%s: %s failed\n%s" % (server.name, path, server.log()))
    return result["requests"]


def print_start(setup, goals):
    """Starts with and without the module in turns; returns the last ones."""
    times, sizes, servers = {}, {}, {}
    for i in range(STARTS):
        for peer in (Without(), peers.This()):
            server = ScaleServer(setup, peer, HOSTS, APPS)
            times.setdefault(peer.name, []).append(server.start())
            time.sleep(0.5)  # the agent and all children have started, too
            sizes.setdefault(peer.name, []).append(server.memory())
            servers[peer.name] = server
            if i < STARTS - 1:
                server.end()
    for what, found, unit in (("start", times, "s"), ("memory", sizes, "MiB")):
        print("  %s without the module %.2f %s, with it %.2f %s"
              % (what, median(found["without"]), unit, median(found["mod_passenger"]), unit))
    goals.line("longer start", median(times["mod_passenger"]) - median(times["without"]), 3, "s")
    goals.line("more memory", median(sizes["mod_passenger"]) - median(sizes["without"]), 64,
               "MiB")
    return servers


def run(setup, rounds, seconds):
    """Prints all; returns 1 if a goal is not reached."""
    goals = Goals()
    print("\n%d VirtualHosts with %d apps" % (HOSTS, APPS), flush=True)
    servers = print_start(setup, goals)
    large, plain = servers["mod_passenger"], servers["without"]
    small = ScaleServer(setup, peers.This(), 1, 1)
    small.start()
    for server in (large, small):
        wait_until(server.answers, server.name)
        load(server, "/hello", 1)  # all processes there
    (many, one), more = compare((large, small), "/hello", rounds, seconds)
    print("  an app's request: %s;\n    with one app %s" % (many, one))
    goals.line("more CPU for a request", more, 2, "us")
    (loaded, bare), more = compare((large, plain), "/file.txt", rounds, seconds)
    print("  a file's request: %s;\n    without the module %s" % (loaded, bare))
    goals.line("more CPU for a file", more / (bare.all / bare.requests) * 100, 3, "%")
    return 1 if goals.missed else 0
