/** 480 bytes, 1.4 MB, 501.5 MB, 2.3 GB: powers of ten, as disks and hubs count. */
export function formatBytes(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} GB`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} MB`;
  return n >= 1e4 ? `${(n / 1e3).toFixed(1)} kB` : `${n.toFixed(0)} bytes`;
}
