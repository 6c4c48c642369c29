/** Where a picture is drawn. */
export interface ScreenOutput {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const ESC = "\x1b[";

/** Draws one picture in place of the one before, below what was written until then. */
export class Screen {
  readonly #output: ScreenOutput;
  #shown: readonly string[] = [];

  constructor(output: ScreenOutput) {
    this.#output = output;
  }

  /** Lines that the terminal has room for. */
  get rowsMax(): number {
    return Math.max(1, (this.#output.rows ?? 24) - 1);
  }

  get columnsMax(): number {
    return Math.max(20, this.#output.columns ?? 80);
  }

  /** Does nothing when the picture is the same. What does not fit is left out at the end. */
  draw(lines: readonly string[]): void {
    const fitting = lines.slice(0, this.rowsMax);
    if (fitting.join("\n") === this.#shown.join("\n")) return;
    const up = this.#shown.length === 0 ? "" : `${ESC}${this.#shown.length}A`;
    // Each line is cleared behind its end, then all below the last one: no flicker.
    this.#output.write(`${up}\r${fitting.map((line) => `${line}${ESC}K\n`).join("")}${ESC}J`);
    this.#shown = fitting;
  }
}
