/** A process that dies at chosen points: once dead it throws at every point, until it is started again. */
export class Crashing {
  points = 0;
  #dead = false;
  readonly #crashAt: ReadonlySet<number>;

  constructor(crashAt: Iterable<number>) {
    this.#crashAt = new Set(crashAt);
  }

  readonly trace = (point: string): void => {
    if (!this.#dead) {
      this.points++;
      this.#dead = this.#crashAt.has(this.points);
    }
    if (this.#dead) throw new Error(`Crashed at: ${point}`);
  };

  /** Runs work that may crash; afterwards the process lives again. Any other failure is thrown. */
  async survive(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#dead) throw error;
    }
    this.#dead = false;
  }
}
