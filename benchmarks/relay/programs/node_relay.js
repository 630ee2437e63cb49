// A relay that only forwards, on Node.js with `ws`: what many teams start from. It parses nothing and has no sessions.
// Arguments: the folder of the package `ws`, and the upstream's URL. It prints its port.
"use strict";
const [, , packageFolder, upstreamUrl] = process.argv;
const { WebSocket, WebSocketServer } = require(packageFolder);

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

server.on("connection", (client) => {
  const upstream = new WebSocket(upstreamUrl, { perMessageDeflate: false });
  const waiting = [];
  const forward = (target) => (data, isBinary) => target.send(data, { binary: isBinary });
  const toUpstream = forward(upstream);
  client.on("message", (data, isBinary) => {
    if (upstream.readyState === WebSocket.OPEN) toUpstream(data, isBinary);
    else waiting.push([data, isBinary]);
  });
  upstream.on("open", () => {
    for (const [data, isBinary] of waiting.splice(0)) toUpstream(data, isBinary);
  });
  upstream.on("message", forward(client));
  for (const [one, other] of [[client, upstream], [upstream, client]]) {
    one.on("close", () => other.terminate());
    one.on("error", () => other.terminate());
  }
});

server.on("listening", () => console.log(server.address().port));
