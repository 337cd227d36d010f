// SPDX-License-Identifier: Apache-2.0
//
// Makes the app's first http.Server listen on the socket that the agent made.
//
// Used by loader.js. Also hands on what httpd knows about the client, keeps
// idle connections open, and drains the server at the end.
'use strict';

const EventEmitter = require('events');
const http = require('http');

const LISTEN_FD = 3;
const DRAIN_INTERVAL_MS = 50;
// Idle connections are httpd's to close: it believes they stay open.
const PINNED = ['keepAliveTimeout', 'headersTimeout', 'requestTimeout',
  'timeout', 'maxRequestsPerSocket'];
const REQUEST_EVENTS = new Set(['request', 'upgrade', 'connect',
  'checkContinue', 'checkExpectation']);

class HttpServer extends EventEmitter {
  constructor() {
    super();
    this.listening = false;
    this.api = makeApi();
    this.server = null;
    this.address = null;
    this.sockets = new Set();
  }

  install() {
    const self = this;
    const { listen } = http.Server.prototype;
    http.Server.prototype.listen = function listenHere(...args) {
      if (self.isSecondAddress(args)) {
        return self.pretend(this, args);
      }
      if (!self.wants(args[0])) {
        return listen.apply(this, args);
      }
      if (self.server) {
        throw new Error("listen('passenger') can be used once: there is one "
          + 'socket for an app');
      }
      self.adopt(this, args);
      const options = { fd: LISTEN_FD };
      if (args[0] && args[0].signal) {
        options.signal = args[0].signal;
      }
      return listen.call(this, options, args.find(isFunction));
    };
  }

  // Is it this listen() that means us? The first, whatever it says; but an app
  // that has several servers can say which.
  wants(target) {
    const address = (target && target.path) || target;
    return address === 'passenger' || address === '/passenger'
      || (this.api.autoInstall && !this.server);
  }

  // Some frameworks listen at each address of localhost, with a server each.
  // httpd stands for all of them, and no port is to be open besides.
  isSecondAddress(args) {
    return this.server !== null && this.address.port > 0
      && requestedAddress(args).port === this.address.port;
  }

  pretend(server, args) {
    server.address = () => this.address;
    const callback = args.find(isFunction);
    if (callback) {
      server.once('listening', callback);
    }
    process.nextTick(() => server.emit('listening'));
    return server;
  }

  adopt(server, args) {
    this.server = server;
    this.address = requestedAddress(args);
    for (const property of PINNED) {
      Object.defineProperty(server, property, { get: () => 0, set: () => {} });
    }
    server.address = () => (server.listening ? this.address : null);
    // Not by a listener: the app may add its own later, and before ours.
    const { emit } = server;
    server.emit = function describeAndEmit(event, ...rest) {
      if (REQUEST_EVENTS.has(event)) {
        describeClient(rest[0]);
      }
      return emit.call(this, event, ...rest);
    };
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    server.once('listening', () => {
      this.listening = true;
      this.emit('listening');
    });
  }

  // Calls back in a moment without requests, for work out of band.
  whenIdle(callback) {
    const timer = setInterval(() => {
      if (![...this.sockets].some((socket) => socket._httpMessage)) {
        clearInterval(timer);
        callback();
      }
    }, DRAIN_INTERVAL_MS);
  }

  // Stops accepting; calls back when the last request is answered.
  drain(callback) {
    this.server.close();
    const timer = setInterval(() => {
      for (const socket of this.sockets) {
        // The response that is being written on this connection.
        if (!socket._httpMessage) {
          socket.destroySoon();
        }
      }
      if (this.sockets.size === 0) {
        clearInterval(timer);
        callback();
      }
    }, DRAIN_INTERVAL_MS);
  }
}

// The global PhusionPassenger, which apps may look for.
function makeApi() {
  const api = new EventEmitter();
  api.autoInstall = true;
  api.configure = (options) => {
    if (options && options.autoInstall !== undefined) {
      api.autoInstall = Boolean(options.autoInstall);
    }
  };
  return api;
}

function isFunction(value) {
  return typeof value === 'function';
}

// What address() is to say: where the app believes it listens.
function requestedAddress([target, host]) {
  const options = target !== null && typeof target === 'object'
    ? target : { port: target, host };
  const port = Number(options.port);
  if (options.path || Number.isNaN(port)) {
    return String(options.path || target || 'passenger');
  }
  const address = typeof options.host === 'string' ? options.host : '127.0.0.1';
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port };
}

// The connection comes from httpd; these are what a connection from the client
// itself would show.
function describeClient(request) {
  const { socket } = request;
  const client = takeHeader(request, 'x-passenger-client');
  const encrypted = takeHeader(request, 'x-passenger-https') === 'on';
  const user = takeHeader(request, 'x-passenger-user');
  if (socket.encrypted !== encrypted) {
    socket.encrypted = encrypted;
  }
  // Node.js has no name for it. Requests of several users share a connection.
  if (user !== undefined) {
    request.remoteUser = user;
  }
  if (client === undefined || client === socket.passengerClient) {
    return;
  }
  const space = client.lastIndexOf(' ');
  const address = client.slice(0, space);
  socket.passengerClient = client;
  define(socket, 'remoteAddress', address);
  define(socket, 'remotePort', Number(client.slice(space + 1)));
  define(socket, 'remoteFamily', address.includes(':') ? 'IPv6' : 'IPv4');
}

function define(object, property, value) {
  Object.defineProperty(object, property, {
    value, configurable: true, enumerable: true, writable: true,
  });
}

// Returns a header of ours and removes it: it is not the client's.
function takeHeader(request, name) {
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === name.length && raw[i].toLowerCase() === name) {
      delete request.headers[name];
      return raw.splice(i, 2)[1];
    }
  }
  return undefined;
}

module.exports = { HttpServer };
