// A panel's frames as JSON: a list of rows, or of such lists when there are several frames.
import type { DashboardJson } from '../../api';
import { textOfDashboard } from '../json';
import { FieldType, type DataFrame, getFieldDisplayName } from '@grafana/data';
import { save } from './save';

export function saveJson(frames: DataFrame[], name: string) {
  const tables = frames.map((frame) => rowsOf(frame, frames));
  save(new Blob([JSON.stringify(tables.length === 1 ? tables[0] : tables, null, 2)], { type: 'application/json' }), name, 'json');
}

export function rowsOf(frame: DataFrame, frames: DataFrame[]): Array<Record<string, unknown>> {
  const names = frame.fields.map((field) => getFieldDisplayName(field, frame, frames));
  return Array.from({ length: frame.length }, (_, row) =>
    Object.fromEntries(
      frame.fields.map((field, at) => {
        const value = field.values[row];
        return [names[at], field.type === FieldType.time && value !== null ? new Date(value).toISOString() : value];
      })
    )
  );
}

/** The file of a dashboard. */
export function downloadJson(dashboard: DashboardJson, title: string) {
  save(new Blob([textOfDashboard(dashboard)], { type: 'application/json' }), title, 'json');
}
