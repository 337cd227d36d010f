# SPDX-License-Identifier: Apache-2.0
"""Replaces its interpreter while it is loaded, as hosting panels' startup
files do. REEXEC_PYTHON names the one it wants."""
import os
import sys

INTERP = os.environ.get('REEXEC_PYTHON', '/usr/bin/python3')
if sys.executable != INTERP:
    os.execl(INTERP, INTERP, *sys.argv)


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s\n' % sys.executable).encode()]
