# SPDX-License-Identifier: Apache-2.0
"""Does to the agent, by what an app process has, what could harm other tenants.
The path says what; most goes on until the process ends."""
import json
import os
import signal
import socket
import struct
import threading
import time

LINGER = struct.pack("ii", 1, 60)


def control():
    return socket.socket(fileno=os.dup(4))


def make_lingering():
    """A socket whose closing lasts a minute, for whoever closes it last."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        server.accept()[0].detach()
    ours.setblocking(False)
    try:
        while True:
            ours.send(b"x" * 65536)
    except BlockingIOError:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    return ours


def give_away(channel):
    """Sends such a socket and keeps no copy, unless that is refused."""
    lingering = make_lingering()
    try:
        socket.send_fds(channel, [b"x"], [lingering.fileno()])
        return "sent"
    except OSError as error:
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        return os.strerror(error.errno)
    finally:
        lingering.close()


def admin_socket():
    """Its name may be too long for an address."""
    with open("instance", encoding="utf-8") as file:
        folder = os.open(file.read().strip(), os.O_PATH)
    try:
        client = socket.socket(socket.AF_UNIX)
        client.connect("/proc/self/fd/%d/admin.sock" % folder)
        return client
    finally:
        os.close(folder)


def out_of_band():
    control().send(b" ", socket.MSG_OOB)


def linger():
    return give_away(control())


def linger_admin():
    return give_away(admin_socket())


def linger_answer():
    """On the connection of this very request."""
    said = []
    for name in os.listdir("/proc/self/fd"):
        try:
            peer = socket.socket(fileno=os.dup(int(name)))
            if int(name) > 4 and peer.family == socket.AF_UNIX:
                said.append(give_away(peer))
        except OSError:
            pass
    return " ".join(said)


def forever(action):
    def run():
        while True:
            try:
                action()
            except OSError:
                time.sleep(0.001)
    threading.Thread(target=run, daemon=True).start()


def say(line):
    channel = control()
    text = (json.dumps(line) + "\n").encode() * 100
    forever(lambda: channel.sendall(text))


def chatter():
    say({"event": "rested"})


def ready_again():
    say({"event": "ready", "format": "session", "concurrency": 1})


def interpreter_again():
    say({"event": "interpreter", "path": "/" + "x" * 4000})


def print_for_ever():
    text = b"x\n" * 16384
    forever(lambda: os.write(1, text))


def fork_orphan():
    child = os.fork()
    if child == 0:
        for _ in range(50):
            if os.fork() == 0:
                os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)


def orphans():
    for _ in range(4):
        if os.fork() == 0:
            while True:
                fork_orphan()


def shut_down():
    socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)


def is_own_watcher(pid):
    """Of this agent, which is the parent of both."""
    try:
        with open("/proc/" + pid + "/stat", encoding="utf-8") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        with open("/proc/" + pid + "/cmdline", "rb") as file:
            return parent == os.getppid() and b"watcher" in file.read() \
                and os.stat("/proc/" + pid).st_uid == os.getuid()
    except (OSError, ValueError):
        return False


def stop_watcher():
    """It may be about to start."""
    for _ in range(500):
        own = [name for name in os.listdir("/proc") if name.isdigit() and is_own_watcher(name)]
        if own:
            os.kill(int(own[0]), signal.SIGSTOP)
            return None
        time.sleep(0.01)
    return "there is none"


def stop_self():
    if os.fork() == 0:
        time.sleep(0.1)
        os.kill(os.getppid(), signal.SIGSTOP)
        os._exit(0)


def ask_admin():
    def ask():
        client = admin_socket()
        text = b'{"command":"status"}\n' * 1000
        client.setblocking(True)
        threading.Thread(target=lambda: [client.recv(65536) for _ in iter(int, 1)], daemon=True).start()
        while True:
            client.sendall(text)
    for _ in range(8):
        forever(ask)


def crowd_admin():
    clients = []

    def crowd():
        clients.append(admin_socket())
        del clients[:-300]
    for _ in range(4):
        forever(crowd)


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    said = globals()[name]() if name else "%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(said or "done").encode()]
