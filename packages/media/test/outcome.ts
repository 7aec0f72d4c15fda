import { isFreebindError } from '@freebind/core';

/** What became of untrusted bytes: "read", the code of freebind's error, or another error's text, which no bytes may cause. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'read';
  } catch (error) {
    return isFreebindError(error) ? error.code : `not freebind's: ${String(error)}`;
  }
}

/** The outcomes that are allowed. */
export const READ_OR_NAMED = /^(read|FREEBIND_[A-Z_]+)$/;
