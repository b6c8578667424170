// The page of bench/ as one writes it for Node: express, and express-session with files. Listens on the Unix socket BENCH_SOCKET.
'use strict';
const express = require('express');
const session = require('express-session');
const FileStore = require('session-file-store')(session);

const app = express();
app.disable('x-powered-by');
app.use(session({
  name: 'sid',
  secret: process.env.SECRET_KEY,
  resave: false,
  saveUninitialized: false,
  store: new FileStore({path: process.env.BENCH_FOLDER, logFn: () => {}, retries: 0, reapInterval: -1}),
}));
app.use((request, response) => {
  request.session.visits = (request.session.visits || 0) + 1;
  response.type('html').send(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Session test, Node</title></head>
<body>
<p id="session-id">My session id: ${request.session.id}</p>
<p id="visits">Number of visits: ${request.session.visits}</p>
<p id="events">Number of Click Events: 0</p>
<p>This page has no style and no script. It counts a visit, and is for measuring what a session costs: its size is that of the page
that the empty responder gives, some five hundred octets. . . . . . . . . . . . . . .</p>
</body>
</html>
`);
});
app.listen(process.env.BENCH_SOCKET);
