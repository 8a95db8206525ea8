// Steps of a funnel out of rows: who came to each step, and what part of those before.
import { type DataFrame, type Field, FieldType } from '@grafana/data';
import { finite, nameOf, textOf } from '../kit/frame';

export interface Step {
  name: string;
  people: number;
  /** Shares of the first and of the previous step; null where that had nobody. */
  ofFirst: number | null;
  ofPrevious: number | null;
  /** Who did not go on from the previous step. */
  dropped: number;
  /** Median seconds from the previous step, if the query says. */
  seconds: number | null;
}
export interface Group { name: string; steps: Step[] }
export interface Funnel { groups: Group[]; people: Field; names: string[] }

/** More than this is no funnel but a wrong field; a page cannot draw thousands of steps. */
const STEPS_MOST = 60;

export interface FunnelFields { stepField?: string; peopleField?: string; timeField?: string; groupField?: string }

const STEP = /^(step|stage|event|name)/i;
const PEOPLE = /(people|users|persons|visitors|count|uniq)/i;
const TIME = /(sec|time|median|duration|convert)/i;
const GROUP = /(group|segment|breakdown|cohort|variant)/i;

export function convert(rows: Array<{ name: string; people: number | null; seconds: number | null }>): Step[] {
  const first = rows[0]?.people ?? 0;
  return rows.map(({ name, people, seconds }, i) => {
    const now = people ?? 0;
    const before = i === 0 ? now : rows[i - 1].people ?? 0;
    return {
      name, people: now, seconds: i === 0 ? null : seconds, dropped: i === 0 ? 0 : Math.max(0, before - now),
      ofFirst: first > 0 ? now / first : null, ofPrevious: before > 0 ? now / before : null,
    };
  });
}

/** Fields by their given names, else by what their names say, else by type and order. */
export function funnel(frames: DataFrame[], ask: FunnelFields = {}): Funnel | null {
  const frame = frames.find((f) => f.length > 0 && f.fields.some((field) => field.type === FieldType.number));
  if (!frame) {
    return null;
  }
  const named = (name: string | undefined) => (name ? frame.fields.find((field) => field.name === name || nameOf(field, frame, frames) === name) : undefined);
  const texts = frame.fields.filter((field) => field.type !== FieldType.number && field.type !== FieldType.time);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  const people = named(ask.peopleField) ?? numbers.find((field) => PEOPLE.test(field.name) && !STEP.test(field.name)) ?? numbers.find((field) => !STEP.test(field.name) && !TIME.test(field.name)) ?? numbers[0];
  const step = named(ask.stepField) ?? texts.find((field) => STEP.test(field.name)) ?? texts.find((field) => !GROUP.test(field.name)) ?? numbers.find((field) => field !== people && STEP.test(field.name));
  if (!step || step === people) {
    return null;
  }
  const time = named(ask.timeField) ?? numbers.find((field) => field !== people && field !== step && TIME.test(field.name));
  const group = named(ask.groupField) ?? texts.find((field) => field !== step && GROUP.test(field.name)) ?? texts.find((field) => field !== step && texts.length === 2);
  const byGroup = new Map<string, Map<string, { name: string; people: number | null; seconds: number | null }>>();
  const names: string[] = [];
  for (let i = 0; i < frame.length; i++) {
    const name = textOf(step, step.values[i]);
    const key = group ? textOf(group, group.values[i]) : '';
    if (!names.includes(name)) {
      names.push(name);
    }
    const steps = byGroup.get(key) ?? new Map();
    byGroup.set(key, steps.set(name, { name, people: finite(people.values[i]), seconds: time ? finite(time.values[i]) : null }));
  }
  if (names.length > STEPS_MOST || byGroup.size > STEPS_MOST) {
    return null;
  }
  const groups = [...byGroup].map(([name, steps]) => ({ name, steps: convert(names.map((step) => steps.get(step) ?? { name: step, people: 0, seconds: null })) }));
  return { groups, people, names };
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`;
}

export function span(seconds: number | null): string {
  if (seconds === null) {
    return '–';
  }
  const [size, unit] = seconds < 1 ? [0.001, 'ms'] : seconds < 90 ? [1, 's'] : seconds < 5400 ? [60, 'min'] : seconds < 172800 ? [3600, 'h'] : [86400, 'd'];
  const n = seconds / size;
  return `${n < 10 && unit !== 'ms' ? Number(n.toFixed(1)) : Math.round(n)} ${unit}`;
}
