# SPDX-License-Identifier: Apache-2.0
"""What an app gets by `import passenger`: functions to be called when something
happens to its process.

    import passenger
    passenger.on_event('starting_worker_process', lambda forked: connect())

Made by loader.py before the app is loaded. An app's own module of that name is
found first.
"""

# What each function is given, in brackets:
#   after_installing_signal_handlers when SIGTERM and SIGQUIT are handled
#   starting_worker_process          before the first request (forked?)
#   starting_request_handler_thread  in each thread that will serve requests
#   oob_work                         in a time without requests
#   stopping_worker_process          after the last request
#   unhandled_exception_before_exit  the exception that ends the process
EVENTS = ('after_installing_signal_handlers', 'starting_worker_process',
          'starting_request_handler_thread', 'oob_work',
          'stopping_worker_process', 'unhandled_exception_before_exit')

# How many requests the app says it can serve at once; None: what we know.
advertised_concurrency_level = None

_functions = {event: [] for event in EVENTS}


def on_event(event, function=None):
    """Have the function called. Also a decorator: @on_event('oob_work')"""
    if event not in _functions:
        raise ValueError("there is no event '%s', only %s"
                         % (event, ', '.join(EVENTS)))
    if function is None:
        return lambda decorated: on_event(event, decorated)
    if not callable(function):
        raise TypeError("no function for the event '%s'" % event)
    _functions[event].append(function)
    return function


def call_event(event, *args):
    for function in _functions[event]:
        function(*args)
