# SPDX-License-Identifier: Apache-2.0
"""Load on a server: one run of wrk on one route, with what it cost the server's
processes. Used by bench."""

import json
import os
import subprocess

import processes

HERE = os.path.dirname(os.path.abspath(__file__))


class Route:
    """What is asked for: path, connections, and the length of the body sent."""

    def __init__(self, name, path, connections, body=0):
        self.name = name
        self.path = path
        self.connections = connections
        self.body = body


ROUTES = [
    Route("hello 1", "/hello", 1),
    Route("hello 64", "/hello", 64),
    Route("64k 16", "/64k", 16),
    Route("post64k 16", "/post", 16, 64 << 10),
    Route("post1m 8", "/post", 8, 1 << 20),
]


class Sample:
    """One run: requests a second, microseconds of latency and of CPU a request."""

    def __init__(self, wrk, cost):
        requests = wrk["requests"]
        per_request = 1e6 / requests if requests else 0.0
        self.rate = requests * 1e6 / wrk["duration"]
        self.p50 = wrk["p50"]
        self.p99 = wrk["p99"]
        self.bad = wrk["bad"] + wrk["broken"]
        self.web_cpu = cost.web * per_request
        self.app_cpu = cost.app * per_request
        self.cpu = self.web_cpu + self.app_cpu


def run(server, route, seconds):
    """Runs wrk; returns a Sample."""
    before = processes.cpu(server)
    command = ["wrk", "-t1", "-c%d" % route.connections, "-d%ds" % seconds,
               "--timeout", "20s", "-s", os.path.join(HERE, "load.lua"),
               "http://127.0.0.1:%d%s" % (server.port, route.path), "--", str(route.body)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    after = processes.cpu(server)
    return Sample(json.loads(done.stdout.splitlines()[-1]), after - before)
