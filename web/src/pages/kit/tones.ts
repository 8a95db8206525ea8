// Which tone a state has, by the words of the server.
import type { Tone } from './StateBadge';
import type { TableState } from './status';

const TABLES: Record<TableState, Tone> = { streaming: 'good', copying: 'busy', waiting: 'quiet', failed: 'bad', removed: 'quiet' };

export const toneOfTable = (state: TableState): Tone => TABLES[state] ?? 'quiet';

/** Of a run of dbt, and of its nodes. */
export function toneOfRun(status: string): Tone {
  switch (status.toLowerCase()) {
    case 'success':
    case 'pass':
      return 'good';
    case 'running':
      return 'busy';
    case 'warn':
    case 'partial success':
    case 'interrupted':
      return 'warn';
    case 'failed':
    case 'fail':
    case 'error':
    case 'runtime error':
    case 'timeout':
      return 'bad';
    default:
      return 'quiet';
  }
}

/** Of a rule, and of its instances: `Normal`, or with its reason `Normal (MissingSeries)`. */
export function toneOfAlert(state: string): Tone {
  switch (state.toLowerCase().split(' ')[0]) {
    case 'normal':
    case 'inactive':
      return 'good';
    case 'pending':
    case 'recovering':
      return 'warn';
    case 'alerting':
    case 'firing':
    case 'error':
      return 'bad';
    case 'nodata':
      return 'warn';
    default:
      return 'quiet';
  }
}
