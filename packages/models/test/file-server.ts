import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
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

/** A proxy that tunnels (HTTP CONNECT) and says to where. */
export async function serveProxy(): Promise<{ readonly url: string; readonly tunnels: string[] }> {
  const tunnels: string[] = [];
  const server = createServer();
  server.on('connect', (request, client) => {
    tunnels.push(request.url ?? '');
    const [host = '', port = ''] = (request.url ?? '').split(':');
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
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tunnels };
}
