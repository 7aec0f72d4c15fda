import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a URL is asked through: HTTPS_PROXY or HTTP_PROXY, as the URL begins (the names in small letters come first),
 * unless NO_PROXY lists its host. That is a list of hosts, each with a port or without, of endings of hosts that begin with a dot
 * or with `*.`, or `*` for all.
 */
export function proxyOf(url: URL, env: Env): URL | undefined {
  const value = (name: string): string => env[name.toLowerCase()] || env[name] || '';
  const proxy = value(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  const direct = value('NO_PROXY')
    .split(/[\s,]+/)
    .some((entry) => {
      const host = entry.replace(/^\*/, '').toLowerCase();
      if (host === '') return entry === '*';
      return host.startsWith('.') ? url.hostname.endsWith(host) : url.hostname === host || url.host === host;
    });
  if (proxy === '' || direct) return undefined;
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
}

/** A connection to a URL's host through a proxy (RFC 9110, 9.3.6), within TLS where the URL says so. */
export async function openTunnel(
  proxy: URL,
  url: URL,
  { signal, timeout }: { readonly signal: AbortSignal | undefined; readonly timeout: number },
): Promise<Socket> {
  const secure = url.protocol === 'https:';
  const host = `${url.hostname}:${url.port || (secure ? 443 : 80)}`;
  const login = decodeURIComponent(`${proxy.username}:${proxy.password}`);
  const request = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  const socket = await new Promise<Socket>((resolve, reject) => {
    const asked = request({
      method: 'CONNECT',
      hostname: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port,
      path: host,
      headers: {
        host,
        ...(login !== ':' && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
      timeout,
      agent: false,
      ...(signal && { signal }),
    });
    asked.on('connect', ({ statusCode }, opened: Socket) => {
      if (statusCode === 200) return resolve(opened);
      opened.destroy();
      reject(new Error(`the proxy ${proxy.host} answered ${statusCode}`));
    });
    asked.on('timeout', () => asked.destroy(new Error(`the proxy ${proxy.host} does not answer`)));
    asked.on('error', reject).end();
  });
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return secure ? connect({ socket, host: name, ...(isIP(name) === 0 && { servername: name }) }) : socket;
}
