import { FreebindError } from '@freebind/core';

/** Whether something is open. It is closed with its owner, and closing twice is quiet. */
export class Lifetime {
  readonly #what: string;
  readonly #owner: Lifetime | undefined;
  #closed = false;

  constructor(what: string, owner?: Lifetime) {
    this.#what = what;
    this.#owner = owner;
  }

  /** @throws FREEBIND_CLOSED */
  check(): void {
    if (this.#closed)
      throw new FreebindError('FREEBIND_CLOSED', `This ${this.#what} was closed; open another one to go on.`);
    this.#owner?.check();
  }

  close(): void {
    this.#closed = true;
  }
}
