/** Runs `draw` once in the next frame, however often it is asked for before. */
export class FrameScheduler {
  readonly #draw: () => void;
  #handle = 0;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  request(): void {
    if (this.#handle !== 0) return;
    this.#handle = requestAnimationFrame(() => {
      this.#handle = 0;
      this.#draw();
    });
  }

  cancel(): void {
    if (this.#handle !== 0) cancelAnimationFrame(this.#handle);
    this.#handle = 0;
  }
}
