// SPDX-License-Identifier: Apache-2.0
//
// An ES module that awaits at its top: it can be imported, but not required.
import http from 'node:http';

const { hello } = await import('./hello.mjs');

const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(hello);
});

await new Promise((resolve) => {
  server.listen(process.env.PORT ?? 3000, resolve);
});
