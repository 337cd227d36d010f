// SPDX-License-Identifier: Apache-2.0
//
// A thread that shows the main thread's stack if that does not react to
// SIGQUIT. Started by stacks.js; workerData counts what the main thread heard.
'use strict';

const fs = require('fs');
const inspector = require('inspector');
const { workerData: heard } = require('worker_threads');

const SIGQUIT = 3;
// A main thread that is not stuck reacts within this time.
const REACTION_MS = 200;
// One that runs JavaScript can be stopped within this time.
const PAUSE_MS = 3000;
const MAX_FRAMES = 100;

// How many signals the main thread had heard when we last looked.
let known = 0;
// From a signal to the stack that it asked for, other signals are ignored.
let looking = false;

// Only the main thread has process.on(SIGNAL). This is what is behind it; where
// a Node.js to come has it no more, this thread ends and nothing is shown.
function listen() {
  const { internalBinding } = require('internal/test/binding');
  const { Signal } = internalBinding('signal_wrap');
  const signal = new Signal();
  signal.onsignal = () => {
    if (!looking) {
      looking = true;
      setTimeout(check, REACTION_MS);
    }
  };
  signal.start(SIGQUIT);
}

function check() {
  const now = Atomics.load(heard, 0);
  if (now === known) {
    showStack();
  } else {
    known = now;
    looking = false;
  }
}

function showStack() {
  const files = new Map();
  const session = new inspector.Session();
  session.connectToMainThread();
  // It goes on then, if it was stopped.
  function end() {
    session.disconnect();
    looking = false;
  }
  const timer = setTimeout(() => {
    end();
    write('The main thread is busy, but not in JavaScript: a synchronous call'
      + ' or a native module\n');
  }, PAUSE_MS);
  session.on('Debugger.scriptParsed', ({ params }) => {
    files.set(params.scriptId, params.url);
  });
  session.on('Debugger.paused', ({ params }) => {
    clearTimeout(timer);
    const frames = params.callFrames.slice(0, MAX_FRAMES);
    write(`The main thread is busy:\n${
      frames.map((frame) => describe(frame, files)).join('')}`);
    end();
  });
  session.post('Debugger.enable');
  session.post('Debugger.pause');
}

function describe({ functionName, location }, files) {
  const file = files.get(location.scriptId) || 'unknown';
  return `    at ${functionName || '<anonymous>'} (${file}:${
    location.lineNumber + 1}:${location.columnNumber + 1})\n`;
}

function write(text) {
  fs.writeSync(2, text);
}

listen();
