# SPDX-License-Identifier: Apache-2.0
"""Loads a Python app and serves it, as loaders/PROTOCOL says.

The agent starts it: argv is the interpreter and this file, the working folder
is the app's root, fd 3 listens, fd 4 is the control channel. This file alone
keeps to syntax that any Python understands, so that an interpreter that is too
old can be told so.
"""
import gc
import json
import os
import signal
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
LISTEN_FD = 3
CONTROL_FD = 4
OLDEST = (3, 7)
# A line on the control channel is at most 64 KiB, and JSON may need up to six
# bytes for a character.
MAX_DETAILS = 10000


class StartError(Exception):
    """Why the app cannot be started: a sentence, and more text about it."""

    def __init__(self, step, summary, details=''):
        Exception.__init__(self, summary)
        self.step = step
        self.summary = summary
        self.details = details


def main():
    try:
        check_interpreter()
        own = import_own_modules()
        hide_loader(own)
        close_after_fork()
        application = load_application()
        # Not earlier: until now the app might have run its interpreter again.
        forked = os.environ.pop('PASSENGER_PRELOAD', '') == '1'
        watch_for_crashes(own)
        for fd in (LISTEN_FD, CONTROL_FD):
            os.set_inheritable(fd, False)
        if forked and not preload(own['preloader']):
            return
        serve(own, application, forked)
    except StartError as error:
        report_failure(error)
        sys.stdout.flush()
        # Not sys.exit(): threads that the app has started may never end.
        os._exit(1)


def preload(module):
    """True in each new process, False at the preloader's end."""
    try:
        preloader = module.Preloader(LISTEN_FD, CONTROL_FD, say)
        stop_on_sigterm(preloader)
        preloader.prepare()
        say({'event': 'ready', 'format': 'fork'})
        is_new = preloader.run()
    except Exception as error:
        raise StartError('start', 'the preloader failed: %s' % error,
                         traceback.format_exc() + describe_interpreter())
    if is_new and 'LISTEN_PID' in os.environ:
        os.environ['LISTEN_PID'] = str(os.getpid())
    return is_new


def serve(own, application, forked):
    hooks = own['passenger']
    server = make_server(own, application)
    stop_on_sigterm(server)
    call_hooks(hooks, 'after_installing_signal_handlers')
    call_hooks(hooks, 'starting_worker_process', forked)
    server.start(
        lambda: call_hooks(hooks, 'starting_request_handler_thread'))
    concurrency = hooks.advertised_concurrency_level
    say({'event': 'ready', 'format': 'session', 'keep_alive': True,
         'concurrency': threads() if concurrency is None else concurrency})
    try:
        server.run()
    except BaseException as error:
        hooks.call_event('unhandled_exception_before_exit', error)
        raise
    hooks.call_event('stopping_worker_process')
    # What the app forgot to close is closed with all else, now as ever.
    gc.unfreeze()


def threads():
    """How many requests are to be served at once."""
    text = os.environ.get('PASSENGER_THREADS', '')
    return max(int(text), 1) if text.isdigit() else 1


def make_server(own, application):
    def rest():
        """Run what the app registered for a time without requests. Whatever
        happens in there, requests are to come again."""
        try:
            own['passenger'].call_event('oob_work')
        except Exception:
            traceback.print_exc()
        finally:
            say({'event': 'rested'})

    arguments = (application, LISTEN_FD, CONTROL_FD, rest)
    if threads() == 1:
        return own['wsgi_server'].WsgiServer(*arguments)
    return own['wsgi_threads'].WsgiThreads(*arguments, count=threads())


def call_hooks(hooks, event, *args):
    """Before the process is ready, a hook that fails is a start that failed."""
    try:
        hooks.call_event(event, *args)
    except Exception as error:
        raise StartError(
            'load', "a function for the event '%s' raised %s: %s"
            % (event, type(error).__name__, ' '.join(str(error).split())),
            format_trace(error) + '\n' + describe_interpreter())


def say(message, fd=CONTROL_FD):
    """Send one line to the agent, which may be gone already."""
    line = json.dumps(message, ensure_ascii=False) + '\n'
    data = line.encode('utf-8', 'replace')
    try:
        while data:
            data = data[os.write(fd, data):]
    except OSError:
        sys.stderr.write(line)


def report_failure(error):
    details = error.details
    if len(details) > MAX_DETAILS:
        half = MAX_DETAILS // 2
        details = details[:half] + '\n[...]\n' + details[-half:]
    say({'event': 'failed', 'step': error.step,
         'summary': error.summary[:1000], 'details': details})


def check_interpreter():
    if sys.version_info < OLDEST:
        raise StartError(
            'start', 'Python %d.%d or newer is needed, but %s is %s'
            % (OLDEST + (sys.executable, sys.version.split()[0])))


