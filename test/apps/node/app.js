// SPDX-License-Identifier: Apache-2.0
// The routes of test/app_server.h.
'use strict';

const fs = require('fs');
const http = require('http');

// A Node.js app sees the whole URL: what is before its routes is its own affair.
const base = process.env.PASSENGER_BASE_URI || '';
const pattern = Buffer.from(Array.from({ length: 251 }, (_, i) => i));

function text(response, body) {
    const bytes = Buffer.from(body);
    response.setHeader('Content-Type', 'text/plain');
    response.setHeader('Content-Length', bytes.length);
    response.end(bytes);
}

function await_file(name, then) {
    if (fs.existsSync(name)) {
        then();
    } else {
        setTimeout(await_file, 10, name, then);
    }
}

const leaked = [];
const record = (file) => fs.appendFileSync(file, `${process.pid}\n`);

const routes = {
    hello: (request, response) => text(response, 'hello from node\n'),
    pid: (request, response) => text(response, String(process.pid)),
    environment: (request, response) => text(response, JSON.stringify(process.env)),
    request: (request, response) => text(response, JSON.stringify({
        url: request.url,
        method: request.method,
        remoteAddress: request.socket.remoteAddress,
        remoteUser: request.remoteUser,
        ...request.headers,
    })),
    echo: (request, response) => {
        const parts = [];
        request.on('data', (part) => parts.push(part));
        request.on('end', () => text(response, Buffer.concat(parts)));
    },
    // Writes down what it sees of a body.
    upload: (request, response, argument) => {
        const note = (line) => fs.appendFileSync(argument, `${line}\n`);
        let size = 0;
        request.on('data', (part) => {
            if (size === 0) {
                note(`first ${part.subarray(0, 5)}`);
            }
            size += part.length;
        });
        request.on('end', () => {
            note(`all ${size}`);
            text(response, 'uploaded');
        });
        request.on('error', () => note('cut'));
    },
    duplex: (request, response) => request.pipe(response),
    early: (request, response) => text(response, 'early'),
    half: (request) => request.once('data', () => process.kill(process.pid, 'SIGKILL')),
    size: (request, response, argument) => {
        const size = Number(argument);
        const bytes = Buffer.alloc(size);
        for (let at = 0; at < size; at += pattern.length) {
            pattern.copy(bytes, at);
        }
        text(response, bytes);
    },
    pieces: (request, response, argument) => {
        response.setHeader('Content-Type', 'text/plain');
        response.write('one\n');
        await_file(argument, () => response.end('two\n'));
    },
    wait: (request, response, argument) => await_file(argument, () => text(response, 'waited')),
    status: (request, response, argument) => {
        response.statusCode = Number(argument);
        response.end(['204', '304'].includes(argument) ? undefined : `status ${argument}`);
    },
    headers: (request, response) => {
        for (let i = 1; i <= 50; i++) {
            response.setHeader(`X-Number-${i}`, `value ${i}`);
        }
        response.setHeader('Set-Cookie', ['a=1; path=/', 'b=2; path=/']);
        text(response, 'headers');
    },
    say: (request, response, argument) => {
        console.log(`said on stdout: ${argument}`);
        console.error(`said on stderr: ${argument}`);
        text(response, 'said');
    },
    record: (request, response, argument) => {
        record(argument);
        text(response, 'recorded');
    },
    stick: (request, response, argument) => record(argument),
    leak: (request, response, argument) => {
        leaked.push(Buffer.alloc(Number(argument) << 20, 'x'));
        text(response, 'leaked');
    },
    burn: (request, response, argument) => {
        const end = Date.now() + Number(argument);
        while (Date.now() < end);
        text(response, 'burnt');
    },
    die: () => process.kill(process.pid, 'SIGKILL'),
    raise: () => {
        throw new Error('raised on purpose');
    },
};

http.createServer((request, response) => {
    const path = request.url.split('?')[0];
    const [, route, ...rest] = path.slice(base.length).split('/');
    const handler = routes[route] || ((_, answer) => text(answer, `node: ${path}`));
    handler(request, response, rest.join('/'));
}).listen(3000);
