// One step after the other. A conversation's record is read, changed and stored in several places; in a lane no step sees
// what another has half done.

export class Lane {
  constructor() {
    this.last = Promise.resolve();
  }

  /** Runs `step` after all that were added before; its result. */
  add(step) {
    const result = this.last.then(step);
    this.last = result.catch(() => {});
    return result;
  }
}
