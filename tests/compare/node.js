// Node's HTTP server, whose parser is llhttp, with its defaults.
//
//   node node.js answer PORT       reads each request to its end, and answers 200
//   node node.js forward PORT TO   passes each on to port TO, over one connection that is kept

'use strict';
const http = require('http');
const { pipeline } = require('stream');

const [what, port, to] = process.argv.slice(2);

function answer(request, response) {
  request.resume();
  request.on('end', () => response.end('seen\n'));
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

// Fields that speak of one connection only (RFC 9110, section 7.6.1). Transfer-Encoding is one of
// them, too, but what it says is so of the next connection as well: Node writes the chunks anew.
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade']);

function endToEnd(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.has(name)));
}

function giveUp(response, status) {
  response.writeHead(status, { Connection: 'close' });
  response.end();
}

function forward(request, response) {
  const { method, url } = request;
  let onward;
  try {
    onward = http.request({
      agent, host: '127.0.0.1', port: to, method, path: url, headers: endToEnd(request.headers),
    });
  } catch {
    giveUp(response, 400); // older parsers take bytes that Node then refuses to send
    return;
  }
  onward.on('response', (answered) => {
    response.writeHead(answered.statusCode, endToEnd(answered.headers));
    answered.pipe(response);
  });
  // Where the request is cut, or the next server goes away, no side may be used again: nobody knows
  // how much the other has taken.
  pipeline(request, onward, (error) => {
    if (!error) return;
    onward.destroy();
    if (response.headersSent) {
      if (!response.writableEnded) response.destroy();
    } else {
      giveUp(response, 502);
    }
  });
}

const handle = what === 'answer' ? answer : forward;
const server = http.createServer({ insecureHTTPParser: false }, handle);
server.keepAliveTimeout = 60000;
server.listen(Number(port), '127.0.0.1');
