// The variables in scope as the parameters of an address: `var-service=cart`.
import type { SceneObject } from '@grafana/scenes';

export function variablesOfUrl(object: SceneObject): Record<string, string | string[]> {
  const params: Record<string, string | string[]> = {};
  for (let at: SceneObject | undefined = object; at; at = at.parent) {
    for (const variable of at.state.$variables?.state.variables ?? []) {
      for (const [key, value] of Object.entries(variable.urlSync?.getUrlState() ?? {})) {
        if (!(key in params) && value !== undefined && value !== null) {
          params[key] = value;
        }
      }
    }
  }
  return params;
}
