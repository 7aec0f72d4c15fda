import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Html, html } from './html.ts';

/** What a page consists of. */
export interface Page {
  readonly title: string;
  /** What stands in the page's `main`. */
  readonly body: Html;
  readonly footer: string;
  /** A style sheet after the one that all pages share. */
  readonly style?: string;
  /** The page's one script; nothing else runs. */
  readonly script?: string;
}

/**
 * One HTML file that needs nothing else: style, script and data are inside, and its content security policy lets it load
 * nothing and run no script but its own.
 */
export function renderPage({ title, body, footer, style = '', script }: Page): string {
  const sheet = new Html(`<style>${pageStyle()}\n${style}</style>`);
  const hashed = script === undefined ? undefined : hashedScript(script);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline';${hashed === undefined ? '' : ` script-src 'sha256-${hashed.hash}';`} base-uri 'none'; form-action 'none'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        ${sheet}
      </head>
      <body>
        <main>${body}</main>
        <footer>${footer}</footer>
        ${hashed?.element ?? ''}
      </body>
    </html> `;
  return page.text;
}

/** A part of a page under its heading. */
export function section(id: string, title: string, content: Html): Html {
  return html`<section class="part" aria-labelledby="part-${id}">
    <h2 id="part-${id}">${title}</h2>
    ${content}
  </section>`;
}

/** A script element and what the content security policy allows it by; the element holds the text to the last byte. */
function hashedScript(text: string): { readonly element: Html; readonly hash: string } {
  return { element: new Html(`<script>${text}</script>`), hash: createHash('sha256').update(text).digest('base64') };
}

/** The style sheet stands beside the sources and the build alike. */
function pageStyle(): string {
  return readFileSync(new URL('../page/page.css', import.meta.url), 'utf8');
}
