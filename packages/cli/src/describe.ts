/** Plain data as indented `name  value` lines, for people. Short lists stand on one line, undefined and empty things are left out. */
export function describe(value: Readonly<Record<string, unknown>>, indent = ''): string {
  const entries = Object.entries(value).filter(([, of]) => !isEmpty(of));
  const width = Math.max(0, ...entries.filter(([, of]) => inline(of) !== undefined).map(([name]) => name.length));
  return entries
    .map(([name, of]) => {
      const line = inline(of);
      if (line !== undefined) return `${indent}${name.padEnd(width)}  ${line}`;
      const inner = Array.isArray(of) ? Object.fromEntries(of.map((each, i) => [String(i), each])) : of;
      // Neither null nor a list nor a plain value is left: `inline` took those.
      return `${indent}${name}\n${describe(inner as Readonly<Record<string, unknown>>, `${indent}  `)}`;
    })
    .join('\n');
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

/** The value on one line, or undefined where it needs several. */
function inline(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return String(value);
  if (!Array.isArray(value)) return undefined;
  if (value.every((each) => typeof each === 'number')) return `[${value.join(', ')}]`;
  return value.every((each) => typeof each !== 'object') ? value.join(', ') : undefined;
}
