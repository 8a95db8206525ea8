// The nodes of one run: what failed first, then what took longest.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import type { Run } from '../../api';
import { DataTable } from '../kit/DataTable';
import { Scroll } from '../kit/Scroll';
import { StateBadge } from '../kit/StateBadge';
import { toneOfRun } from '../kit/tones';
import { bytesText, countText, durationText } from '../kit/words';
import { shortName } from './graph';
import type { Node } from './models';

const RANK = { bad: 0, warn: 1, busy: 2, good: 3, quiet: 4 };

export function RunNodes({ run }: { run: Run }) {
  const styles = useStyles2(getStyles);
  const rank = (node: Node) => RANK[toneOfRun(node.status)];
  const nodes = [...(run.nodes as Node[])].sort((a, b) => rank(a) - rank(b) || (b.seconds ?? 0) - (a.seconds ?? 0));
  return (
    <Scroll label="Nodes of the run" className={styles.inside}>
      <DataTable
        caption="Nodes of the run"
        rows={nodes}
        keyOf={(node) => node.node}
        more={(node) => node.error && toneOfRun(node.status) !== 'good' && <pre className={styles.error}>{node.error}</pre>}
        columns={[
          { head: 'Node', cell: (node) => <span title={node.node}>{shortName(node.node)}</span>, wide: true },
          { head: 'Kind', cell: (node) => node.kind },
          { head: 'State', cell: (node) => <StateBadge tone={toneOfRun(node.status)}>{node.status}</StateBadge> },
          { head: 'Took', number: true, cell: (node) => durationText(node.seconds) },
          { head: 'Rows', number: true, cell: (node) => countText(node.rows) },
          { head: 'Size', number: true, cell: (node) => bytesText(node.bytes) },
        ]}
      />
    </Scroll>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  inside: css({ borderLeft: `2px solid ${theme.colors.border.medium}`, paddingLeft: theme.spacing(1.5), maxHeight: 480, overflow: 'auto' }),
  error: css({ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', background: theme.colors.background.canvas }),
});
