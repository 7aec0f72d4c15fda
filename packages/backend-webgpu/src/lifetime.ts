import { FreebindError } from '@freebind/core';

/** Whether a backend, runner or trainer is open. It closes with its owner, and closing twice is quiet. */
export class Lifetime {
  readonly #what: string;
  readonly #owner: Lifetime | undefined;
  #open = true;

  constructor(what: string, owner?: Lifetime) {
    this.#what = what;
    this.#owner = owner;
  }

  /** @throws FREEBIND_CLOSED */
  check(): void {
    if (!this.#open)
      throw new FreebindError('FREEBIND_CLOSED', `This ${this.#what} was closed; open another one to go on.`);
    this.#owner?.check();
  }

  /** Work on the device; what fails because this closed meanwhile fails with FREEBIND_CLOSED. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    try {
      return await work();
    } catch (error) {
      this.check();
      throw error;
    }
  }

  close(): void {
    this.#open = false;
  }
}
