// SPDX-License-Identifier: Apache-2.0
'use strict';

const express = require('express');

const app = express();
app.use(express.urlencoded({ extended: false }));

app.get('/hello', (request, response) => {
  response.type('text/plain').send('Hello world\n');
});

app.post('/form', (request, response) => {
  response.type('text/plain').send(`${request.body.name}\n`);
});

// What Express believes about the client.
app.get('/client', (request, response) => {
  response.type('text/plain').send(`${request.protocol} ${request.ip}\n`);
});

app.listen(process.env.PORT || 3000);
