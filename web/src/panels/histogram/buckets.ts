// Values counted into equal buckets. Sizes that nobody asked for are round and give about the wanted number of buckets.
import { finite } from '../kit/frame';

export interface Histogram { edges: number[]; size: number; counts: number[][] }

export interface HistogramAsk { bucketCount?: number; bucketSize?: number; bucketOffset?: number; combine?: boolean }

const WANTED = 30;
const BUCKETS_MOST = 1000;

export function histogram(columns: unknown[][], ask: HistogramAsk): Histogram | null {
  const numbers = columns.map((values) => {
    const out: number[] = [];
    for (const value of values) {
      const n = finite(value);
      if (n !== null) {
        out.push(n);
      }
    }
    return out;
  });
  const all = ask.combine ? [numbers.flat()] : numbers;
  let [low, high] = [Infinity, -Infinity];
  for (const values of all) {
    for (const n of values) {
      [low, high] = [Math.min(low, n), Math.max(high, n)];
    }
  }
  if (low > high) {
    return null;
  }
  const size = Math.max(ask.bucketSize && ask.bucketSize > 0 ? ask.bucketSize : roundSize((high - low) / wanted(ask.bucketCount), low === high ? Math.abs(low) : 0), (high - low) / BUCKETS_MOST);
  const offset = ask.bucketOffset ?? 0;
  const first = Math.floor((low - offset) / size + 1e-9);
  const many = Math.floor((high - offset) / size + 1e-9) - first + 1;
  const counts = all.map((values) => {
    const out = new Array<number>(many).fill(0);
    for (const n of values) {
      out[Math.min(many - 1, Math.max(0, Math.floor((n - offset) / size + 1e-9) - first))] += 1;
    }
    return out;
  });
  return { edges: Array.from({ length: many }, (_, i) => Number(((first + i) * size + offset).toPrecision(12))), size, counts };
}

const wanted = (count: number | undefined) => (count && count > 0 ? count : WANTED);

function roundSize(raw: number, magnitude: number): number {
  if (!(raw > 0)) {
    return magnitude > 0 ? 10 ** Math.floor(Math.log10(magnitude)) / 10 : 1;
  }
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 4, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? raw;
}
