// node --import …/day-ahead.mjs: a clock that is a day ahead. Not libfaketime: programs in Go ask the kernel itself.
const DAY_MS = 86_400_000;
const Real = Date;

globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length > 0 ? given : [Real.now() + DAY_MS]));
  }

  static now() {
    return Real.now() + DAY_MS;
  }
};
