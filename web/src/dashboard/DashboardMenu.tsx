// What can be done with a dashboard as a whole: read and change its JSON, keep a copy, see the keys.
import { Dropdown, Menu, ToolbarButton } from '@grafana/ui';
import { useState } from 'react';
import type { DashboardScene } from './DashboardScene';
import { DashboardJsonDrawer } from './DashboardJsonDrawer';
import { downloadJson } from './export/json';
import { Help } from './Help';

export function DashboardMenu({ scene }: { scene: DashboardScene }) {
  const [shown, setShown] = useState<'json' | 'keys'>();
  const close = () => setShown(undefined);
  const download = () => downloadJson(scene.state.document, scene.state.title);
  const menu = (
    <Menu>
      <Menu.Item label="JSON of the dashboard" icon="brackets-curly" onClick={() => setShown('json')} />
      <Menu.Item label="Download the JSON" icon="download-alt" onClick={download} />
      <Menu.Item label="Keys" icon="keyboard" shortcut="?" onClick={() => setShown('keys')} />
    </Menu>
  );
  return (
    <>
      <Dropdown overlay={menu} placement="bottom-end">
        <ToolbarButton icon="ellipsis-v" variant="canvas" aria-label="More of this dashboard" />
      </Dropdown>
      {shown === 'json' && <DashboardJsonDrawer scene={scene} onClose={close} />}
      {shown === 'keys' && <Help onClose={close} />}
    </>
  );
}
