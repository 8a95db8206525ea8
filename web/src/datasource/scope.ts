// What stands around a query in the scene: its panel, its dashboard, and the values of all variables in scope.
import type { ScopedVars } from '@grafana/data';
import { MultiValueVariable, VizPanel, isCustomVariableValue, type SceneObject, type SceneVariable } from '@grafana/scenes';
import type { VariableValue } from '../api';

export function sceneObjectOf(scopedVars: ScopedVars | undefined): SceneObject | undefined {
  return scopedVars?.__sceneObject?.value?.valueOf() as SceneObject | undefined;
}

export function panelIdOf(object: SceneObject | undefined): number | null {
  const panel = object && (object instanceof VizPanel ? object : ancestorPanel(object));
  return panel ? panel.getLegacyPanelId() : null;
}

function ancestorPanel(object: SceneObject): VizPanel | undefined {
  for (let at = object.parent; at; at = at.parent) {
    if (at instanceof VizPanel) {
      return at;
    }
  }
  return undefined;
}

/** The root of a dashboard's scene carries its uid. */
export function dashboardUidOf(object: SceneObject | undefined): string | null {
  const root = object?.getRoot().state as { uid?: string } | undefined;
  return root?.uid ?? null;
}

/** The nearest of a name wins: that is how a repeated panel sees its own value. */
export function variablesInScope(object: SceneObject | undefined): Record<string, VariableValue> {
  const values: Record<string, VariableValue> = {};
  for (let at: SceneObject | undefined = object; at; at = at.parent) {
    for (const variable of at.state.$variables?.state.variables ?? []) {
      if (!(variable.state.name in values)) {
        values[variable.state.name] = valueOf(variable);
      }
    }
  }
  return values;
}

export function valueOf(variable: SceneVariable): VariableValue {
  const all = variable instanceof MultiValueVariable && variable.hasAllValue();
  const value = variable.getValue();
  return {
    value: Array.isArray(value) ? value.map(String) : value && isCustomVariableValue(value) ? value.formatter() : String(value ?? ''),
    text: textOf(variable),
    all,
  };
}

function textOf(variable: SceneVariable): string | string[] {
  const text = (variable.state as { text?: unknown }).text;
  if (Array.isArray(text)) {
    return text.map(String);
  }
  return String(text ?? variable.getValueText?.() ?? variable.getValue() ?? '');
}

