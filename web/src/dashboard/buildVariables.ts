// The file's `templating.list` as the variables of the scene.
import { VariableHide, VariableRefresh, VariableSort } from '@grafana/data';
import {
  ConstantVariable,
  CustomVariable,
  DataSourceVariable,
  IntervalVariable,
  QueryVariable,
  SceneVariableSet,
  TextBoxVariable,
  type SceneVariable,
} from '@grafana/scenes';
import type { DashboardJson } from '../api';
import { clickhouse } from '../datasource/clickhouse';

/** A variable of the file. Types that are not in this list are told of in the notices. */
export interface VariableJson {
  name: string;
  type: string;
  [key: string]: any;
}

const AUTO = '$__auto';

export function buildVariables(dashboard: DashboardJson): SceneVariableSet {
  const list: VariableJson[] = dashboard.templating?.list ?? [];
  return new SceneVariableSet({ variables: list.map(buildVariable).filter((variable) => variable !== undefined) });
}

export function buildVariable(json: VariableJson): SceneVariable | undefined {
  const common = {
    name: json.name,
    label: json.label || undefined,
    description: json.description,
    hide: (json.hide ?? VariableHide.dontHide) as VariableHide,
    skipUrlSync: json.skipUrlSync,
  };
  const chosen = { ...common, value: json.current?.value ?? '', text: json.current?.text ?? '' };
  const many = {
    ...chosen,
    isMulti: Boolean(json.multi),
    includeAll: Boolean(json.includeAll),
    defaultToAll: Boolean(json.includeAll),
    allValue: json.allValue || undefined,
    allowCustomValue: json.allowCustomValue ?? true,
  };
  switch (json.type) {
    case 'query':
      return new QueryVariable({
        ...many,
        datasource: clickhouse.getRef(),
        query: json.query ?? '',
        definition: json.definition,
        regex: json.regex ?? '',
        regexApplyTo: json.regexApplyTo ?? 'value',
        refresh: (json.refresh || VariableRefresh.onDashboardLoad) as VariableRefresh,
        sort: (json.sort ?? VariableSort.disabled) as VariableSort,
        staticOptions: json.staticOptions?.map(({ value, text }: { value: string; text: string }) => ({ value, label: text })),
        staticOptionsOrder: json.staticOptionsOrder,
      });
    case 'custom':
      return new CustomVariable({ ...many, query: json.query ?? '', valuesFormat: json.valuesFormat });
    case 'datasource':
      return new DataSourceVariable({ ...many, pluginId: json.query ?? '', regex: json.regex ?? '', value: clickhouse.uid, text: clickhouse.name });
    case 'interval':
      return new IntervalVariable({
        ...common,
        value: isAuto(json.current?.value) ? AUTO : (json.current?.value ?? ''),
        intervals: listOf(json.query),
        autoEnabled: Boolean(json.auto),
        autoStepCount: json.auto_count ?? 30,
        autoMinInterval: json.auto_min ?? '10s',
        refresh: VariableRefresh.onTimeRangeChanged,
      });
    case 'textbox':
      return new TextBoxVariable({ ...common, value: String(json.current?.value ?? json.query ?? '') });
    case 'constant':
      return new ConstantVariable({ ...common, hide: (json.hide ?? VariableHide.hideVariable) as VariableHide, value: json.query ?? json.current?.value ?? '' });
    default:
      return undefined;
  }
}

const isAuto = (value: unknown) => typeof value === 'string' && value.startsWith('$__auto');

/** `1m,10m,"1h"` → its parts. */
function listOf(query: unknown): string[] {
  return String(query ?? '')
    .split(',')
    .map((part) => part.trim().replace(/^["']|["']$/g, ''))
    .filter(Boolean);
}
