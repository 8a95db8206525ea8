// The refresh picker of scenes with a name for its button, which has none for a screen reader as it comes.
import { RefreshPicker } from '@grafana/ui';
import { SceneRefreshPicker, sceneGraph, type SceneComponentProps } from '@grafana/scenes';

export class Refresh extends SceneRefreshPicker {
  static Component = Picker;
}

function Picker({ model }: SceneComponentProps<Refresh>) {
  const { refresh, intervals } = model.useState();
  const running = sceneGraph.getQueryController(model)?.useState().isRunning ?? false;
  return (
    <RefreshPicker
      value={refresh}
      intervals={intervals}
      tooltip={running ? 'Cancel all queries' : 'Refresh'}
      isLoading={running}
      isOnCanvas
      onRefresh={model.onRefresh}
      onIntervalChanged={model.onIntervalChanged}
    />
  );
}