def import_own_modules():
    """Import our own modules before the app can replace any they need."""
    from importlib import import_module
    sys.path.insert(0, HERE)
    # Whoever runs this may be able to write to our folder, but should not.
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    names = ['passenger', 'wsgi_server', 'wsgi_response']
    if os.environ.get('PASSENGER_PRELOAD'):
        names.append('preloader')
    if threads() > 1:
        names.append('wsgi_threads')
    try:
        return {name: import_module(name) for name in names}
    except Exception:
        raise StartError('start', 'the loader itself could not be loaded',
                         traceback.format_exc() + describe_interpreter())
    finally:
        sys.dont_write_bytecode = keep


def hide_loader(own):
    """Put the app's root where our folder was, and free our modules' names."""
    sys.path[:] = [os.getcwd()] + [p for p in sys.path if p != HERE]
    for name in own:
        sys.modules.pop(name, None)
    sys.meta_path.append(LastResort(own['passenger']))


class LastResort:
    """Gives the module to who imports it, unless there is another one of that
    name."""

    def __init__(self, module):
        self._module = module

    def find_spec(self, name, path=None, target=None):
        from importlib import util
        if name == self._module.__name__:
            return util.spec_from_loader(name, self)
        return None

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        """It is complete already."""


def close_after_fork():
    """Keep children that the app forks from holding our descriptors open."""
    def close_ours():
        for fd in (LISTEN_FD, CONTROL_FD):
            try:
                os.close(fd)
            except OSError:
                pass
    os.register_at_fork(after_in_child=close_ours)


def load_application():
    name = os.environ.get('PASSENGER_STARTUP_FILE') or 'passenger_wsgi.py'
    path = os.path.join(os.getcwd(), name)
    if not os.path.isfile(path):
        raise StartError('load', "the startup file '%s' does not exist" % path)
    module = run_startup_file(name, path)
    try:
        application = module.application
    except AttributeError:
        raise StartError(
            'load', "'%s' does not define 'application'" % name,
            "Name your WSGI callable 'application', for example:\n"
            "    from myapp import app as application\n"
            + describe_interpreter())
    if not callable(application):
        raise StartError(
            'load', "'application' in '%s' is not callable, it is of type %s"
            % (name, type(application).__name__), describe_interpreter())
    return application


def run_startup_file(name, path):
    from importlib import machinery, util
    loader = machinery.SourceFileLoader('passenger_wsgi', path)
    spec = util.spec_from_file_location('passenger_wsgi', path, loader=loader)
    module = util.module_from_spec(spec)
    sys.modules['passenger_wsgi'] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise StartError('load', summarize(name, error),
                         format_trace(error) + '\n' + describe_interpreter())
    return module


def summarize(name, error):
    if isinstance(error, SystemExit):
        return "'%s' ended the process while it was loaded: %s" % (name, error)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or '').split('.')[0]
        return ("%s: install '%s' in the environment of %s"
                % (error, package, sys.executable))
    if isinstance(error, SyntaxError):
        return ("%s in '%s', line %s: %s"
                % (type(error).__name__, error.filename, error.lineno,
                   error.msg))
    return ("'%s' raised %s: %s"
            % (name, type(error).__name__, ' '.join(str(error).split())))


def format_trace(error):
    """The trace without the frames of this file and of the import machinery."""
    trace = error.__traceback__
    while trace and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return ''.join(traceback.format_exception(type(error), error, trace))


def is_ours(file):
    return os.path.dirname(file) == HERE or file.startswith('<frozen importlib')


def describe_interpreter():
    return ('Interpreter: %s\nVersion: %s\nSearch path:\n%s\n'
            % (sys.executable, sys.version.replace('\n', ' '),
               '\n'.join('    ' + entry for entry in sys.path)))


def watch_for_crashes(own):
    """SIGQUIT shows every thread's stack, and then the requests in progress,
    if the main thread is not stuck outside of Python; a crash or SIGABRT shows
    the stacks."""
    import faulthandler
    faulthandler.enable()
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL:
        signal.signal(signal.SIGQUIT, lambda *_: show_requests(
            own['wsgi_server'].requests(sys._current_frames().values())))
        faulthandler.register(signal.SIGQUIT, all_threads=True, chain=True)


def show_requests(requests):
    if requests:
        # Not print(): the signal may have come in the middle of one.
        os.write(2, ('requests in progress: %s\n'
                     % ', '.join(requests)).encode('utf-8', 'replace'))


def stop_on_sigterm(server):
    """End as after "stop", unless the app does something of its own. Its
    children end at once: they have nothing to finish."""
    def stop(*_):
        server.stop()

    def end_at_once():
        if signal.getsignal(signal.SIGTERM) is stop:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
        os.register_at_fork(after_in_child=end_at_once)


if __name__ == '__main__':
    main()
