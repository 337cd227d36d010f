# SPDX-License-Identifier: Apache-2.0
"""The app in ../python; the validator raises an error if the loader breaks a
rule of WSGI."""
import os
import runpy
from wsgiref.validate import validator

here = os.path.dirname(os.path.abspath(__file__))
app = runpy.run_path(os.path.join(here, '../python/passenger_wsgi.py'))
application = validator(app['application'])
