import { expect, test } from 'vitest';
import { proxyOf } from './proxy.ts';

const URLS = ['https://a.org/x', 'https://b.a.org/x', 'http://a.org:8080/x'];
const of = (env: Readonly<Record<string, string>>) => URLS.map((url) => proxyOf(new URL(url), env)?.href);

test('a proxy is chosen by how an address begins, and by names in small letters first', () => {
  const env = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'http://other:2', http_proxy: 'plain:3' };
  expect(of(env)).toEqual(['http://secure:1/', 'http://secure:1/', 'http://plain:3/']);
  expect(of({})).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['a.org', [false, false, false]],
  ['b.a.org', [true, false, true]],
  ['org', [false, false, false]],
  ['.org', [false, false, false]],
  // Another host whose name only ends like it.
  ['.b.org, 1.a.org', [true, true, true]],
  ['a.org:8080', [true, true, false]],
  ['A.org:443', [false, false, true]],
  ['.a.org', [false, false, false]],
  ['c.org *.a.org', [false, false, false]],
  ['c.org,*', [false, false, false]],
  ['', [true, true, true]],
])('NO_PROXY %j leaves hosts out', (NO_PROXY, through) => {
  const env = { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:1', NO_PROXY };
  expect(of(env).map((proxy) => proxy !== undefined)).toEqual(through);
});

test.each([
  ['127.0.0.1', 'http://127.0.0.1:80/x', false],
  ['0.0.1', 'http://127.0.0.1/x', true],
  ['::1', 'https://[::1]/x', false],
  ['[::1]:8080', 'http://[::1]:8080/x', false],
  ['[::1]:8080', 'http://[::1]/x', true],
])('NO_PROXY %j is the very address, with %s', (NO_PROXY, url, through) => {
  const env = { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:1', NO_PROXY };
  expect(proxyOf(new URL(url), env) !== undefined).toBe(through);
});
