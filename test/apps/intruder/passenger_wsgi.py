# SPDX-License-Identifier: Apache-2.0
"""Attacks the processes and the folder that the file "targets" names, and says
of each attack how it ended."""
import ctypes
import os
import resource
import signal
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
KCMP = 312 if os.uname().machine == "x86_64" else 272
PIDFD_SEND_SIGNAL, PIDFD_GETFD = 424, 438
FILES = ("environ", "mem", "maps", "auxv", "io", "stack", "syscall", "fd/0", "fd/1",
         "fd/2", "fd/3", "fd/4", "fd/5", "task/%d/environ", "cwd/.", "root/.")
LINKS = ("exe", "cwd", "root", "fd/0", "fd/3", "fd/4")


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def call(number, *arguments):
    return checked(LIBC.syscall(number, *[ctypes.c_long(argument) for argument in arguments]))


def read(path):
    with open(path, "rb") as file:
        return file.read(1)


def write(path):
    with open(path, "wb") as file:
        file.write(b"0")


def read_memory(pid):
    buffer = ctypes.create_string_buffer(8)
    piece = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    arguments = (ctypes.c_int(pid), piece, ctypes.c_ulong(1), piece, ctypes.c_ulong(1), ctypes.c_ulong(0))
    checked(LIBC.process_vm_readv(*arguments))


def take_descriptor(pid):
    call(PIDFD_GETFD, os.pidfd_open(pid), 3, 0)


def signal_by_descriptor(pid):
    call(PIDFD_SEND_SIGNAL, os.pidfd_open(pid), signal.SIGCONT, 0, 0)


def connect(kind, path):
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.connect(path)


def on_process(pid):
    proc = "/proc/%d/" % pid
    for name in FILES:
        name = name % pid if "%" in name else name
        yield "read " + name, lambda name=name: read(proc + name)
    for name in LINKS:
        yield "follow " + name, lambda name=name: os.readlink(proc + name)
    for name in ("mem", "clear_refs", "oom_score_adj", "comm", "coredump_filter"):
        yield "write " + name, lambda name=name: write(proc + name)
    yield "list fd", lambda: os.listdir(proc + "fd")
    yield "list map_files", lambda: os.listdir(proc + "map_files")
    yield "signal 0", lambda: os.kill(pid, 0)
    yield "SIGCONT", lambda: os.kill(pid, signal.SIGCONT)
    yield "SIGKILL", lambda: os.kill(pid, signal.SIGKILL)
    yield "SIGCONT by pidfd", lambda: signal_by_descriptor(pid)
    yield "attach", lambda: checked(LIBC.ptrace(PTRACE_ATTACH, pid, None, None))
    yield "seize", lambda: checked(LIBC.ptrace(PTRACE_SEIZE, pid, None, None))
    yield "read memory", lambda: read_memory(pid)
    yield "take a descriptor", lambda: take_descriptor(pid)
    yield "compare descriptors", lambda: call(KCMP, os.getpid(), pid, 0, 3, 3)
    yield "set a limit", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
    yield "set priority", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19)
    yield "set affinity", lambda: os.sched_setaffinity(pid, {0})


def on_socket(path):
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        yield "connect %d" % kind, lambda kind=kind: connect(kind, path)
    yield "remove", lambda: os.unlink(path)


def on_folder(folder):
    yield "list", lambda: os.listdir(folder)
    yield "make a folder in", lambda: os.mkdir(folder + "/x")
    yield "make a link in", lambda: os.symlink("/etc/passwd", folder + "/x")
    yield "open", lambda: os.open(folder, os.O_RDONLY)
    yield "chmod", lambda: os.chmod(folder, 0o777)
    yield "rename", lambda: os.rename(folder, folder + "x")


def bound_sockets(folder):
    """Those the kernel tells everybody of; the agent binds by relative names."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
        names = {line.split()[-1] for line in table if line.split()[-1].startswith("apps/")}
    return sorted(folder + "/" + name for name in names)


def all_attacks():
    with open("targets", encoding="utf-8") as file:
        folder, *pids = file.read().split()
    for pid in pids:
        for name, attack in on_process(int(pid)):
            yield "%s of %s" % (name, pid), attack
    for path in [folder + "/agent.sock"] + bound_sockets(folder):
        for name, attack in on_socket(path):
            yield "%s %s" % (name, path), attack
    for path in (folder, folder + "/apps"):
        for name, attack in on_folder(path):
            yield "%s %s" % (name, path), attack
    yield "remove admin.sock", lambda: os.unlink(folder + "/admin.sock")


def outcome(attack):
    try:
        attack()
    except PermissionError:
        return "refused"
    except OSError as error:
        return "failed: " + os.strerror(error.errno)
    return "DONE"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/pid":
        return [b"%d" % os.getpid()]
    return ["".join("%s: %s\n" % (name, outcome(attack)) for name, attack in all_attacks()).encode()]
