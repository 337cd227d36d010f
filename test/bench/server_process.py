# SPDX-License-Identifier: Apache-2.0
"""A server with a process of its own above it, so that servers can run side by
side and what each of them uses is told apart. Used by bench."""

import multiprocessing
import signal

import load
import processes


class ServerProcess:
    """A server.Server at the other end of a pipe. A failure is a RuntimeError."""

    def __init__(self, server):
        self.server = server
        self.name = server.name
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.serve, args=(other,))
        self.process.start()
        other.close()

    def serve(self, pipe):
        """In the process: does what it is asked until the pipe is closed."""
        self.pipe.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        processes.become_reaper()
        tasks = {"start": self.server.start,
                 "run": lambda *args: load.run(self.server, *args),
                 "memory": lambda: processes.memory(self.server)}
        try:
            while True:
                task, *args = pipe.recv()
                try:
                    pipe.send((tasks[task](*args), None))
                except Exception as error:  # for the one who asked
                    pipe.send((None, str(error)))
        except EOFError:
            pass
        finally:
            self.server.stop()

    def ask(self, *task):
        self.pipe.send(task)
        try:
            answer, error = self.pipe.recv()
        except EOFError as gone:
            raise RuntimeError("%s: its process ended" % self.name) from gone
        if error:
            raise RuntimeError(error)
        return answer

    def stop(self):
        self.pipe.close()
        self.process.join()
