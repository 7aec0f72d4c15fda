import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as forward,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { pipeline } from 'node:stream';
import { onTestFinished } from 'vitest';

/** How a server behaves for a file. */
export interface ServedFile {
  readonly bytes?: Uint8Array;
  readonly etag?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers with all of it whatever was asked. */
  readonly ignoresRange?: boolean;
  /** Cuts the first so many connections after half of what they should bring. */
  cuts?: number;
  /** Milliseconds between pieces of 16 KiB. */
  readonly pauseMs?: number;
  /** Sends the body at once and ends the connection with it, as simple servers do. */
  readonly closes?: boolean;
}

export interface FileServer {
  readonly url: string;
  readonly files: Record<string, ServedFile>;
  /** What was asked for, in order. */
  readonly asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
}

/** A real HTTP server on this machine with Range and If-Range, which ends with the test. */
export async function serve(files: Record<string, ServedFile>): Promise<FileServer> {
  const asked: FileServer['asked'] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    asked.push({ path, headers: request.headers });
    const file = files[path];
    if (file === undefined) return response.writeHead(404).end();
    if (file.bytes === undefined) return response.writeHead(file.status ?? 500, file.headers).end();
    void send(file, file.bytes, request.headers, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // It listens on a port, not on a pipe.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, files, asked };
}

async function send(
  file: ServedFile,
  bytes: Uint8Array,
  asked: IncomingHttpHeaders,
  response: ServerResponse,
): Promise<void> {
  const [, from] = /^bytes=(\d+)-$/.exec(asked.range ?? '') ?? [];
  const current = asked['if-range'] === undefined || asked['if-range'] === file.etag;
  const start = from === undefined || file.ignoresRange === true || !current ? 0 : Number(from);
  if (start >= bytes.length) return void response.writeHead(416).end();
  const body = bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': body.length,
    ...(file.closes === true && { connection: 'close' }),
    ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    ...(file.etag !== undefined && { etag: file.etag }),
    ...file.headers,
  });
  if (file.closes === true) return void response.end(body);
  const cut = (file.cuts ?? 0) > 0;
  if (cut) file.cuts = (file.cuts ?? 0) - 1;
  const end = cut ? body.length >> 1 : body.length;
  const step = file.pauseMs === undefined ? end : 16384;
  for (let at = 0; at < end && !response.destroyed; at += step) {
    await new Promise((resolve) => response.write(body.subarray(at, Math.min(at + step, end)), resolve));
    if (file.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, file.pauseMs));
  }
  if (!cut) return void response.end();
  // Some time for what was sent to be read: a connection that is reset takes along what is on its way.
  await new Promise((resolve) => setTimeout(resolve, 100));
  response.destroy();
}

/** How a proxy behaves. */
export interface ProxyManner {
  /** Ports that it tunnels to. Default 443 alone, as Squid's. */
  readonly tunnelsTo?: readonly number[];
  /** USER:PASSWORD that it wants. */
  readonly login?: string;
  /** What it answers in place of all else. */
  readonly status?: number;
}

/** A real proxy on this machine, and what it was asked for: `GET` with a whole address, or `CONNECT` with a host and its port. */
export async function serveProxy({ tunnelsTo = [443], login, status }: ProxyManner = {}): Promise<{
  readonly url: string;
  readonly asked: string[];
}> {
  const asked: string[] = [];
  const refusalOf = (request: IncomingMessage, path: string): number | undefined => {
    asked.push(`${request.method} ${path}`);
    const given = Buffer.from(request.headers['proxy-authorization']?.replace('Basic ', '') ?? '', 'base64').toString();
    return login !== undefined && given !== login ? 407 : status;
  };
  const server = createServer((request, response) => {
    const refused = refusalOf(request, request.url ?? '');
    if (refused !== undefined) return response.writeHead(refused).end();
    const { 'proxy-authorization': _, ...headers } = request.headers;
    forward(request.url ?? '', { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      pipeline(answer, response, () => undefined); // one that is cut is cut on this side too
    }).end();
  });
  server.on('connect', (request, client) => {
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const refused = refusalOf(request, request.url ?? '') ?? (tunnelsTo.includes(Number(port)) ? undefined : 403);
    if (refused !== undefined) return client.end(`HTTP/1.1 ${refused} Refused\r\n\r\n`);
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client);
      client.pipe(upstream);
    });
    for (const socket of [upstream, client]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // It listens on a port, not on a pipe.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
