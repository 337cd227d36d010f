// SPDX-License-Identifier: Apache-2.0
//
// Loads a Node.js app and serves it, as loaders/PROTOCOL says.
//
// The agent starts it: the working folder is the app's root, fd 3 listens, fd 4
// is the control channel. The app itself calls listen(), as it would anywhere;
// http_server.js makes that the socket at fd 3.
'use strict';

const { spawnSync } = require('child_process');
const fs = require('fs');
const Module = require('module');
const net = require('net');
const path = require('path');
const { pathToFileURL } = require('url');
const { HttpServer } = require('./http_server');
const stacks = require('./stacks');

const CONTROL_FD = 4;
// A line on the control channel is at most 64 KiB, and JSON may need up to six
// bytes for a character.
const MAX_DETAILS = 10000;
// An app that takes longer than this to listen may have forgotten to.
const PATIENCE_MS = 15000;
// How long an app that handles the request to stop may take to end itself.
const FAREWELL_MS = 5000;

const root = process.cwd();
const name = process.env.PASSENGER_STARTUP_FILE || 'app.js';
const file = path.resolve(root, name);
const server = new HttpServer();
let reported = false;
let stopping = false;

function main() {
  process.title = `passenger: ${root}`;
  // The app is to find what it would if it had been started by hand.
  process.argv.splice(1, 1, file);
  if (!fs.existsSync(file)) {
    fail(`the startup file '${file}' does not exist`, '');
  }
  global.PhusionPassenger = server.api;
  server.install();
  server.once('listening', ready);
  process.on('exit', explainExit);
  process.on('uncaughtExceptionMonitor', explainCrash);
  remindToListen();
  try {
    load();
  } catch (error) {
    failWith(error);
  }
}

// Sends one line to the agent, which may be gone already.
function say(message) {
  const line = `${JSON.stringify(message)}\n`;
  try {
    fs.writeSync(CONTROL_FD, line);
  } catch (error) {
    process.stderr.write(line);
  }
}

function fail(summary, details) {
  reported = true;
  if (details.length > MAX_DETAILS) {
    const half = MAX_DETAILS / 2;
    details = `${details.slice(0, half)}\n[...]\n${details.slice(-half)}`;
  }
  summary = summary.slice(0, 1000);
  say({ event: 'failed', step: 'load', summary, details });
  process.exit(1);
}

function failWith(error) {
  fail(summarize(error), describe(error));
}

function summarize(error) {
  const [line] = String((error && error.message) || error).split('\n');
  const missing = /^Cannot find (?:module|package) '([^'./][^']*)'/.exec(line);
  if (missing) {
    return `${line}: run 'npm install' in '${root}', or add '${missing[1]}'`
      + ' to package.json first';
  }
  if (error instanceof SyntaxError) {
    return `syntax error while '${name}' was loaded: ${line}`;
  }
  return `'${name}' threw ${(error && error.name) || 'a value'}: ${line}`;
}

function describe(error) {
  const trace = (error && error.stack) || String(error);
  return `${trace}\n${findSyntaxError(error, trace)}\n${describeInterpreter()}`;
}

// An ES module's syntax error does not say where it is; `node --check` does.
function findSyntaxError(error, trace) {
  if (!(error instanceof SyntaxError) || trace.includes(file)) {
    return '';
  }
  const check = spawnSync(process.execPath, ['--check', file],
    { encoding: 'utf8', timeout: 5000 });
  return check.stderr || `(not in '${name}', but in a module that it imports)\n`;
}

function describeInterpreter() {
  const folders = Module._nodeModulePaths(path.dirname(file));
  return `Interpreter: ${process.execPath}\nVersion: ${process.version}\n`
    + `Search path:\n    ${folders.concat(Module.globalPaths).join('\n    ')}\n`;
}

// As `node FILE` would: an ES module is imported, anything else is the main
// module, so that require.main === module.
function load() {
  if (isEsModule(file)) {
    importMain();
    return;
  }
  let executing = false;
  const { require: original } = Module.prototype;
  // Only to know whether the startup file's own code had begun to run.
  Module.prototype.require = function require(...args) {
    Module.prototype.require = original;
    executing = true;
    return original.apply(this, args);
  };
  try {
    Module._load(file, null, true);
  } catch (error) {
    const codes = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];
    if (executing || !codes.includes(error && error.code)) {
      throw error;
    }
    importMain();
  } finally {
    if (!executing) {
      Module.prototype.require = original;
    }
  }
}

function importMain() {
  import(pathToFileURL(file).href).catch(failWith);
}

function isEsModule(script) {
  const extension = path.extname(script);
  if (extension !== '.js') {
    return extension === '.mjs';
  }
  for (let dir = path.dirname(script); ; dir = path.dirname(dir)) {
    const manifest = path.join(dir, 'package.json');
    if (fs.existsSync(manifest)) {
      return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    }
    if (dir === path.dirname(dir)) {
      return false;
    }
  }
}

function explainExit(status) {
  if (!server.listening && !reported) {
    fail(`'${name}' ended with status ${status} before it listened`,
      'An app must call listen() on an http.Server and keep it open.\n'
      + describeInterpreter());
  }
}

// An exception or a rejected promise that nobody handles; Node.js ends the
// process after this, unless the app has its own idea.
function explainCrash(error) {
  if (!server.listening && !reported
      && process.listenerCount('uncaughtException') === 0) {
    failWith(error);
  }
}

function remindToListen() {
  const timer = setTimeout(() => {
    console.error(`'${name}' was loaded ${PATIENCE_MS / 1000} s ago, but has `
      + 'not called listen() on an http.Server yet');
  }, PATIENCE_MS);
  timer.unref();
  server.once('listening', () => clearTimeout(timer));
}

function ready() {
  stacks.install(server.sockets);
  say({
    event: 'ready', format: 'http', concurrency: 0, keep_alive: true,
  });
  const control = new net.Socket({ fd: CONTROL_FD });
  let input = '';
  control.setEncoding('utf8');
  control.on('data', (text) => {
    const lines = (input + text).split('\n');
    input = lines.pop();
    lines.forEach((line) => obey(JSON.parse(line).command));
  });
  control.on('end', stop);
  control.on('error', stop);
  // An app that closes its server and has nothing else to do is to end.
  control.unref();
  process.on('SIGTERM', () => {
    if (process.listenerCount('SIGTERM') === 1) {
      stop();
    }
  });
}

function obey(command) {
  if (command === 'stop') {
    stop();
  } else if (command === 'oob_work') {
    server.whenIdle(rest);
  }
}

// Runs what the app registered for a time without requests. Whatever happens in
// there, requests are to come again.
function rest() {
  try {
    server.api.emit('oob_work');
  } catch (error) {
    console.error(error);
  }
  say({ event: 'rested' });
}

// Finishes what is in progress and ends. An app may want to say farewell: it is
// told in both ways that apps know, and then it is up to the app to exit.
function stop() {
  if (stopping) {
    return;
  }
  stopping = true;
  const told = server.api.emit('exit') || process.emit('message', 'shutdown');
  server.drain(() => {
    if (told) {
      setTimeout(() => process.exit(0), FAREWELL_MS);
    } else {
      process.exit(0);
    }
  });
}

main();
