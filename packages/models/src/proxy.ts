import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { FreebindError } from '@freebind/core';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a URL is asked through: HTTPS_PROXY or HTTP_PROXY, as the URL begins (the names in small letters come first),
 * unless NO_PROXY covers its host.
 */
export function proxyOf(url: URL, env: Env): URL | undefined {
  const value = (name: string): string => env[name.toLowerCase()] || env[name] || '';
  const proxy = value(variableOf(url));
  const direct = value('NO_PROXY')
    .split(/[\s,]+/)
    .some((entry) => covers(entry.toLowerCase(), url));
  if (proxy === '' || direct) return undefined;
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
}

/**
 * Whether an entry of NO_PROXY covers a URL, as curl and Python read it: `example.org` and `.example.org` are that host and all
 * below it, `example.org:8080` on that port alone, `*` is every host.
 */
function covers(entry: string, url: URL): boolean {
  if (entry === '' || entry === '*') return entry === '*';
  const [, inBrackets, named = entry, port] = /^(?:\[(.+)\]|(?:\*?\.)?([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  if (port !== undefined && port !== portOf(url)) return false;
  const [name, host] = [inBrackets ?? named, hostOf(url)];
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

/** Asks for a file in the clear: the proxy is given the whole address (RFC 9112, 3.2.2). Many proxies tunnel to port 443 alone. */
export function requestThrough(
  proxy: URL,
  url: URL,
  { headers, ...options }: Omit<RequestOptions, 'headers'> & { readonly headers: Readonly<Record<string, string>> },
): ClientRequest {
  const { auth, path } = urlToHttpOptions(url);
  return requestTo(proxy, {
    ...options,
    path: `${url.origin}${path}`,
    auth,
    headers: { ...headers, host: url.host, ...loginOf(proxy) },
  });
}

/**
 * A connection to the host of an https URL through a proxy (RFC 9110, 9.3.6), within TLS.
 *
 * @throws FREEBIND_DOWNLOAD_FAILED when the proxy refuses it
 */
export async function openTunnel(
  proxy: URL,
  url: URL,
  { signal, timeout }: { readonly signal: AbortSignal | undefined; readonly timeout: number },
): Promise<Socket> {
  const path = `${url.hostname}:${portOf(url)}`;
  const socket = await new Promise<Socket>((resolve, reject) => {
    const asked = requestTo(proxy, {
      method: 'CONNECT',
      path,
      headers: { host: path, ...loginOf(proxy) },
      timeout,
      agent: false,
      ...(signal && { signal }),
    });
    asked.on('connect', ({ statusCode: status = 0 }, opened: Socket) => {
      if (status >= 200 && status < 300) return resolve(opened);
      opened.destroy();
      reject(refusalOf(proxy, url, status) ?? new Error(`the proxy ${proxy.host} answered ${status}`));
    });
    asked.on('timeout', () => asked.destroy(new Error(`the proxy ${proxy.host} does not answer`)));
    asked.on('error', reject).end();
  });
  const host = hostOf(url);
  return connect({ socket, host, ...(isIP(host) === 0 && { servername: host }) });
}

/** What an answer that came from a proxy, or through it, refuses for good; undefined for what another try may mend. */
export function refusalOf(proxy: URL, url: URL, status: number): FreebindError | undefined {
  const { host } = proxy;
  const variable = variableOf(url);
  if (status === 407)
    return refused(
      `The proxy ${host} answered 407: it ${proxy.username === '' ? 'wants a login' : `does not accept the login in ${variable}`}. Set ${variable} to ${proxy.protocol}//USER:PASSWORD@${host}.`,
    );
  const secure = url.protocol === 'https:';
  const final = secure ? status >= 400 && status < 500 && status !== 408 && status !== 429 : status === 403;
  if (!final) return undefined;
  const who = secure ? `The proxy ${host} answered ${status} and` : `${status} came through the proxy ${host}, which`;
  return refused(
    `${who} does not let this machine get at ${url.host}${secure ? '' : ', or that server itself does not'}. Ask those who run the proxy; or if ${url.hostname} can be reached without it, name it in NO_PROXY.`,
  );
}

function refused(what: string): FreebindError {
  return new FreebindError('FREEBIND_DOWNLOAD_FAILED', what);
}

function requestTo(proxy: URL, options: RequestOptions): ClientRequest {
  const { hostname, port } = urlToHttpOptions(proxy);
  return (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({ ...options, hostname, port });
}

function loginOf(proxy: URL): Readonly<Record<string, string>> {
  const { auth } = urlToHttpOptions(proxy);
  return typeof auth === 'string' ? { 'proxy-authorization': `Basic ${Buffer.from(auth).toString('base64')}` } : {};
}

function variableOf({ protocol }: URL): 'HTTPS_PROXY' | 'HTTP_PROXY' {
  return protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
}

/** The host without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}
