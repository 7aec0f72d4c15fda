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
  ['a.org', [false, true, false]],
  ['a.org:8080', [true, true, false]],
  ['.a.org', [true, false, true]],
  ['c.org *.a.org', [true, false, true]],
  ['c.org,*', [false, false, false]],
  ['', [true, true, true]],
])('NO_PROXY %j leaves hosts out', (NO_PROXY, through) => {
  const env = { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:1', NO_PROXY };
  expect(of(env).map((proxy) => proxy !== undefined)).toEqual(through);
});
