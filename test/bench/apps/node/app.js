// SPDX-License-Identifier: Apache-2.0
// The benchmark's Node.js app: fixed answers, without a framework.
'use strict';

const http = require('http');

const answers = {
  '/hello': Buffer.from('hello world\n'),
  '/64k': Buffer.alloc(65536, 'x'),
  '/8m': Buffer.alloc(8 << 20, 'x'),
};

function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
}

const server = http.createServer((request, response) => {
  if (request.url === '/post') {
    let length = 0;
    request.on('data', (data) => { length += data.length; });
    request.on('end', () => send(response, 200, Buffer.from(`${length}\n`)));
  } else if (answers[request.url]) {
    send(response, 200, answers[request.url]);
  } else {
    send(response, 404, Buffer.from('not found\n'));
  }
});

// Behind mod_proxy the connections must not be closed by this side first.
server.keepAliveTimeout = 120000;
server.listen(process.env.BENCH_SOCKET || 3000);
