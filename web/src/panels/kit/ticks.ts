// Round numbers for an axis, and how many decimals their labels need.

export interface Ticks { at: number[]; min: number; max: number; decimals: number }

/** Ticks at 1, 2, 2.5 or 5 times a power of ten, about `count` of them; the ends grow to whole steps unless fixed. */
export function linearTicks(low: number, high: number, count: number, fixed: { min?: boolean; max?: boolean } = {}): Ticks {
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    [low, high] = [0, 1];
  }
  if (low === high) {
    [low, high] = low === 0 ? [0, 1] : low > 0 ? [fixed.min ? low : 0, high + (fixed.min ? 1 : 0)] : [low, 0];
  }
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? 10 * power;
  const decimals = decimalsOf(step);
  const min = fixed.min ? low : Math.floor(low / step + 1e-9) * step;
  const max = fixed.max ? high : Math.ceil(high / step - 1e-9) * step;
  const at: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9 && at.length < 1000; i++) {
    at.push(Number((i * step).toFixed(Math.min(20, decimals + 2))));
  }
  return { at, min, max, decimals };
}

export function logTicks(low: number, high: number, base: number): Ticks {
  const log = (v: number) => Math.log(v) / Math.log(base);
  const floor = low > 0 ? low : high > 0 ? Math.min(1, high / base) : 1;
  const from = Math.floor(log(floor) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(log(high > 0 ? high : 1) - 1e-9));
  const at: number[] = [];
  for (let i = from; i <= to; i++) {
    at.push(base ** i);
  }
  return { at, min: base ** from, max: base ** to, decimals: from < 0 ? -from : 0 };
}

export function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 15; decimals++) {
    if (Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6) {
      return decimals;
    }
  }
  return 15;
}
