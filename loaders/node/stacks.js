// SPDX-License-Identifier: Apache-2.0
//
// Shows at SIGQUIT what the process is doing, on fd 2.
//
// Used by loader.js. While JavaScript runs without end, no handler of this
// thread is called, so another thread (stack_worker.js) hears the signal too:
// if this one does not react soon, it looks at its stack. The price is the 8 MB
// that a thread takes in Node.js.
'use strict';

const fs = require('fs');
const path = require('path');

// sockets: the connections of the app's server.
function install(sockets) {
  // Counts the signals that this thread has heard.
  const heard = new Int32Array(new SharedArrayBuffer(4));
  process.on('SIGQUIT', () => {
    Atomics.add(heard, 0, 1);
    if (process.listenerCount('SIGQUIT') === 1) {
      report(sockets);
    }
  });
  try {
    watch(heard);
  } catch (error) {
    // Not allowed, or this Node.js is built without threads or inspector: then
    // only a process that is not stuck can say something.
  }
}

function watch(heard) {
  const { Worker } = require('worker_threads');
  const worker = new Worker(path.join(__dirname, 'stack_worker.js'), {
    // What the app's options would load is of no use in there; the thread needs
    // a part of Node.js that only this option shows, and only to the thread.
    env: {},
    execArgv: ['--expose-internals', '--no-warnings'],
    workerData: heard,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  worker.on('error', () => {});
  worker.unref();
}

function report(sockets) {
  const lines = [];
  for (const socket of sockets) {
    // The response that is being made on this connection.
    const request = socket._httpMessage && socket._httpMessage.req;
    if (request) {
      lines.push(`    ${request.method} ${request.url.split('?')[0]}`);
    }
  }
  fs.writeSync(2, 'No JavaScript is running; requests in progress: '
    + `${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`);
}

module.exports = { install };
