// The keys, told.
import { Modal, useStyles2 } from '@grafana/ui';
import type { GrafanaTheme2 } from '@grafana/data';
import { css } from '@emotion/css';

const keys: Array<[string, string]> = [
  ['v', 'the panel below the mouse in full'],
  ['e', 'edit it'],
  ['i', 'inspect it'],
  ['Esc', 'back to the dashboard'],
  ['t z', 'zoom out'],
  ['t ←', 'earlier'],
  ['t →', 'later'],
  ['d r', 'refresh'],
  ['?', 'these keys'],
];

export function Help({ onClose }: { onClose: () => void }) {
  const styles = useStyles2(getStyles);
  return (
    <Modal title="Keys" isOpen onDismiss={onClose}>
      <dl className={styles.list}>
        {keys.map(([key, does]) => (
          <div key={key} className={styles.line}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ margin: 0 }),
  line: css({ display: 'grid', gridTemplateColumns: '72px 1fr', padding: theme.spacing(0.5, 0), dd: { margin: 0 } }),
});
