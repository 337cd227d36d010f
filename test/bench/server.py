# SPDX-License-Identifier: Apache-2.0
"""A running server: a private httpd on a free port of 127.0.0.1, with what its
peer needs beside it. Used by bench."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import processes

START_DEADLINE = 30  # seconds

# The same for all, as Debian's httpd is set up: event MPM, keep-alive, no access log, room for 400 requests.
CONFIG = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/httpd.pid
ErrorLog {folder}/error.log
LogLevel warn
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
{load}
StartServers 2
ServerLimit 4
ThreadLimit 100
ThreadsPerChild 100
MaxRequestWorkers 400
MinSpareThreads 50
MaxSpareThreads 400
MaxConnectionsPerChild 0
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
Timeout 60
{user}
DocumentRoot {app}/public
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory {app}>
    Require all granted
</Directory>
{peer}
{more}
"""


class Setup:
    """Where things are: sources, what was built, httpd and its modules."""

    def __init__(self, source, out, httpd, modules):
        self.source = source
        self.out = out
        self.httpd = httpd
        self.modules = modules


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(condition, what, seconds=START_DEADLINE):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("%s: not within %d s" % (what, seconds))
        time.sleep(0.02)


class Server:
    """One peer serving one language's app."""

    def __init__(self, setup, peer, language):
        self.setup = setup
        self.peer = peer
        self.language = language
        self.name = "%s/%s" % (peer.name, language)
        self.more = ""  # lines of configuration after the peer's
        self.helper_pids = set()  # of the benchmark itself, not the server's
        self.children = []
        self.folder = None

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.app = os.path.join(self.folder, "app")
        shutil.copytree(os.path.join(self.setup.source, "test/bench/apps", self.language),
                        self.app)
        try:
            for command, environment, path in self.peer.app_servers(self):
                self.start_process(command, environment, as_nobody=True)
                wait_until(lambda: os.path.exists(path), self.name)
            self.peer.start_front(self)
            wait_until(self.answers, self.name)
            self.warm_up()
        except Exception as error:
            raise RuntimeError("%s\n%s" % (error, self.log())) from error

    def start_process(self, command, environment, as_nobody=False):
        identity = {}
        if as_nobody and os.geteuid() == 0:
            os.chmod(self.folder, 0o777)
            # Other users' processes connect to its socket: no umask.
            identity = {"user": "nobody", "group": "nogroup", "extra_groups": [], "umask": 0}
        with open(os.path.join(self.folder, "output.log"), "ab") as log:
            self.children.append(subprocess.Popen(
                command, cwd=self.app, env=dict(os.environ, **environment),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **identity))

    def start_httpd(self):
        names = ("mpm_event", "authz_core") + tuple(self.peer.modules)
        load = "\n".join("LoadModule %s_module %s/mod_%s.so" % (name, self.setup.modules, name)
                         for name in names)
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        path = os.path.join(self.folder, "httpd.conf")
        with open(path, "w") as f:
            f.write(CONFIG.format(folder=self.folder, port=self.port, load=load, user=user,
                                  app=self.app, peer=self.peer.config(self),
                                  more=self.more))
        self.start_process([self.setup.httpd, "-f", path, "-D", "FOREGROUND"],
                           self.peer.environment(self))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def answers(self):
        return self.get("/hello") == (200, b"hello world\n")

    def warm_up(self):
        """Load until all app processes are there and have seen requests."""
        status, body = self.get("/64k")
        if status != 200 or len(body) != 65536:
            raise RuntimeError("%s: /64k is answered %d" % (self.name, status))
        subprocess.run(["wrk", "-t1", "-c8", "-d1s", "http://127.0.0.1:%d/hello" % self.port],
                       stdout=subprocess.DEVNULL, check=True, timeout=30)

    def log(self):
        """The ends of its logs."""
        text = ""
        for name in ("output.log", "error.log", "passenger.log"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += "--- %s\n%s" % (name, "".join(f.readlines()[-15:]))
        return text

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    pass
        processes.end_all()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
