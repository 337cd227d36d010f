// SPDX-License-Identifier: Apache-2.0
// Keeps a journal of the requests it executes; test/ledger.h says what it answers.
'use strict';

const fs = require('fs');
const http = require('http');

const version = fs.readFileSync('version', 'utf8').trim();
if (version.startsWith('broken')) {
    throw new Error('this deployment is broken');
}
const journal = fs.openSync('journal', 'a');

http.createServer((request, response) => {
    const [, nonce, wait] = request.url.split('/');
    let sum = 0;
    request.on('data', (part) => part.forEach((byte) => { sum += byte; }));
    request.on('end', () => {
        if (nonce !== 'look') {
            fs.writeSync(journal, `${nonce} ${process.pid}\n`);
        }
        setTimeout(() => {
            const answer = `${nonce} ${sum & 0xffff} ${version} ${process.pid}\n`;
            response.setHeader('Content-Type', 'text/plain');
            response.setHeader('Content-Length', answer.length);
            response.end(answer);
        }, Number(wait || 0));
    });
}).listen(3000);
