# SPDX-License-Identifier: Apache-2.0
"""A Flask app, imported under the name that the loader looks for."""
from flask import Flask, request

app = Flask(__name__)


@app.route('/hello')
def hello():
    return 'Hello world\n', {'Content-Type': 'text/plain'}


@app.route('/form', methods=['POST'])
def form():
    return request.form['name'] + '\n', {'Content-Type': 'text/plain'}


application = app
