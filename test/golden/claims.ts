import { expect, test } from 'vitest';

/**
 * A test that fails for every entry of an area that no check has claimed, so that new golden data cannot lie there unread.
 * Checks claim the ids that they read or compare.
 */
export function testEveryEntryIsClaimed(
  area: string,
  entries: readonly { readonly id: string }[],
  claimed: readonly string[],
): void {
  test(`checks every entry of ${area}`, ({ skip }) => {
    if (entries.length === 0) skip(`the golden folder has no ${area}`);
    expect(entries.map(({ id }) => id).filter((id) => !claimed.includes(id))).toEqual([]);
  });
}
