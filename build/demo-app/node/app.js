// SPDX-License-Identifier: Apache-2.0
// Shows what runs it. build/demo serves this at /node.
'use strict';

const http = require('http');
const os = require('os');

let requests = 0;

function escape(value) {
    return String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function facts(request) {
    const shown = Object.keys(process.env).sort()
        .filter((name) => /PASSENGER|_ENV$|^(HOME|PATH)$/.test(name));
    return [
        ['process', process.pid],
        ['user', os.userInfo().username],
        ['requests of this process', ++requests],
        ['server interface', 'http.Server'],
        ['url', request.url],
        ['remoteAddress', request.socket.remoteAddress],
        ...shown.map((name) => [name, process.env[name]]),
    ];
}

http.createServer((request, response) => {
    const title = `Node.js ${process.versions.node}`;
    const rows = facts(request)
        .map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`);
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<link rel="stylesheet" href="/demo.css"></head>
<body class="node"><main><h1>${title}</h1><a href="/">all languages</a>
<table>${rows.join('\n')}</table></main></body></html>
`);
}).listen(process.env.PORT || 3000);
