// The retention triangle: rows of (cohort, size, period, people) as one row a cohort, and the average of each period.
import { type DataFrame, type Field, FieldType } from '@grafana/data';
import { finite, nameOf } from '../kit/frame';

export interface Cell { people: number | null; share: number | null }
export interface Cohort { key: unknown; size: number | null; cells: Array<Cell | null> }
export interface Matrix {
  cohorts: Cohort[];
  periods: number[];
  /** Of each period: people who came back by people who could have. A cohort counts where it has a cell. */
  averages: Array<number | null>;
  cohort: Field;
  people?: Field;
  size?: Field;
}

export interface RetentionFields { cohortField?: string; sizeField?: string; periodField?: string; valueField?: string }

const COHORT = /(cohort|signup|first|joined|start)/i;
const SIZE = /(size|total|members|cohort_users|cohort_people)/i;
const PERIOD = /(period|index|offset|age|number|^(day|week|month|n)s?$|(days|weeks|months)_)/i;
const SHARE = /(share|percent|pct|rate|ratio|retention)/i;

/** More rows than this are not cohorts, but people or events. */
const COHORTS_MOST = 400;

export function matrix(frames: DataFrame[], ask: RetentionFields = {}): Matrix | null {
  const frame = frames.find((f) => f.length > 0 && f.fields.length > 2);
  if (!frame) {
    return null;
  }
  const named = (name: string | undefined) => (name ? frame.fields.find((field) => field.name === name || nameOf(field, frame, frames) === name) : undefined);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  const others = frame.fields.filter((field) => field.type !== FieldType.number);
  const cohort = named(ask.cohortField) ?? others.find((field) => COHORT.test(field.name)) ?? others.find((field) => field.type === FieldType.time) ?? others[0];
  const period = named(ask.periodField) ?? numbers.find((field) => PERIOD.test(field.name) && !SIZE.test(field.name) && !SHARE.test(field.name)) ?? (numbers.length > 1 ? numbers[numbers.length - 2] : undefined);
  const size = named(ask.sizeField) ?? numbers.find((field) => field !== period && SIZE.test(field.name)) ?? (numbers.length > 2 ? numbers.find((field) => field !== period && !SHARE.test(field.name)) : undefined);
  const value = named(ask.valueField) ?? numbers.find((field) => field !== period && field !== size && !SHARE.test(field.name)) ?? numbers.find((field) => field !== period && field !== size);
  if (!cohort || !period || !value) {
    return null;
  }
  const isShare = SHARE.test(value.name) || value.config.unit === 'percentunit' || value.config.unit === 'percent';
  const hundred = value.config.unit === 'percent' || (isShare && value.values.some((v) => (finite(v) ?? 0) > 1.5));
  const byCohort = new Map<unknown, { size: number | null; values: Map<number, number | null> }>();
  let most = -1;
  for (let i = 0; i < frame.length; i++) {
    const p = finite(period.values[i]);
    if (cohort.values[i] == null || p === null || p < 0 || p > 500 || !Number.isInteger(p)) {
      continue;
    }
    const row = byCohort.get(cohort.values[i]) ?? { size: null, values: new Map() };
    row.size = size ? finite(size.values[i]) ?? row.size : row.size;
    row.values.set(p, finite(value.values[i]));
    byCohort.set(cohort.values[i], row);
    most = Math.max(most, p);
  }
  if (byCohort.size === 0 || byCohort.size > COHORTS_MOST) {
    return null;
  }
  const periods = Array.from({ length: most + 1 }, (_, i) => i);
  const keys = [...byCohort.keys()].sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))));
  const cohorts = keys.map((key): Cohort => {
    const row = byCohort.get(key)!;
    // Without sizes everybody of period 0 is the cohort.
    const whole = row.size ?? (isShare ? null : row.values.get(0) ?? null);
    return {
      key, size: whole,
      cells: periods.map((p) => {
        const v = row.values.get(p);
        if (v == null) {
          return null;
        }
        const share = isShare ? (hundred ? v / 100 : v) : whole && whole > 0 ? v / whole : null;
        return { share, people: isShare ? (whole !== null ? Math.round(share! * whole) : null) : v };
      }),
    };
  });
  const averages = periods.map((p) => {
    let [came, could, shares, n] = [0, 0, 0, 0];
    for (const { size: whole, cells } of cohorts) {
      const share = cells[p]?.share;
      if (share != null) {
        came += share * (whole ?? 0);
        could += whole ?? 0;
        shares += share;
        n += 1;
      }
    }
    return n === 0 ? null : could > 0 ? came / could : shares / n;
  });
  return { cohorts, periods, averages, cohort, people: isShare ? undefined : value, size };
}
