import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { common, levelOf, logLines, pretty } from './lines';

const frame = toDataFrame({ fields: [
  { name: 'ts', type: FieldType.time, values: [1000, 3000, 2000] },
  { name: 'service', type: FieldType.string, values: ['api', 'api', 'api'] },
  { name: 'level', type: FieldType.string, values: ['WARN', 'error', null] },
  { name: 'message', type: FieldType.string, values: ['took 12 ms', 'boom', 'took 13 ms'] },
  { name: 'labels', type: FieldType.other, values: [{ pod: 'a' }, null, { pod: 'b' }] },
] });
const text = (_: unknown, value: unknown) => String(value);

describe('log lines', () => {
  it('find text, level and details, newest first', () => {
    const lines = logLines([frame], text, {});
    expect(lines.map((line) => [line.time, line.level, line.text])).toEqual([[3000, 'error', 'boom'], [2000, 'unknown', 'took 13 ms'], [1000, 'warning', 'took 12 ms']]);
    expect(lines[2].details).toEqual([['service', 'api'], ['level', 'WARN'], ['pod', 'a']]);
    expect(logLines([frame], text, { order: 'Ascending' })[0].time).toBe(1000);
  });
  it('count repeats', () => {
    expect(logLines([frame], text, { order: 'Ascending', dedup: 'numbers' }).map((line) => line.repeats)).toEqual([1, 0]);
    expect(logLines([frame], text, { dedup: 'exact' }).length).toBe(3);
  });
  it('say once what is common', () => {
    expect(common(logLines([frame], text, {}))).toEqual([['service', 'api']]);
    expect(common([])).toEqual([]);
  });
  it('survive frames without text', () => {
    expect(logLines([toDataFrame({ fields: [{ name: 'n', type: FieldType.number, values: [1] }] })], text, {})).toEqual([]);
  });
  it('know levels and JSON', () => {
    expect(['FATAL', 'Error', 'warn', 'information', 'dbg', 'TRACE', null, 'x'].map(levelOf)).toEqual(['critical', 'error', 'warning', 'info', 'debug', 'trace', 'unknown', 'unknown']);
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty('{no')).toBe('{no');
  });
});
